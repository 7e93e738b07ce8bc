"""Where peers are learnt: files that change, DNS with its TTL, a server's list."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.names import client, dns, server
from twisted.names.authority import FileAuthority

from udpecho.testing import MemoryNetwork
from udpecho.watch.peers.again import AFTER_A_FAULT, Again
from udpecho.watch.peers.dns import RETRIES, SHORTEST_TTL, DnsSource
from udpecho.watch.peers.fetching import CantFetch
from udpecho.watch.peers.files import LOOK_SECONDS, ChangingFile, FileSource
from udpecho.watch.peers.http import EVERY_SECONDS, HttpSource
from udpecho.watch.peers.learning import Learned, SourceState
from udpecho.watch.peers.search_names import SearchList
from udpecho.watch.peers.targets import LONGEST_LIST, Wanted


class Heard:
    """What a source said."""

    name = "file:here"

    def __init__(self) -> None:
        self.said: list[list[str] | str] = []
        self.peers: list[Wanted] = []
        self.left_out = ""

    def found(self, peers: Sequence[Wanted], left_out: str = "") -> None:
        self.peers, self.left_out = list(peers), left_out
        self.said.append([each.name for each in peers])

    def failed(self, why: str) -> None:
        self.said.append(why)


def now(asked: Awaitable[float]) -> float:
    """Give what is known at once."""
    results: list[float] = []
    Deferred.fromCoroutine(asked).addCallback(results.append)  # type: ignore[arg-type]
    [result] = results
    return result


def told_to(events: list[Any]) -> Logger:
    return Logger(observer=events.append)  # type: ignore[arg-type]


# Again.


def test_it_is_asked_again_when_the_last_answer_says() -> None:
    clock, times = Clock(), []

    async def ask() -> float:
        times.append(clock.seconds())
        return 5.0

    again = Again(clock, ask, Logger())
    again.begin()
    clock.pump([1.0] * 11)
    again.end()
    clock.pump([1.0] * 10)
    assert times == [0, 5, 10]
    assert clock.getDelayedCalls() == []


def test_what_nobody_thought_of_is_told_once_and_asked_again() -> None:
    clock, asked = Clock(), 0
    events: list[Any] = []

    async def ask() -> float:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError

    again = Again(clock, ask, told_to(events))
    again.begin()
    clock.advance(AFTER_A_FAULT)
    assert asked == len(events) == 2
    again.end()


def test_what_is_asked_when_it_ends_is_cancelled() -> None:
    clock = Clock()
    cancelled: list[Any] = []
    events: list[Any] = []

    async def ask() -> float:
        return await Deferred(cancelled.append)

    again = Again(clock, ask, told_to(events))
    again.begin()
    again.end()
    assert len(cancelled) == 1
    assert events == clock.getDelayedCalls() == []


# Files.


def test_a_file_is_read_when_it_has_changed(tmp_path: Path) -> None:
    path, heard = tmp_path / "peers.txt", Heard()
    path.write_text("a\nb\n")
    source = FileSource(Clock(), path, 1060, "x", heard)
    assert [now(source.ask()) for _ in range(3)] == [LOOK_SECONDS] * 3
    other = tmp_path / "other"
    other.write_text('[{"targets": ["c"]}]')
    other.replace(path)
    now(source.ask())
    path.unlink()
    now(source.ask())
    now(source.ask())
    path.write_text("a:b:c\n")
    now(source.ask())
    assert heard.said == [
        ["a", "b"],
        ["c"],
        f"can't read {path}: No such file or directory",
        f"{path}: line 1: HOST[:PORT]: expected a host, HOST:PORT or [IPv6]:PORT, got 'a:b:c'",
    ]
    assert heard.peers == [Wanted("c", "c", 1060, "x", "file:here")]


def test_a_file_that_may_be_read_now_is_read(tmp_path: Path) -> None:
    path = tmp_path / "peers.txt"
    path.write_text("a")
    file, before = ChangingFile(path), path.stat().st_ctime_ns
    assert [file.has_changed() for _ in range(2)] == [True, False]
    while path.stat().st_ctime_ns == before:  # the kernel's clock ticks in some ms
        path.chmod(0o640)
    assert [file.has_changed() for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_bytes(b"a\n\xff"), "line 2: expected UTF-8, got what is not"),
        (lambda path: path.mkdir(), "Is a directory"),
        (os.mkfifo, "expected a file, got what is none"),
        (lambda path: path.symlink_to("/dev/zero"), "expected a file, got what is none"),
        (
            lambda path: path.write_bytes(b"#" * (LONGEST_LIST + 1)),
            f"expected {LONGEST_LIST} bytes at most, got more",
        ),
    ],
)
def test_what_is_no_list_is_one_line(tmp_path: Path, make: Callable[[Path], Any], why: str) -> None:
    path, heard = tmp_path / "peers", Heard()
    make(path)
    now(FileSource(Clock(), path, 1060, None, heard).ask())
    assert isinstance(heard.said[0], str)
    assert why in heard.said[0]


class Hurried(Clock):
    """A clock on which each look at it takes 0.1 ms; it counts its turns."""

    turns = 0

    def seconds(self) -> float:
        self.rightNow += 0.0001
        return super().seconds()

    def callLater(self, delay: float, *args: Any, **kwargs: Any) -> Any:
        self.turns += delay == 0
        return super().callLater(delay, *args, **kwargs)


LONG_LISTS = {
    "lines": "".join(f"h{number}\n" for number in range(1000)),
    "comments": "#\n" * 1000 + "h0",
    "json": json.dumps([{"targets": [f"h{number}" for number in range(1000)]}]),
    "labels": json.dumps(
        [{"targets": ["h0"], "labels": {f"l{number}": "" for number in range(1000)}}]
    ),
    "keys": json.dumps([{"targets": ["h0"]} | {f"l{number}": "" for number in range(1000)}]),
    "groups": json.dumps([{"targets": []}] * 1000 + [{"targets": ["h0"]}]),
}


@pytest.mark.parametrize("kind", ["file", "http"])
@pytest.mark.parametrize("which", LONG_LISTS)
def test_a_long_list_is_read_in_pieces(tmp_path: Path, which: str, kind: str) -> None:
    """In one go it took 80 ms for 10,000."""
    clock, heard, path = Hurried(), Heard(), tmp_path / "peers"
    text = LONG_LISTS[which]
    path.write_text(text)
    ask = FileSource(clock, path, 1060, None, heard).ask
    if kind == "http":
        answer = succeed(text.encode())
        ask = HttpSource(clock, "http://sd/", 1060, None, heard, lambda _: answer).ask
    again = Again(clock, ask, Logger())
    again.begin()
    assert heard.said == []
    clock.advance(0)
    assert clock.turns >= 20
    assert heard.said == [[f"h{number}" for number in range(text.count("h"))]]
    again.end()
    assert clock.getDelayedCalls() == []


def test_a_list_is_read_no_further_when_nobody_asks_any_more(tmp_path: Path) -> None:
    clock, heard, path = Hurried(), Heard(), tmp_path / "peers"
    path.write_text(LONG_LISTS["lines"])
    again = Again(clock, FileSource(clock, path, 1060, None, heard).ask, Logger())
    again.begin()
    again.end()
    assert heard.said == []
    assert clock.getDelayedCalls() == []


# DNS: twisted.names' own server and client, on a network in memory.

ZONE = "svc.example"


class Zone(FileAuthority):
    """A zone whose records a test changes."""

    def __init__(self) -> None:
        soa: Any = dns.Record_SOA(ZONE, ZONE, 1, 2, 3, 4, minimum=0)
        self._own: dict[bytes, list[Any]] = {ZONE.encode(): [soa]}
        both: Any = ((ZONE.encode(), soa), self._own)
        self.soa, self.records = both
        super(FileAuthority, self).__init__()

    def put(self, name: str, *records: Any) -> None:
        self._own[f"{name}.{ZONE}".encode()] = list(records)


class Bench:
    """A name server and who asks it."""

    def __init__(self) -> None:
        self.net = MemoryNetwork(seed=1)
        self.names, self.host = self.net.host("192.0.2.53"), self.net.host("192.0.2.1")
        self.net.link(self.names, self.host, delay=0.001)
        self.zone = Zone()
        factory = server.DNSServerFactory(authorities=[self.zone])
        factory.noisy = False
        self.port = self.names.listenUDP(53, dns.DNSDatagramProtocol(factory, self.names))
        self.resolver: Any = client.Resolver(servers=[("192.0.2.53", 53)], reactor=self.host)
        self.heard = Heard()

    def source(self, name: str, search: SearchList | None = None) -> DnsSource:
        name = f"{name}.{ZONE}" if search is None else name
        search = search or SearchList()
        return DnsSource(name, 1060, "x", self.heard, self.resolver, search)

    def ask(self, source: DnsSource) -> float:
        results: list[float] = []
        Deferred.fromCoroutine(source.ask()).addCallback(results.append)
        self.net.advance(30)
        [result] = results
        return result


def test_all_addresses_of_a_name_until_their_ttl_is_over() -> None:
    bench = Bench()
    bench.zone.put(
        "udpecho",
        dns.Record_A("10.0.0.2", ttl=60),
        dns.Record_A("10.0.0.1", ttl=60),
        *(dns.Record_A(nobody, ttl=60) for nobody in ("224.0.0.1", "255.255.255.255", "0.0.0.0")),
        dns.Record_AAAA("2001:db8::1", ttl=40),
        dns.Record_AAAA("ff02::1", ttl=40),
    )
    assert bench.ask(bench.source("udpecho")) == 40
    assert bench.heard.said == [["10.0.0.1:1060", "10.0.0.2:1060", "[2001:db8::1]:1060"]]
    assert bench.heard.peers[0] == Wanted("10.0.0.1:1060", "10.0.0.1", 1060, "x", "file:here")


def test_a_short_ttl_is_five_seconds() -> None:
    bench = Bench()
    bench.zone.put("udpecho", dns.Record_A("10.0.0.2", ttl=0))
    assert bench.ask(bench.source("udpecho")) == SHORTEST_TTL


def test_srv_names_target_and_port() -> None:
    bench = Bench()
    bench.zone.put(
        "_echo._udp",
        dns.Record_SRV(0, 5, 7, "ams-1.example", ttl=30),
        dns.Record_SRV(0, 5, 1060, "fra-1.example", ttl=30),
        dns.Record_SRV(0, 5, 0, "", ttl=30),
    )
    assert bench.ask(bench.source("_echo._udp")) == 30
    assert bench.heard.said == [["ams-1.example:7", "fra-1.example:1060"]]
    assert bench.heard.peers[0].host == "ams-1.example"


BAD_TARGETS = [
    "224.0.0.251", "255.255.255.255", "0.0.0.0", "ff02::1", "::", "::ffff:224.0.0.251", "1060",
    "010.0.0.1", "a b<script>", "a/b", "a:b", "h\x1b[2J", ".".join(["a" * 62] * 4),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_TARGETS)
def test_an_srv_target_that_is_no_host_is_left_out_and_no_other(bad: str) -> None:
    """Or DNS had us probe a multicast group."""
    good, many = dns.Record_SRV(0, 5, 7, "ams-1.example", ttl=30), 2
    payload = dns.Record_SRV(0, 5, 1060, bad.encode("latin-1"), ttl=30)
    resolver = Services([good, *[payload] * many], [good], [payload])
    heard = Heard()
    source = DnsSource("_echo._udp", 1, "", heard, resolver, SearchList())
    now(source.ask())
    assert heard.said == [["ams-1.example:7"]]
    assert heard.left_out.startswith(f"{many} of 3 left out: ")
    assert heard.left_out.isprintable()
    now(source.ask())
    assert heard.left_out == ""
    now(source.ask())
    assert heard.said[2] == []


def test_who_is_left_out_is_said_once() -> None:
    events: list[Any] = []
    told: list[Any] = []
    state = SourceState("dns:x")
    heard = Learned(0, state, lambda _, peers: told.append(peers), told_to(events))
    good = [Wanted("a", "a", 1)]
    for peers, left_out in ((good, ""), (good, "b"), (good, "b"), (good, ""), ([], "b")):
        heard.found(peers, left_out)
    lines = [each["log_format"].format(**each) for each in events]
    assert lines == [
        *["peers: dns:x: b"] * 2,
        "peers: dns:x names nobody; those known stay for five minutes",
    ]
    assert (state.answers, state.failures, told) == (4, 1, [*[good] * 4, ()])


def test_a_short_name_is_found_in_the_search_list() -> None:
    bench = Bench()
    bench.zone.put("udpecho", dns.Record_A("10.0.0.2", ttl=60))
    search = SearchList(("nothing.svc.example", "svc.example"), 5)
    bench.ask(bench.source("udpecho", search))
    assert bench.heard.said == [["10.0.0.2:1060"]]


def test_a_name_that_there_is_not_and_one_without_addresses() -> None:
    bench = Bench()
    bench.zone.put("empty", dns.Record_TXT(b"x"))
    assert bench.ask(bench.source("nobody")) == SHORTEST_TTL
    assert bench.ask(bench.source("empty")) == SHORTEST_TTL
    assert bench.heard.said == [
        f"DNS has nobody by the name nobody.{ZONE}",
        f"DNS has nobody by the name empty.{ZONE}",
    ]


def test_a_silent_server_is_asked_again_ever_more_seldom() -> None:
    bench = Bench()
    bench.port.stopListening()
    bench.net.advance(0)
    source = bench.source("udpecho")
    assert [bench.ask(source) for _ in range(5)] == [*RETRIES, RETRIES[-1]]
    assert bench.heard.said[0] == f"DNS does not tell of udpecho.{ZONE}: no answer"


class Services:
    """A resolver that answers for SRV alone."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers = list(answers)

    def lookupAddress(self, name: str, timeout: Sequence[int]) -> Deferred[Any]:
        raise AssertionError

    lookupIPV6Address = lookupAddress

    def lookupService(self, name: str, timeout: Sequence[int]) -> Deferred[Any]:
        return answered(self.answers.pop(0))


