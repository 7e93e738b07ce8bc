"""What a look at paths is like unless told otherwise."""

from __future__ import annotations

FLOWS = 16
"""Source ports that are looked from, unless told otherwise."""

LONGEST = 60.0
"""Seconds after which a look ends, whatever is still open, unless told otherwise."""

MOST_HOPS = 30
"""TTLs that are asked at most, unless told otherwise: traceroute's default."""
