"""What is shown to whom: one who may look sees it, and nobody holds the probing up."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher

from tests.examples import given, st
from tests.watch.nodes import Nodes
from udpecho.watch.web.answers import MOST_PAGES
from udpecho.watch.web.front import (
    may_be_asked,
    site_of,
)
from udpecho.watch.web.gate import Gate
from udpecho.watch.web.sending import WHOLE_SECONDS, takes_gzip
from udpecho.watch.web.site import IDLE_SECONDS, MOST_CONNECTIONS

LOCAL = "Host: 127.0.0.1:8060"


class Transport(StringTransportWithDisconnection):
    """A connection whose reader may be slow: he lets so many bytes wait, then there is no room."""

    def __init__(self, room: int | None = None) -> None:
        super().__init__()
        self.room = room

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.room is not None and len(self.value()) > self.room:
            assert self.producer is not None
            self.producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def reads_on(self) -> None:
        """Have room for all from now on."""
        self.room = None
        assert self.producer is not None
        self.producer.resumeProducing()

    def loseConnection(self) -> None:
        self.disconnecting = True  # what else came with it is not read
        if self.connected:
            super().loseConnection()

    def abortConnection(self) -> None:
        self.loseConnection()

    def unregisterProducer(self) -> None:
        if self.producer is not None:  # a real one does not mind
            super().unregisterProducer()


class Bench:
    """A node with a page, and who asks it."""

    def __init__(
        self,
        peers: int = 0,
        gated: Callable[[Any, Logger], Gate] = lambda *_: None,  # type: ignore
        web: str = "hosts = ['fra-1.example']",
    ) -> None:
        self.nodes = Nodes(1)
        named: list[int | str] = [f"198.51.100.{n + 1}:1060" for n in range(peers)]
        more = f"[web]\n{web}\n[probe]\nflows = 1\n[mesh]\nfanout = 'all'"
        self.node = self.nodes.begin(0, self.nodes.text(0, named, more))
        self.nodes.net.advance(0.1)
        log = Logger(observer=self.nodes.events.append)  # type: ignore[arg-type]
        gate = gated(self.nodes.hosts[0], log)
        self.site: Any = site_of(self.nodes.hosts[0], self.node, log, gate=gate)

    def connect(self, room: int | None = None) -> tuple[Any, Transport]:
        channel, transport = self.site.buildProtocol(None), Transport(room)
        transport.protocol = channel
        channel.callLater = self.nodes.hosts[0].callLater
        channel.makeConnection(transport)
        return channel, transport

    def ask(self, *lines: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Ask once, and give the status, the headers and the body."""
        return self.ask_in_bytes("\r\n".join([*lines, "", ""]).encode() + body)

    def ask_in_bytes(self, question: bytes) -> tuple[int, dict[str, str], bytes]:
        """Ask once, by whatever bytes."""
        channel, transport = self.connect()
        channel.dataReceived(question)
        self.nodes.net.advance(0.5)
        head, _, content = transport.value().partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        transport.loseConnection()
        if headers.get("transfer-encoding") == "chunked":
            content = unchunked(content)
        return int(first.split()[1]), headers, content

    def stop(self) -> None:
        self.nodes.net.advance(IDLE_SECONDS)
        self.nodes.stop()


@contextmanager
def nothing_logged() -> Iterator[None]:
    """Have all logs stay as they are; Twisted's own has what it makes of a question."""
    events: list[LogEvent] = []
    observer = cast(ILogObserver, events.append)
    globalLogPublisher.addObserver(observer)
    yield
    globalLogPublisher.removeObserver(observer)
    assert events == []


def unchunked(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        whole, data = whole + data[:length], data[length + 2 :]
    return whole


def test_metrics_in_the_form_that_is_asked_for() -> None:
    bench = Bench(2)
    status, headers, body = bench.ask("GET /metrics HTTP/1.1", LOCAL)
    assert (status, headers["content-type"][:25]) == (200, "text/plain; version=0.0.4")
    assert body.startswith(b"# HELP udpecho_probes_total ")
    assert body.count(b"udpecho_probes_total{") == 10
    accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    encoding = "Accept-Encoding: gzip"
    status, headers, body = bench.ask("GET /metrics HTTP/1.1", LOCAL, accept, encoding)
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body).endswith(b"# EOF\n")
    assert headers["content-security-policy"] == "default-src 'none'"
    status, _, body = bench.ask("HEAD /metrics HTTP/1.1", LOCAL)
    assert (status, body) == (200, b"")
    bench.stop()


