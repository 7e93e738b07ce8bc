"""Whose datagram a refusal quotes: what is quoted in part, and how much is looked at."""

from __future__ import annotations

import pytest

from udpecho.client.quotes import LOOKED_AT, WHOLE, Quotes
from udpecho.client.request import Request
from udpecho.peer import Peer

PEER: Peer = ("192.0.2.1", 7)
OTHER: Peer = ("192.0.2.2", 7)


def request(data: bytes, peer: Peer = PEER) -> Request:
    made = Request()
    made.data, made.peer = data, peer
    return made


@pytest.mark.parametrize(
    ("data", "quoted", "found"),
    [
        pytest.param(b"a" * 900, b"a" * 520, True, id="as much as Linux quotes"),
        pytest.param(b"a" * 900, b"a" * 900, True, id="all of it"),
        pytest.param(b"a" * 900, b"a" * 100, True, id="as much as RFC 4884 asks for"),
        pytest.param(b"a" * 900, b"a" * WHOLE, True, id="no less"),
        pytest.param(b"a" * 900, b"a" * (WHOLE - 1), False, id="less"),
        pytest.param(b"a" * 900, b"a" * 901, False, id="more than there is"),
        pytest.param(b"a" * 900, b"a" * 519 + b"b", False, id="another's"),
        pytest.param(b"a", b"a", True, id="a short one, all of it"),
        pytest.param(b"ab", b"a", False, id="a short one, in part"),
    ],
)
def test_what_is_quoted(data: bytes, quoted: bytes, found: bool) -> None:
    quotes = Quotes()
    asked = request(data)
    quotes.add(asked)
    quotes.add(request(data, OTHER))
    assert quotes.find(PEER, quoted) is (asked if found else None)
    quotes.remove(asked)
    assert quotes.find(PEER, quoted) is None
    assert len(quotes) == 1


def test_of_those_that_begin_alike_some_are_looked_at() -> None:
    quotes = Quotes()
    alike = [request(bytes(100) + bytes([n])) for n in range(100)]
    for each in alike:
        quotes.add(each)
    assert quotes.find(PEER, bytes(100)) is alike[0]
    assert quotes.find(PEER, bytes(100) + bytes([LOOKED_AT - 1])) is alike[LOOKED_AT - 1]
    assert quotes.find(PEER, bytes(100) + bytes([LOOKED_AT])) is None
