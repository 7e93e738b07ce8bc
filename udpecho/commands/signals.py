"""Signals: what sums up, what then ends the process, and what has it tell how far it is.

Until a command has something to sum up, they have their default meaning.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

from udpecho.commands.ending import die_by, heed_output
from udpecho.commands.status import FAILED
from udpecho.commands.streams import stuck

AGAIN = 0.12
"""Seconds within which a signal is still the same one: timeout(1) sends each twice, once to its
child and once to the group."""

STUCK = 1.0
"""Seconds that a write may take once a signal has come: nobody reads what is said."""

Tell: TypeAlias = Callable[[], None]

Heed: TypeAlias = Callable[[Tell], None]
"""What a command calls once there is something to sum up, with how to tell how far it is."""

_ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_TELLING = getattr(signal, "SIGQUIT", None)


class Signals:
    """What a command heeds: the first of a kind ends it in its own way, the second at once."""

    def __init__(self, wake: Callable[[Tell], None]) -> None:
        """Take how to have something called soon, and outside of what a signal interrupts."""
        self._wake = wake
        self._came: dict[int, float] = {}
        self._unsaid = False

    def heed(self, end: Tell, tell: Tell) -> None:
        """Heed them from now on: there is something to sum up, and to tell at each SIGQUIT."""
        self._end = end
        heed_output(self._output_failed)
        for number in _ENDING:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup(1)
                signal.signal(number, self._ending)
        if _TELLING is not None:
            signal.signal(_TELLING, lambda *_: self._wake(tell))

    def last_word(self, status: int | None) -> int:
        """Give the exit status, or die by the signal that has ended it.

        SIGINT leaves a status, if there was anything to give one for.
        """
        for number in self._came:
            if number != signal.SIGINT or status is None:
                die_by(number)
        return FAILED if self._unsaid or status is None else status

    def _output_failed(self, by: int | None) -> None:
        self._unsaid = True
        if by is not None:
            self._came.setdefault(by, time.monotonic())
        self._wake(self._end)

    def _ending(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        first = self._came.setdefault(number, now)
        if now - first > AGAIN:
            die_by(number)
        if len(self._came) == 1 and first == now:
            signal.signal(signal.SIGALRM, lambda *_: self._give_up(number))
            signal.setitimer(signal.ITIMER_REAL, STUCK, STUCK)
            self._wake(self._end)

    def _give_up(self, number: int) -> None:
        if stuck(STUCK):
            die_by(number)


def ignore(tell: Tell) -> None:
    """Heed no signals: a command runs in somebody else's process."""


def usual() -> None:
    """Give a signal its default meaning that a reactor has taken over when it began to run."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def between_stops(before: Tell, after: Tell) -> Iterator[None]:
    """Have something done before the terminal stops the process (Ctrl-Z), and when it goes on.

    Both are called within a signal's handler. SIGSTOP leaves no time for the first.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        before()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns once it goes on; at once, if no shell looks after it
        signal.signal(number, stop)
        after()

    usual = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if usual[0] != signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, stop)
    signal.signal(signal.SIGCONT, lambda *_: after())
    try:
        yield
    finally:
        for number, handler in zip((signal.SIGTSTP, signal.SIGCONT), usual, strict=True):
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold signals back from a process that is started meanwhile: a terminal's reach all of them.

    One that came for this process comes when the block ends.
    """
    numbers = {*_ENDING, *([] if _TELLING is None else [_TELLING])}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
