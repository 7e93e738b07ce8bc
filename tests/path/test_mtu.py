"""The search for a path MTU, told the time and the answers of a flow that is drawn up here."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.path.hops import PathMtu
from udpecho.path.mtu import ASKED, LARGEST, Search

SMALL = 84
RTT_NS = 1_000_000
ROUTER = "10.9.0.2"


@dataclass
class Flow:
    """A path, and who answers at its end."""

    takes: int = 1500
    """Bytes that the path takes."""

    own: int | None = 1500
    """What our own link takes, and its kernel says."""

    tells: bool = False
    """Whether a router says what is too long, and what is not."""

    says_size: bool = True
    answers: str = "echo"
    loss: float = 0.0
    ipv6: bool = False
    random: Random = field(default_factory=lambda: Random(1))
    sent: list[int] = field(default_factory=list)

    def searched(self) -> tuple[PathMtu, float]:
        """Search to the end; give what was found, and the seconds that it took."""
        search, now_ns = Search(small=SMALL, ipv6=self.ipv6), 0
        while not search.done:
            sizes = search.take(now_ns)
            answered = False
            for size in sizes:
                self.sent.append(size)
                answered |= self.meet(search, size)
            due_ns = search.next_ns(now_ns)
            assert due_ns is None or due_ns >= now_ns
            if due_ns is not None:
                now_ns = max(now_ns + RTT_NS * answered, due_ns if not answered else 0)
            assert len(self.sent) < 1000
        return search.result(), now_ns / 1e9

    def meet(self, search: Search, size: int) -> bool:
        """Let a probe meet the path; tell whether anything comes of it."""
        if self.own is not None and size > self.own:
            search.unsent(size, self.own)
        elif size > self.takes:
            if not self.tells:
                return False
            search.refused(size, ROUTER, self.takes if self.says_size else 0)
        elif self.answers == "nobody" or self.random.random() < self.loss:
            return False
        elif self.answers == "closed":
            search.arrived(size, "192.0.2.1")
        else:
            search.came_back(size, RTT_NS)
        return True

    @property
    def big(self) -> list[int]:
        return [size for size in self.sent if size != SMALL]


def test_what_our_own_link_takes_mostly_passes_in_one_round_trip() -> None:
    flow = Flow()
    found, seconds = flow.searched()
    assert found == PathMtu(1500)
    assert seconds <= 0.003
    assert flow.big == [LARGEST, 1500]


def test_a_path_without_any_limit() -> None:
    assert Flow(LARGEST, None).searched()[0] == PathMtu(LARGEST)


@pytest.mark.parametrize("takes", [1499, 1400, 1280, 600])
def test_who_says_so_is_told(takes: int) -> None:
    flow = Flow(takes, tells=True)
    found, seconds = flow.searched()
    assert found == PathMtu(takes, ROUTER)
    assert seconds <= 0.005
    assert flow.big == [LARGEST, 1500, takes]


def test_two_routers_one_after_the_other() -> None:
    search = Search(small=SMALL, ipv6=False)
    assert search.take(0) == (LARGEST, SMALL)
    search.refused(LARGEST, "10.0.0.1", 1480)
    assert search.take(0) == (1480, SMALL)
    search.refused(1480, "10.0.0.2", 1400)
    assert search.take(0) == (1400, SMALL)
    search.came_back(1400, RTT_NS)
    assert search.done
    assert search.result() == PathMtu(1400, "10.0.0.2")


@pytest.mark.parametrize("takes", [1499, 1492, 1420, 1413, 1400, 1281, 1280, 577, 90])
@pytest.mark.parametrize("own", [1500, 9000, None])
def test_where_nobody_says_anything_it_is_searched(takes: int, own: int | None) -> None:
    found, seconds = Flow(takes, own).searched()
    assert found == PathMtu(takes)
    assert seconds < 10


def test_usual_sizes_are_found_soon() -> None:
    flow = Flow(1400)
    _, seconds = flow.searched()
    assert seconds < 4
    assert len(set(flow.big)) <= 9


@pytest.mark.parametrize("ipv6", [False, True])
def test_a_router_that_says_no_size_is_believed_that_it_is_too_long(ipv6: bool) -> None:
    """As old ones do (RFC 1191); and over IPv6 less than 1280 is no size (RFC 8201)."""
    flow = Flow(1400, tells=True, says_size=False, ipv6=ipv6)
    found, seconds = flow.searched()
    assert found == PathMtu(1400)
    assert seconds < 0.1


def test_less_than_any_link_takes_is_not_believed() -> None:
    search = Search(small=104, ipv6=True)
    search.take(0)
    search.refused(LARGEST, ROUTER, 1279)
    assert search.result().told_by is None
    assert search.take(0)[0] != 1279


def test_less_than_a_small_probe_is_not_believed() -> None:
    search = Search(small=SMALL, ipv6=False)
    search.take(0)
    search.refused(LARGEST, ROUTER, 68)
    assert not search.done
    search.came_back(SMALL, RTT_NS)
    assert search.take(0)[0] > SMALL


def test_a_router_has_one_word_for_each_size() -> None:
    """Else one could fill the memory, and take the time, of whoever asks it."""
    search = Search(small=SMALL, ipv6=False)
    search.take(0)
    for mtu in range(1400, 60_000):
        search.refused(LARGEST, ROUTER, mtu)
    assert search.take(0) == (1400, SMALL)
    search.came_back(1400, RTT_NS)
    assert search.result() == PathMtu(1400, ROUTER)


def test_more_than_was_asked_is_not_believed() -> None:
    search = Search(small=SMALL, ipv6=False)
    search.take(0)
    search.unsent(LARGEST, 1500)
    search.take(0)
    search.refused(1500, ROUTER, 9000)
    assert search.take(0)[0] < 1500


@pytest.mark.parametrize("seed", range(20))
def test_a_lost_probe_is_no_limit(seed: int) -> None:
    """With one probe in five lost each size is asked again, and it is said to be uncertain."""
    found, _ = Flow(1500, loss=0.2, random=Random(seed)).searched()
    assert found.bytes == 1500
    wrong = [Flow(1400, loss=0.1, random=Random(100 * seed + n)).searched()[0] for n in range(10)]
    assert all(each.uncertain for each in wrong if each.bytes != 1400)


def test_on_a_losing_flow_it_is_said_to_be_uncertain() -> None:
    found = [Flow(1400, loss=0.3, random=Random(seed)).searched()[0] for seed in range(50)]
    assert sum(each.uncertain for each in found) >= 45


def test_that_the_flow_dies_for_a_while_makes_nothing_too_long() -> None:
    search, now_ns = Search(small=SMALL, ipv6=False), 0
    search.take(now_ns)
    search.unsent(LARGEST, 1500)
    search.take(now_ns)
    search.came_back(SMALL, RTT_NS)
    for _ in range(ASKED + 1):  # nothing comes back, neither long nor short
        now_ns = search.next_ns(now_ns) or 0
        assert search.take(now_ns)[0] == 1500
    search.came_back(1500, RTT_NS)
    assert search.done
    assert search.result() == PathMtu(1500)


def test_an_answer_that_comes_late_counts_all_the_same() -> None:
    search, now_ns = Search(small=SMALL, ipv6=False), 0
    search.take(now_ns)
    search.unsent(LARGEST, 1500)
    while (sizes := search.take(now_ns)) and sizes[0] == 1500:
        search.came_back(SMALL, RTT_NS)
        now_ns = search.next_ns(now_ns) or 0
    assert not search.done
    search.came_back(1500, 900 * RTT_NS)
    assert search.done
    assert search.result() == PathMtu(1500)


def test_a_slow_first_answer_does_not_make_all_others_awaited_as_long() -> None:
    """Which may be that of a neighbour who is being looked up."""
    search, now_ns, rtt_ns = Search(small=SMALL, ipv6=True), 0, 1_000 * RTT_NS
    while not search.done:
        sizes = search.take(now_ns)
        if LARGEST in sizes:
            search.unsent(LARGEST, 1500)
        elif sizes:
            for size in sizes:
                if size <= 1400:
                    search.came_back(size, rtt_ns)
            rtt_ns = RTT_NS
        now_ns = search.next_ns(now_ns) or now_ns
    assert search.result() == PathMtu(1400)
    assert now_ns < 15e9


def test_who_is_no_echo_server_can_not_be_searched() -> None:
    found, seconds = Flow(answers="nobody").searched()
    assert found == PathMtu(None)
    assert seconds < 4


def test_what_a_router_says_is_told_even_so_but_uncertain() -> None:
    found, _ = Flow(1400, tells=True, answers="nobody").searched()
    assert found == PathMtu(1400, ROUTER, True)


def test_a_closed_port_tells_what_arrives() -> None:
    assert Flow(answers="closed").searched()[0] == PathMtu(1500, "192.0.2.1")
    assert Flow(1400, tells=True, answers="closed").searched()[0] == PathMtu(1400, ROUTER)
    assert Flow(1400, answers="closed").searched()[0] == PathMtu(None)


@pytest.mark.parametrize("loss", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("tells", [False, True])
def test_it_always_ends(loss: float, tells: bool) -> None:
    random = Random(7)
    for _ in range(100):
        own = random.choice([None, 1280, 1500, 9000, 65520])
        takes = random.randint(100, own or LARGEST)
        found, seconds = Flow(takes, own, tells, loss=loss, random=random).searched()
        assert seconds < 60
        assert loss or found.bytes == takes


@given(st.data())
def test_whatever_is_said_it_ends_soon_and_raises_nothing(data: st.DataObject) -> None:
    """By a router that lies, a target that echoes what it likes, and late."""
    search, now_ns = Search(small=SMALL, ipv6=data.draw(st.booleans())), 0
    sizes = st.integers(0, LARGEST)
    for _ in range(600):
        if search.done:
            break
        search.take(now_ns)
        size = data.draw(st.sampled_from([*search_sizes(search), SMALL, 1400, LARGEST]))
        said = data.draw(st.sampled_from(["nothing"] * 4 + ["back", "there", "long", "unsent"]))
        if said == "back":
            search.came_back(size, data.draw(st.integers(0, 10**12)))
        elif said == "there":
            search.arrived(size, ROUTER)
        elif said == "long":
            search.refused(size, ROUTER, data.draw(st.none() | sizes))
        elif said == "unsent":
            search.unsent(size, data.draw(st.none() | sizes))
        due_ns = search.next_ns(now_ns)
        now_ns = now_ns if due_ns is None else max(now_ns, due_ns)
        found = search.result()
        assert found.bytes is None or 0 < found.bytes <= LARGEST
    assert search.done


def search_sizes(search: Search) -> list[int]:
    """List what is asked now, if anything is."""
    return [] if search._size is None else [search._size]
