"""twistd whose wall clock is wrong: by what a file says, in seconds.

Run as python -m tests.live.wrong_clock FILE ARGUMENT…
What the program reads of the wall clock is wrong, now and then by another amount; the kernel's own
stamps are right, as they are where somebody has set a program's clock (libfaketime).
"""

import sys
import time
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])

_time, _time_ns = time.time, time.time_ns
_gettime, _gettime_ns = time.clock_gettime, time.clock_gettime_ns


def _off() -> int:
    try:
        return int(FILE.read_text() or 0)
    except FileNotFoundError:
        return 0


def _is_wall(clock: int) -> bool:
    return clock == time.CLOCK_REALTIME


def _make_wrong() -> None:
    """Have the module time be wrong; who imports from it comes later."""
    wrong: Any = time
    wrong.time = lambda: _time() + _off()
    wrong.time_ns = lambda: _time_ns() + _off() * 10**9
    wrong.clock_gettime = lambda clock: _gettime(clock) + _is_wall(clock) * _off()
    wrong.clock_gettime_ns = lambda clock: _gettime_ns(clock) + _is_wall(clock) * _off() * 10**9


if __name__ == "__main__":
    _make_wrong()
    from twisted.scripts.twistd import run

    sys.argv = ["twistd", "--nodaemon", "--pidfile=", *sys.argv[2:]]
    run()
