"""Which clock tells a round trip."""

from __future__ import annotations

import pytest

from udpecho.stamps import STEP_NS, Clock, Stamp, round_trip

MS = 1_000_000
HOUR = 3_600_000 * MS


@pytest.mark.parametrize(
    ("sent", "came", "rtt_ns", "clock", "why"),
    [
        (Stamp(0, HOUR), Stamp(5 * MS, HOUR + 5 * MS), 5 * MS, Clock.USER, "no stamps at all"),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(5 * MS, HOUR + 5 * MS),
            5 * MS,
            Clock.USER,
            "the kernel stamped one of two",
        ),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(25 * MS, HOUR + 25 * MS, HOUR + 7010),
            7000,
            Clock.KERNEL,
            "the process was blocked for 25 ms, the kernel saw 7 µs",
        ),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(5 * MS, 2 * HOUR, 2 * HOUR - 1),
            5 * MS,
            Clock.USER,
            "the wall clock was set forward between the stamps",
        ),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(5 * MS, HOUR + 2 * MS, HOUR + MS),
            5 * MS,
            Clock.USER,
            "the wall clock was set back by 3 ms, which the stamps alone would hide",
        ),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(5 * MS, HOUR + 5 * MS + STEP_NS, HOUR + MS),
            MS - 10,
            Clock.KERNEL,
            "the clocks were read a little apart",
        ),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(5 * MS, HOUR + 5 * MS, HOUR),
            5 * MS,
            Clock.USER,
            "a reply stamped before its request",
        ),
        (
            Stamp(0, HOUR, HOUR + 10),
            Stamp(5 * MS, HOUR + 5 * MS, HOUR + 9 * MS),
            5 * MS,
            Clock.USER,
            "stamps further apart than the process lived through",
        ),
        (Stamp(5, HOUR), Stamp(0, HOUR), 0, Clock.USER, "never negative"),
    ],
)
def test_the_kernel_is_believed_unless_the_wall_clock_was_set(
    sent: Stamp, came: Stamp, rtt_ns: int, clock: Clock, why: str
) -> None:
    assert round_trip(sent, came) == (rtt_ns, clock), why
