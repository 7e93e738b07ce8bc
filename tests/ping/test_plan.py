"""What a ping is asked to do."""

from __future__ import annotations

import pytest

from udpecho.ping.plan import MIN_INTERVAL_NS, Plan, Target


def targets(number: int) -> tuple[Target, ...]:
    return tuple(Target(f"host{n}", (f"192.0.2.{n % 256}", 7)) for n in range(number))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"interval_ns": MIN_INTERVAL_NS - 1}, "interval"),
        ({"count": 0}, "count"),
        ({"timeout_ns": 0}, "timeout"),
        ({"size": 15}, "16 to 65507 bytes, not 15"),
        ({"size": 65508}, "not 65508"),
        ({"flows": 0}, "flow"),
    ],
)
def test_a_plan_that_cannot_be_is_an_error(wrong: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"targets": targets(1)} | wrong
    with pytest.raises(ValueError, match=message):
        Plan(**arguments)  # type: ignore[arg-type]


def test_the_number_of_probes_is_known_when_the_count_is() -> None:
    assert Plan(targets=targets(3), count=5).probes == 15
    assert Plan(targets=targets(3), count=5, expected=2).probes == 25
    assert Plan(targets=targets(3)).probes is None
