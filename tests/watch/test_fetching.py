"""What is fetched: an answer is read a little at a time, and one without end is hung up on."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.web._newclient import Request
from twisted.web.http_headers import Headers

from udpecho.watch.peers.fetching import MOST_HEAD, READ_BYTES, Body, Bounded

OK = b"HTTP/1.1 200 OK\r\n"


class Transport(StringTransport):
    """A connection that tells how it ended."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Asked:
    """A connection on which a page was asked for, of 100 bytes at most."""

    def __init__(self) -> None:
        self.transport: Any = Transport()
        self.protocol: Any = Bounded(lambda _: None)
        self.protocol.makeConnection(self.transport)
        self.body = Body(100)
        self.results: list[Any] = []
        self.body.whole.addBoth(self.results.append)
        headers = Headers({"Host": ["192.0.2.1"]})
        asked: Deferred[Any] = self.protocol.request(Request(b"GET", b"/", headers, None))
        asked.addCallbacks(lambda answer: answer.deliverBody(self.body), lambda _: None)

    def comes(self, data: bytes) -> None:
        """Have an answer come as it is read, until it is hung up on."""
        size = self.transport.bufferSize
        for at in range(0, len(data), size):
            if not self.transport.aborted:
                self.protocol.dataReceived(data[at : at + size])

    @property
    def why(self) -> str:
        [failure] = self.results
        return str(failure.value)


def test_an_answer_is_read_a_little_at_a_time() -> None:
    asked = Asked()
    assert asked.transport.bufferSize == READ_BYTES
    asked.comes(OK + b"Content-Length: 3\r\n\r\n[1]")
    assert asked.results == [b"[1]"]


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\r\n\n"])
def test_a_head_may_be_long(end: bytes) -> None:
    asked = Asked()
    head = OK + b"X: y\r\n" * (MOST_HEAD // 6 - 10)
    asked.comes(head + b"Content-Length: 2" + end + b"[]")
    assert asked.results == [b"[]"]


@pytest.mark.parametrize(
    "data",
    [
        OK + b"X: y\r\n" * MOST_HEAD,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
        b"HTTP/1.1 103 Early Hints\nX: y\n\n" + OK,
        OK + b"X: " + b"y" * 2 * MOST_HEAD,
    ],
)
def test_a_head_without_end_and_one_that_is_none_are_hung_up_on(data: bytes) -> None:
    asked = Asked()
    asked.comes(data)
    assert asked.transport.aborted
    assert asked.results == []


@pytest.mark.parametrize(
    "data",
    [
        OK + b"\r\n" + b"x" * 101,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;x\r\ny\r\n" * 101,
        OK + b"Content-Length: 1000000\r\n\r\n" + b"x" * 101,
    ],
)
def test_a_body_that_is_too_long_is_hung_up_on_at_once(data: bytes) -> None:
    asked = Asked()
    asked.comes(data)
    assert asked.transport.aborted
    assert asked.why == "expected 100 bytes at most, got more"