def answered(payloads: list[Any]) -> Deferred[Any]:
    headers = [dns.RRHeader(type=each.TYPE, ttl=9, payload=each) for each in payloads]
    return succeed((headers, [], []))


class OneFamily:
    """A resolver that answers for IPv4 alone."""

    def __init__(self, *answers: Any) -> None:
        self.ipv4, self.ipv6 = list(answers[0]), list(answers[1])

    def lookupAddress(self, name: str, timeout: Sequence[int]) -> Deferred[Any]:
        return self._answer(self.ipv4.pop(0))

    def lookupIPV6Address(self, name: str, timeout: Sequence[int]) -> Deferred[Any]:
        return self._answer(self.ipv6.pop(0))

    def lookupService(self, name: str, timeout: Sequence[int]) -> Deferred[Any]:
        raise AssertionError

    def _answer(self, what: Any) -> Deferred[Any]:
        return fail(what) if isinstance(what, Exception) else answered(what)


def test_a_family_that_has_no_answer_keeps_what_it_had() -> None:
    ipv4, ipv6 = dns.Record_A("10.0.0.2"), dns.Record_AAAA("2001:db8::1")
    broken = ValueError("odd \x1b answer")
    resolver = OneFamily([[ipv4], [ipv4], broken], [[ipv6], broken, [ipv6]])
    heard = Heard()
    source = DnsSource("x", 1, "", heard, resolver, SearchList())
    assert [now(source.ask()) for _ in range(3)] == [9, RETRIES[0], RETRIES[1]]
    assert heard.said == [["10.0.0.2:1", "[2001:db8::1]:1"]] * 3


