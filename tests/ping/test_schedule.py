"""When each probe is due, while targets come and go."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from udpecho.ping.plan import MIN_INTERVAL_NS, Target
from udpecho.ping.schedule import (
    GRAIN_NS,
    MOST_PLACES,
    PATIENCE_NS,
    TOGETHER,
    Places,
    Schedule,
)

MS = 1_000_000
SECOND = 1000 * MS
DAY = 86400 * SECOND


def target(number: int) -> Target:
    return Target(f"host{number}", (f"192.0.2.{number % 256}", 7))


def schedule_of(hosts: int, interval_ns: int = SECOND, count: int | None = None) -> Schedule:
    """Make a schedule of targets that are there from the start."""
    schedule = Schedule(interval_ns)
    for number in range(hosts):
        place = schedule.even(number, hosts)
        schedule.join(target(number), 0, count=count, place=place)
    return schedule


def taken(schedule: Schedule, now_ns: int, most: int = 9) -> list[tuple[int, int]]:
    """Take what is due at a time, by its turn and when it was, in ms."""
    due = iter(lambda: schedule.take(now_ns), None)
    return [(slot.turn, due_ns // MS) for slot, due_ns in islice(due, most)]


def due_times(schedule: Schedule, until_ns: int) -> list[tuple[int, list[Target]]]:
    """Take all that is due up to a time: when, and whom."""
    times = []
    while (next_ns := schedule.next_ns) is not None and next_ns <= until_ns:
        got = schedule.take(next_ns)
        assert got is not None
        slot, due_ns = got
        times.append((due_ns, [*slot.done, *slot.group.members]))
    return times


def test_a_schedule_gives_what_is_due_and_when_it_was() -> None:
    schedule = schedule_of(1, 10 * MS, count=4)
    schedule.start(5 * MS)
    assert schedule.next_ns == 5 * MS
    assert taken(schedule, 5 * MS - 1) == []
    assert taken(schedule, 5 * MS) == [(0, 5)]
    assert taken(schedule, 28 * MS) == [(1, 15), (2, 25)], "a late one delays no other"
    assert schedule.next_ns == 35 * MS
    assert taken(schedule, SECOND) == [(3, 35)]
    assert schedule.next_ns is None
    assert taken(schedule, 2 * SECOND) == []


def test_a_schedule_that_slept_starts_anew() -> None:
    schedule = schedule_of(1, 100 * MS)
    assert taken(schedule, PATIENCE_NS, 3) == [(0, 0), (1, 100), (2, 200)]
    assert taken(schedule, 5 * SECOND) == [(3, 5000)]
    assert schedule.next_ns == 5100 * MS
    assert schedule.held_ns == 4700 * MS
    schedule.look(5100 * MS + PATIENCE_NS)
    assert schedule.held_ns == 4700 * MS, "that can be made up for"
    schedule.look(8100 * MS)
    schedule.look(8200 * MS)
    assert (schedule.held_ns, schedule.next_ns) == (7700 * MS, 8100 * MS)


def test_targets_share_the_interval_evenly() -> None:
    times = due_times(schedule_of(4), SECOND)
    assert [due_ns // MS for due_ns, _ in times] == [0, 250, 500, 750, 1000]
    assert [whom for _, whom in times] == [[target(n)] for n in (0, 1, 2, 3, 0)]


def test_many_targets_are_due_in_groups_of_fifty() -> None:
    times = due_times(schedule_of(10_000), SECOND - 1)
    assert [len(whom) for _, whom in times] == [50] * 200
    assert [due_ns for due_ns, _ in times] == [n * GRAIN_NS for n in range(200)]


def test_what_is_due_at_once_is_sent_in_bursts_of_a_bounded_size() -> None:
    times = due_times(schedule_of(100, MS), 0)
    assert [(due_ns, len(whom)) for due_ns, whom in times] == [(0, TOGETHER), (0, 100 - TOGETHER)]


@given(st.integers(1, 300), st.integers(MIN_INTERVAL_NS, 2 * SECOND))
def test_each_target_is_probed_once_in_each_interval(hosts: int, interval_ns: int) -> None:
    times = due_times(schedule_of(hosts, interval_ns), 2 * interval_ns - 1)
    dues = [due_ns for due_ns, _ in times]
    assert dues == sorted(dues)
    assert max(len(whom) for _, whom in times) <= TOGETHER
    first, second = times[: len(times) // 2], times[len(times) // 2 :]
    assert Counter(each for _, whom in first for each in whom) == Counter(map(target, range(hosts)))
    assert [(due_ns + interval_ns, whom) for due_ns, whom in first] == second


@given(st.integers(MIN_INTERVAL_NS, DAY))
def test_an_interval_has_so_many_places_that_the_emptiest_is_found_soon(interval_ns: int) -> None:
    places = Places(interval_ns)
    assert 1 <= len(places.targets) <= MOST_PLACES
    assert (len(places.targets) - 1) * places.grain_ns < interval_ns
    assert places.even(9999, 10_000) < len(places.targets)


def test_those_who_come_one_by_one_are_as_far_from_each_other_as_can_be() -> None:
    """Within a factor of four of an even spread, however many there are."""
    places = Places(SECOND)
    taken: list[int] = []
    for number in range(1, 201):
        place = places.emptiest()
        places.change(place, 1)
        taken = sorted([*taken, place])
        gaps = [b - a for a, b in zip(taken, [*taken[1:], taken[0] + 200], strict=True)]
        assert max(gaps) <= max(2, 2.7 * 200 / number)
    assert places.targets == [1] * 200


def test_those_who_are_to_be_together_share_a_place_before_another_is_begun() -> None:
    schedule = Schedule(100 * MS, together=8)
    for number in range(20):
        schedule.join(target(number), 0)
    at = Counter(schedule.place(each) for each in schedule.targets)
    assert sorted(at.values()) == [4, 8, 8]
    for number in (0, 1, 2):
        schedule.leave(target(number))
    schedule.join(target(20), 0)
    at = Counter(schedule.place(each) for each in schedule.targets)
    assert sorted(at.values()) == [4, 6, 8], "the fullest of those that want more"


@given(st.integers(1, 60), st.integers(1, 400))
def test_places_are_even_once_all_have_their_company(together: int, targets: int) -> None:
    places = Places(100 * MS, together)
    for _ in range(targets):
        places.change(places.emptiest(), 1)
    assert max(places.targets) <= max(together, -(-targets // 20))
    assert sum(0 < each < together for each in places.targets) <= 1


@given(st.integers(1, 6), st.lists(st.integers(-1, 19), max_size=200))
def test_the_emptiest_place_is_the_first_that_wants_most(together: int, steps: list[int]) -> None:
    """However many come and go: -1 is one that comes, else one leaves or comes where it is told."""
    places, untouched = Places(100 * MS, together), Places(100 * MS)
    order = []
    for _ in untouched.targets:
        order.append(untouched.emptiest())
        untouched.change(order[-1], 1)
    for step in steps * 3:
        counts = places.targets
        wanted = {each: -n if n < together else n for each, n in enumerate(counts)}
        assert places.emptiest() == min(order, key=wanted.__getitem__)
        place = places.emptiest() if step < 0 else step
        places.change(place, -1 if step >= 0 and counts[place] else 1)


def test_several_turns_may_be_had_at_once_and_then_none_for_as_long() -> None:
    schedule = Schedule(10 * MS, at_once=3)
    schedule.join(target(0), 0)
    schedule.start(5 * MS)
    assert taken(schedule, 5 * MS) == [(0, 5), (1, 5), (2, 5)]
    assert schedule.next_ns == 35 * MS
    assert taken(schedule, 35 * MS, 2) == [(3, 35), (4, 35)], "a pause between them moves nothing"
    assert schedule.next_ns == 35 * MS
    schedule.join(target(1), 36 * MS, place=1)
    assert taken(schedule, 36 * MS) == [(5, 35)]
    assert taken(schedule, 40 * MS) == [(3, 40), (4, 40), (5, 40)], "who comes begins with all"
    assert taken(schedule, 65 * MS) == [(6, 65), (7, 65), (8, 65)]


def test_a_turn_is_the_last_at_its_time_if_nobody_needs_another() -> None:
    schedule = Schedule(10 * MS, at_once=3)
    schedule.join(target(0), 0, count=5)
    following = []
    for at_ns in (0, 0, 0, 30 * MS, 30 * MS):
        taken = schedule.take(at_ns)
        assert taken is not None
        following.append(taken[0].has_next)
    assert following == [True, True, False, True, False]


@given(st.integers(1, 300), st.integers(MIN_INTERVAL_NS, 2 * SECOND), st.integers(1, 8))
def test_at_once_or_not_each_target_has_as_many_turns(
    hosts: int, interval_ns: int, at_once: int
) -> None:
    schedule = Schedule(interval_ns, at_once=at_once)
    for number in range(hosts):
        schedule.join(target(number), 0)
    times = due_times(schedule, 2 * at_once * interval_ns - 1)
    assert Counter(each for _, whom in times for each in whom) == dict.fromkeys(
        map(target, range(hosts)), 2 * at_once
    )
    assert max(len(whom) for _, whom in times) <= TOGETHER


class Comings(RuleBasedStateMachine):
    """Targets come and go while time goes by: nobody's probes are lost, moved, or too many."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule(100 * MS)
        self.now_ns = 0
        self.numbers = iter(range(10**9))
        self.dues: dict[Target, list[int]] = {}
        self.counts: dict[Target, int | None] = {}
        self.joined_ns: dict[Target, int] = {}
        self.most = 0

    @rule(count=st.one_of(st.none(), st.integers(1, 5)), several=st.integers(1, 30))
    def come(self, count: int | None, several: int) -> None:
        for _ in range(several):
            new = target(next(self.numbers))
            self.schedule.join(new, self.now_ns, count=count)
            self.dues[new], self.counts[new], self.joined_ns[new] = [], count, self.now_ns
        self.most = max(self.most, len(self.schedule.targets))

    @precondition(lambda self: self.schedule.targets)
    @rule(first=st.integers(0, 50), step=st.integers(1, 7))
    def go(self, first: int, step: int) -> None:
        for leaving in self.schedule.targets[first::step]:
            self.schedule.leave(leaving)
            self.joined_ns.pop(leaving)

    @rule(ms=st.integers(0, 250))
    def wait(self, ms: int) -> None:
        self.now_ns += ms * MS
        for due_ns, whom in due_times(self.schedule, self.now_ns):
            for each in whom:
                self.dues[each].append(due_ns)
                if each not in self.schedule:
                    self.joined_ns.pop(each, None)

    @invariant()
    def each_that_stays_is_probed_every_interval(self) -> None:
        for each in self.schedule.targets:
            dues = self.dues[each]
            since_ns = dues[0] if dues else self.joined_ns[each]
            assert dues == list(range(since_ns, since_ns + len(dues) * 100 * MS, 100 * MS))
            assert self.now_ns - (dues[-1] if dues else since_ns) <= 100 * MS

    @invariant()
    def nobody_is_probed_more_often_than_asked(self) -> None:
        for each, count in self.counts.items():
            if count is not None:
                assert len(self.dues[each]) <= count
                left = self.schedule.left(each) if each in self.schedule else 0
                gone = each not in self.joined_ns
                assert gone or left == count - len(self.dues[each])

    @invariant()
    def no_place_has_more_than_an_even_share(self) -> None:
        at = Counter(self.schedule.place(each) for each in self.schedule.targets)
        assert max(at.values(), default=0) <= -(-self.most // 20)

    @invariant()
    def nothing_is_kept_of_those_who_went(self) -> None:
        """But a group's place until its turn comes, which the next who comes may take."""
        groups = sum(map(len, self.schedule._groups.values()))
        assert len(self.schedule._due) == groups <= 20 * (1 + self.most // TOGETHER) + 1


TestComings = Comings.TestCase
TestComings.settings = settings(max_examples=30, stateful_step_count=30)