def test_health_wants_neither_host_nor_password() -> None:
    bench = Bench()
    for path in ("/-/healthy", "/-/ready"):
        assert bench.ask(f"GET {path} HTTP/1.1", "Host: anything")[::2] == (200, b"yes\n")
        assert bench.ask(f"GET {path} HTTP/1.0")[0] == 200
    bench.stop()
    for path in ("/-/healthy", "/-/ready"):
        assert bench.ask(f"GET {path} HTTP/1.0")[::2] == (503, b"no\n")


def test_what_there_is_not_and_what_may_not_be() -> None:
    bench = Bench()
    assert bench.ask("GET /x HTTP/1.1", LOCAL)[0] == 404
    assert bench.ask("GET / HTTP/1.1", LOCAL)[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        status, headers, _ = bench.ask(f"{method} /metrics HTTP/1.1", LOCAL)
        assert (status, headers["allow"]) == (405, "get, head")
    assert bench.ask("GET /metrics HTTP/1.1", "Host: evil.example")[0] == 421
    assert bench.ask("GET /metrics HTTP/1.0")[0] == 421
    assert bench.ask("GET /metrics HTTP/1.1", LOCAL, "Host: evil.example")[0] in (400, 421)
    bench.stop()


@pytest.mark.parametrize("written", ["Dot.Example.", "dot.example", "10.0.0.1", "::1", "a_b-c"])
def test_by_each_name_that_the_file_may_have_it_is_asked(written: str) -> None:
    bench = Bench(web=f"hosts = ['{written}']")
    shown = f"[{written}]" if ":" in written else written
    for host in (shown, shown.lower(), f"{shown.lower().rstrip('.')}:8060"):
        assert bench.ask("GET / HTTP/1.1", f"Host: {host}")[0] == 200
    bench.stop()


def test_each_status_has_its_phrase() -> None:
    """RFC 9110, section 15; a browser shows it where there is no page."""
    bench = Bench()
    asked = {
        "GET / HTTP/1.1\r\nHost: evil.example": b"421 Misdirected Request",
        f"GET /x HTTP/1.1\r\n{LOCAL}": b"404 Not Found",
        f"POST / HTTP/1.1\r\n{LOCAL}": b"405 Method Not Allowed",
    }
    for request, expected in asked.items():
        channel, transport = bench.connect()
        channel.dataReceived(f"{request}\r\n\r\n".encode())
        bench.nodes.net.advance(0.5)
        assert transport.value().startswith(b"HTTP/1.1 " + expected + b"\r\n")
        transport.loseConnection()
    bench.stop()


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("127.0.0.1:8060", True), ("10.1.2.3", True), ("[::1]:8060", True), ("[2001:db8::1]", True),
        ("localhost", True), ("LOCALHOST:80", True), ("node-0:8060", True), ("fra-1.example", True),
        ("Fra-1.Example.:8060", True), ("evil.example", False), ("", False), (None, False),
        ("127.0.0.1.evil.example", False), ("127.0.0.1:x", False), ("[::1", False),
        ("[127.0.0.1]", False), ("[::1]x", False), ("localhost:80:80", False), (":80", False),
        ("localhost\x00", False), ("xn--localhost", False),
    ],
)  # fmt: skip
def test_by_which_names_it_may_be_asked(host: str | None, may: bool) -> None:
    assert may_be_asked(host, {"node-0", "fra-1.example"}) is may


@given(st.text())
def test_no_other_name_is_ours(host: str) -> None:
    may_be_asked(host, {"node-0"})


NOT_UTF8 = b"\xff", b"\xc3(", b"127.0.0.1\xa0", b"localhost\x85"


@pytest.mark.parametrize("value", NOT_UTF8)
def test_a_header_that_is_not_utf8_is_one_like_others(value: bytes) -> None:
    bench = Bench()
    local = LOCAL.encode()
    with nothing_logged():
        for path in (b"/", b"/metrics"):
            asked = b"GET " + path + b" HTTP/1.0\r\n"
            assert bench.ask_in_bytes(asked + b"Host: " + value + b"\r\n\r\n")[0] == 421
            for name in (b"Accept", b"Accept-Encoding", b"Authorization"):
                more = b"\r\n" + name + b": Basic " + value + b"\r\n\r\n"
                assert bench.ask_in_bytes(asked + local + more)[0] == 200
    bench.stop()


_NAMES = ("Host", "Accept", "Accept-Encoding", "Authorization", "Cookie", "Connection", "Expect")
_NAME = st.sampled_from([each.encode() for each in _NAMES]) | st.binary(max_size=9)
_PATH = st.sampled_from([b"/", b"/metrics", b"/api/v1/peers/", b"/pair/", b"/events/pair/", b"/-/"])


