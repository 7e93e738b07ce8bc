"""When each probe is due."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.ping.plan import (
    GRAIN_NS,
    MIN_INTERVAL_NS,
    PATIENCE_NS,
    TOGETHER,
    Group,
    Plan,
    Schedule,
    Slot,
    Target,
)

MS = 1_000_000
SECOND = 1000 * MS


def targets(number: int) -> tuple[Target, ...]:
    return tuple(Target(f"host{n}", (f"192.0.2.{n % 256}", 7)) for n in range(number))


def first(number: int, plan: Plan) -> list[Slot]:
    return list(islice(plan.slots(), number))


def test_one_target_is_probed_every_interval() -> None:
    plan = Plan(targets=targets(1), interval_ns=MS)
    assert first(3, plan) == [
        Slot(0, 0, 0, 1, 1),
        Slot(MS, 0, 0, 2, 2),
        Slot(2 * MS, 0, 0, 3, 3),
    ]


def test_flows_take_turns_and_count_for_themselves() -> None:
    plan = Plan(targets=targets(1), flows=3)
    slots = first(7, plan)
    assert [slot.flow for slot in slots] == [0, 1, 2, 0, 1, 2, 0]
    assert [slot.flow_sequence for slot in slots] == [1, 1, 1, 2, 2, 2, 3]
    assert [slot.sequence for slot in slots] == [1, 2, 3, 4, 5, 6, 7]


def test_targets_share_the_interval_evenly() -> None:
    plan = Plan(targets=targets(4), interval_ns=SECOND)
    slots = first(5, plan)
    assert [slot.due_ns // MS for slot in slots] == [0, 250, 500, 750, 1000]
    assert [plan.groups()[slot.group].targets for slot in slots[:4]] == [
        range(n, n + 1) for n in range(4)
    ]
    assert slots[4].group == 0


def test_many_targets_are_due_in_groups_of_fifty() -> None:
    groups = Plan(targets=targets(10_000), interval_ns=SECOND).groups()
    assert [len(group.targets) for group in groups] == [50] * 200
    assert [group.offset_ns for group in groups] == [n * GRAIN_NS for n in range(200)]


def test_what_is_due_at_once_is_sent_in_bursts_of_a_bounded_size() -> None:
    groups = Plan(targets=targets(100), interval_ns=MS).groups()
    assert groups == [Group(0, range(TOGETHER)), Group(0, range(TOGETHER, 100))]


@given(st.integers(1, 300), st.integers(MIN_INTERVAL_NS, 2 * SECOND), st.integers(1, 5))
def test_no_probe_is_due_before_an_earlier_one(hosts: int, interval_ns: int, flows: int) -> None:
    plan = Plan(targets=targets(hosts), interval_ns=interval_ns, flows=flows)
    groups = plan.groups()
    assert [n for group in groups for n in group.targets] == list(range(hosts)), "each is in one"
    assert max(len(group.targets) for group in groups) <= TOGETHER
    dues = [slot.due_ns for slot in first(3 * len(groups), plan)]
    assert dues == sorted(dues)
    later = dues[len(groups) :]
    assert later == [due_ns + interval_ns for due_ns in dues[: len(later)]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"targets": ()}, "needs a target"),
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


def test_a_plan_with_a_count_ends() -> None:
    slots = list(Plan(targets=targets(2), count=3, flows=2).slots())
    assert [(slot.group, slot.flow, slot.flow_sequence) for slot in slots] == [
        (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 2), (1, 0, 2),
    ]  # fmt: skip


def taken(schedule: Schedule, now_ns: int, most: int = 9) -> list[tuple[int, int]]:
    """Take what is due at a time, by its number and when it was, in ms."""
    due = iter(lambda: schedule.take(now_ns), None)
    return [(slot.sequence, due_ns // MS) for slot, due_ns in islice(due, most)]


def test_a_schedule_gives_what_is_due_and_when_it_was() -> None:
    schedule = Schedule(Plan(targets=targets(1), interval_ns=10 * MS, count=4), 5 * MS)
    assert schedule.next_ns == 5 * MS
    assert taken(schedule, 5 * MS - 1) == []
    assert taken(schedule, 5 * MS) == [(1, 5)]
    assert taken(schedule, 28 * MS) == [(2, 15), (3, 25)], "a late one delays no other"
    assert schedule.next_ns == 35 * MS
    assert taken(schedule, SECOND) == [(4, 35)]
    assert schedule.next_ns is None
    assert taken(schedule, 2 * SECOND) == []


def test_a_schedule_that_slept_starts_anew() -> None:
    schedule = Schedule(Plan(targets=targets(1), interval_ns=100 * MS), 0)
    assert taken(schedule, PATIENCE_NS, 3) == [(1, 0), (2, 100), (3, 200)]
    assert taken(schedule, 5 * SECOND) == [(4, 5000)]
    assert schedule.next_ns == 5100 * MS


def test_the_number_of_probes_is_known_when_the_count_is() -> None:
    assert Plan(targets=targets(3), count=5).probes == 15
    assert Plan(targets=targets(3)).probes is None
