"""A machine that has other work: loops that take all the time they get."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOOP = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    pass
"""


@contextmanager
def busy_loops(count: int, *, seconds: float) -> Iterator[list[int]]:
    """Run this many loops until the context is left, or for this many seconds at most.

    Their process ids are returned.
    """
    command = [sys.executable, "-c", LOOP, str(seconds)]
    loops = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield [loop.pid for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