def test_a_server_that_falls_silent_is_told_as_such_though_its_names_are_known() -> None:
    """Those known stay for five minutes: that is not for who asks to decide."""
    bench = Bench()
    bench.zone.put("udpecho", dns.Record_A("10.0.0.2", ttl=9))
    source = bench.source("udpecho")
    assert bench.ask(source) == 9
    bench.port.stopListening()
    bench.net.advance(0)
    assert [bench.ask(source) for _ in range(2)] == [*RETRIES[:2]]
    silent = f"DNS does not tell of udpecho.{ZONE}: no answer"
    assert bench.heard.said == [["10.0.0.2:1060"], silent, silent]


def test_what_is_known_of_one_name_of_the_search_list_is_not_taken_for_another() -> None:
    """Or a lost answer about a name that there is not would have half of the peers leave."""
    ipv4, ipv6 = dns.Record_A("10.0.0.2"), dns.Record_AAAA("2001:db8::1")
    broken = ValueError("odd")
    resolver = OneFamily([[], [ipv4], []], [[], [ipv6], broken])
    heard = Heard()
    source = DnsSource("x", 1, "", heard, resolver, SearchList(("a", "b"), 5))
    assert [now(source.ask()) for _ in range(2)] == [9, RETRIES[0]]
    assert heard.said == [["10.0.0.2:1", "[2001:db8::1]:1"], "DNS does not tell of x: odd"]


# HTTP.


def test_a_server_s_list_is_asked_for_every_30_seconds() -> None:
    answers: list[Any] = [
        json.dumps([{"targets": ["a:7"], "labels": {"zone": "z"}}]).encode(),
        CantFetch("expected status 200, got 503"),
        b"[{",
        b"[\n\xff",
        b"[]",
    ]
    heard = Heard()

    def fetch(url: str) -> Deferred[bytes]:
        answer = answers.pop(0)
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)

    source = HttpSource(Clock(), "http://sd/x", 1060, None, heard, fetch)
    assert [now(source.ask()) for _ in range(5)] == [EVERY_SECONDS] * 5
    assert heard.said[0] == ["a:7"]
    assert heard.said[1] == "http://sd/x: expected status 200, got 503"
    assert isinstance(heard.said[2], str)
    assert heard.said[3] == "http://sd/x: line 2: expected UTF-8, got what is not"
    assert heard.said[4] == []
