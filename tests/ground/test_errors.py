"""The errors: what each says, and which except clauses that users already have catch it."""

from __future__ import annotations

import inspect
import pickle

import pytest
from twisted.internet import error

from udpecho import errors
from udpecho.errors import (
    BadAddress,
    ClientClosed,
    DatagramTooLong,
    PeerReplaced,
    PortClosed,
    PortUnavailable,
    Refused,
    ReplyTimeout,
    ResolveFailed,
    SendFailed,
    StockPortOnly,
    UdpEchoError,
    WrongFamily,
)

CAUGHT_BY: list[tuple[UdpEchoError, str, tuple[type[Exception], ...]]] = [
    (ReplyTimeout("no reply"), "no reply", (TimeoutError, error.TimeoutError)),
    (Refused("x refused"), "x refused", (ConnectionRefusedError, error.ConnectionRefusedError)),
    (SendFailed(113, "no route"), "no route", (OSError,)),
    (ResolveFailed("no address"), "no address", (error.DNSLookupError,)),
    (ClientClosed("closed"), "closed", ()),
    (PeerReplaced("replaced"), "replaced", ()),
    (PortClosed("the port is closed"), "the port is closed", (error.ConnectionClosed,)),
    (StockPortOnly("not again"), "not again", (RuntimeError,)),
    (PortUnavailable("it can't serve"), "it can't serve", ()),
    (
        DatagramTooLong(65508, 65507),
        "65508 bytes do not fit in a datagram, which takes 65507",
        (error.MessageLengthError, ValueError),
    ),
    (
        BadAddress("x", "no address: 'x'"),
        "no address: 'x'",
        (error.InvalidAddressError, ValueError),
    ),
    (
        WrongFamily("::", "not IPv4"),
        "not IPv4",
        (BadAddress, error.InvalidAddressError, ValueError),
    ),
]


@pytest.mark.parametrize(
    ("raised", "text", "ancestors"), CAUGHT_BY, ids=[type(row[0]).__name__ for row in CAUGHT_BY]
)
def test_caught_by(raised: UdpEchoError, text: str, ancestors: tuple[type[Exception], ...]) -> None:
    """Each is caught by its own name, by UdpEchoError and by what users already catch."""
    for ancestor in (type(raised), UdpEchoError, *ancestors):
        with pytest.raises(ancestor) as caught:
            raise raised
        assert str(caught.value) == text


def test_a_send_error_has_its_errno() -> None:
    failed = SendFailed(113, "no route")
    assert (failed.errno, failed.strerror) == (113, "no route")


def test_a_length_error_has_its_figures() -> None:
    too_long = DatagramTooLong(65508, 65507)
    assert (too_long.length, too_long.limit) == (65508, 65507)


def test_an_address_error_has_its_address() -> None:
    assert BadAddress("x", "text").address == "x"


def test_the_network_and_the_caller_are_told_apart() -> None:
    """No time-out is a refusal, and no misuse is either."""
    network = {ReplyTimeout, Refused, SendFailed, ResolveFailed}
    caller = {ClientClosed, PeerReplaced, DatagramTooLong, BadAddress}
    for one in network | caller:
        for other in network | caller - {one}:
            assert one is other or not issubclass(one, other)


def test_all_are_in_the_table() -> None:
    """A new error needs a row above, and a place in __all__."""
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)
    assert defined - {"UdpEchoError"} == {type(row[0]).__name__ for row in CAUGHT_BY}


@pytest.mark.parametrize(
    "raised", [row[0] for row in CAUGHT_BY], ids=lambda row: type(row).__name__
)
def test_it_reaches_another_process(raised: UdpEchoError) -> None:
    """As a worker's result it is pickled: its class, its text and what it has by name."""
    copy = pickle.loads(pickle.dumps(raised))
    assert (type(copy), str(copy), vars(copy)) == (type(raised), str(raised), vars(raised))