def test_whatever_is_asked_has_an_answer_and_fails_nowhere() -> None:
    bench = Bench()

    @given(_PATH, st.binary(max_size=9), st.lists(st.tuples(_NAME, st.binary()), max_size=4))
    def ask(path: bytes, rest: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        lines = [name + b": " + value for name, value in headers]
        for host in ([], [LOCAL.encode()]):
            channel, transport = bench.connect()
            asked = [b"GET " + path + rest + b" HTTP/1.0", *host, *lines, b"", b""]
            with nothing_logged():
                channel.dataReceived(b"\r\n".join(asked))
                bench.nodes.net.advance(0.5)
            assert re.search(rb"HTTP/1.[01] 500", transport.value()) is None
            transport.loseConnection()

    ask()
    bench.stop()


def test_a_body_is_hung_up_on() -> None:
    bench = Bench()
    channel, transport = bench.connect()
    channel.dataReceived(f"GET / HTTP/1.1\r\n{LOCAL}\r\nContent-Length: 9999999\r\n\r\n".encode())
    assert transport.connected
    channel.dataReceived(b"x" * 1000)
    assert not transport.connected
    bench.stop()


def test_headers_without_end_and_silence_are_hung_up_on() -> None:
    bench = Bench()
    _, silent = bench.connect()
    channel, long = bench.connect()
    channel.dataReceived(b"GET / HTTP/1.1\r\n" + b"".join(b"X: %d\r\n" % n for n in range(5000)))
    assert not long.connected
    bench.nodes.net.advance(IDLE_SECONDS + 1)
    assert not silent.connected
    bench.stop()


def test_there_are_no_more_connections_than_may_be() -> None:
    bench = Bench()
    held = [bench.connect()[1] for _ in range(MOST_CONNECTIONS)]
    _, another = bench.connect()
    assert [each.connected for each in held] == [False] + [True] * (MOST_CONNECTIONS - 1)
    assert bench.ask("GET /-/ready HTTP/1.1")[0] == 200  # whoever else says nothing
    assert another.connected
    for each in (*held, another):
        each.loseConnection()
    bench.stop()


def test_who_is_being_answered_keeps_his_place() -> None:
    bench = Bench()
    held = []
    for _ in range(MOST_CONNECTIONS):
        channel, transport = bench.connect()
        channel.dataReceived(f"GET /-/ready HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode())
        held.append(transport)
    _, another = bench.connect()
    assert not another.connected
    assert all(each.connected for each in held)
    bench.nodes.net.advance(1)
    assert all(each.value().endswith(b"yes\n") for each in held)
    assert bench.connect()[1].connected
    for each in held:
        each.loseConnection()
    bench.stop()


def test_one_who_asks_much_at_once_is_answered_as_long_as_he_reads() -> None:
    bench = Bench()
    channel, transport = bench.connect()
    channel.dataReceived(f"GET /-/ready HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode() * 100)
    assert transport.value() == b""
    bench.nodes.net.advance(1)
    assert transport.value().count(b"yes\n") == 100
    channel.dataReceived(f"GET /-/ready HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode())
    channel.pauseProducing()  # he has read nothing of all that
    bench.nodes.net.advance(1)
    assert not transport.connected
    bench.stop()


def test_who_reads_slowly_gets_no_more_than_is_read_and_not_for_ever() -> None:
    bench = Bench(100)
    channel, transport = bench.connect(room=5000)
    channel.dataReceived(f"GET /metrics HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode())
    bench.nodes.net.advance(1)
    before = len(transport.value())
    assert 5000 < before < 50_000
    bench.nodes.net.advance(5)
    assert len(transport.value()) == before
    transport.reads_on()
    bench.nodes.net.advance(1)
    assert transport.value().endswith(b"0\r\n\r\n")
    transport.loseConnection()
    channel, transport = bench.connect(room=5000)
    channel.dataReceived(f"GET /metrics HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode())
    bench.nodes.net.advance(WHOLE_SECONDS + 1)
    assert not transport.connected
    assert not transport.value().endswith(b"0\r\n\r\n")
    bench.stop()


def test_not_too_many_pages_are_made_at_once() -> None:
    bench = Bench(10)
    held = []
    for _ in range(MOST_PAGES):
        channel, transport = bench.connect(room=0)
        channel.dataReceived(f"GET /metrics HTTP/1.1\r\n{LOCAL}\r\n\r\n".encode())
        bench.nodes.net.advance(0.1)
        held.append(transport)
    status, headers, _ = bench.ask("GET /metrics HTTP/1.1", LOCAL)
    assert (status, headers["retry-after"]) == (503, "5")
    for transport in held:
        transport.loseConnection()
    assert bench.ask("GET /metrics HTTP/1.1", LOCAL)[0] == 200
    bench.stop()


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True), ("", False), ("br", False),
        ("gzip;q=0", False), ("gzip; q=0.000", False),
    ],
)  # fmt: skip
def test_whether_gzip_is_understood(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes
