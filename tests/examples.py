"""hypothesis by our one profile, under pytest and trial alike.

There is no deadline: how long an example takes is the machine's mood. CI has time for more
examples than someone who waits.
"""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

__all__ = ["given", "settings", "st"]

settings.register_profile("udpecho", deadline=None, max_examples=200 if "CI" in os.environ else 50)
settings.load_profile("udpecho")
