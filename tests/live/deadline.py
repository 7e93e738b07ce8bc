"""Deadlines that hold on a machine that has other work, too.

Each is many times what was seen while two busy loops ran on the two cores, and is far less than
what the fault that it looks for takes, which is for ever or until the test gives up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SHUTDOWN = 5.0
"""Seconds that a stop may take: 250 ms to answer what is queued, and the end of the process."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail unless what is done inside takes less than this many seconds."""
    began = time.monotonic()
    yield
    in_time(time.monotonic() - began, seconds)


def in_time(took: float, seconds: float) -> None:
    """Fail unless it took less than this many seconds."""
    assert took < seconds, f"it took {took:.3f} s of {seconds} at most"
