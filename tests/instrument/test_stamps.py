"""Which clock tells a round trip."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from udpecho.instrument.stamps import STEP_NS, Clock, Stamp, round_trip

MS = 1_000_000


class At(NamedTuple):
    """A moment, by the process's clocks and by the kernel's."""

    monotonic_ns: int
    wall_ns: int
    kernel_ns: int | None = None


HOUR = 3_600_000 * MS


@pytest.mark.parametrize(
    ("sent", "came", "rtt_ns", "clock", "why"),
    [
        (At(0, HOUR), At(5 * MS, HOUR + 5 * MS), 5 * MS, Clock.USER, "no stamps at all"),
        (
            At(0, HOUR, HOUR + 10),
            At(5 * MS, HOUR + 5 * MS),
            5 * MS,
            Clock.USER,
            "the kernel stamped one of two",
        ),
        (
            At(0, HOUR),
            At(25 * MS, HOUR + 25 * MS, HOUR + 5 * MS),
            5 * MS,
            Clock.USER,
            "a driver stamps no departure, and the reply was read 20 ms after it came",
        ),
        (
            At(0, HOUR),
            At(5 * MS, 2 * HOUR, 2 * HOUR - 1),
            5 * MS,
            Clock.USER,
            "the same, and the wall clock was set",
        ),
        (
            At(0, HOUR, HOUR + 10),
            At(25 * MS, HOUR + 25 * MS, HOUR + 7010),
            7000,
            Clock.KERNEL,
            "the process was blocked for 25 ms, the kernel saw 7 µs",
        ),
        (
            At(0, HOUR, HOUR + 10),
            At(5 * MS, 2 * HOUR, 2 * HOUR - 1),
            5 * MS,
            Clock.USER,
            "the wall clock was set forward between the stamps",
        ),
        (
            At(0, HOUR, HOUR + 10),
            At(5 * MS, HOUR + 2 * MS, HOUR + MS),
            5 * MS,
            Clock.USER,
            "the wall clock was set back by 3 ms, which the stamps alone would hide",
        ),
        (
            At(0, HOUR, HOUR + 10),
            At(5 * MS, HOUR + 5 * MS + STEP_NS, HOUR + MS),
            MS - 10,
            Clock.KERNEL,
            "the clocks were read a little apart",
        ),
        (
            At(0, HOUR, HOUR + 10),
            At(5 * MS, HOUR + 5 * MS, HOUR),
            5 * MS,
            Clock.USER,
            "a reply stamped before its request",
        ),
        (
            At(0, HOUR, HOUR + 10),
            At(5 * MS, HOUR + 5 * MS, HOUR + 9 * MS),
            5 * MS,
            Clock.USER,
            "stamps further apart than the process lived through",
        ),
        (
            At(0, HOUR, HOUR),
            At(5 * MS, HOUR + 5 * MS, HOUR + 5 * MS + STEP_NS),
            5 * MS + STEP_NS,
            Clock.KERNEL,
            "as far apart as two readings of the clocks may be",
        ),
        (At(5, HOUR), At(0, HOUR), 0, Clock.USER, "never negative"),
    ],
)
def test_the_kernel_is_believed_unless_the_wall_clock_was_set(
    sent: At, came: At, rtt_ns: int, clock: Clock, why: str
) -> None:
    told = round_trip(Stamp(*sent[:2]), Stamp(*came[:2]), sent.kernel_ns, came.kernel_ns)
    assert told == (rtt_ns, clock), why
