"""What can go wrong, by name: every exception that udpecho raises or fails a Deferred with.

Each derives from UdpEchoError and, where there is one, from the Twisted or built-in
exception that callers already catch for the same thing. What the network did (ReplyTimeout,
Refused, SendFailed, ResolveFailed) and what the caller did (ClientClosed, PeerReplaced,
DatagramTooLong, WrongFamily, BadAddress) are different classes.
"""

from __future__ import annotations

from twisted.internet import error

__all__ = [
    "BadAddress",
    "ClientClosed",
    "DatagramTooLong",
    "PeerReplaced",
    "PortClosed",
    "PortUnavailable",
    "Refused",
    "ReplyTimeout",
    "ResolveFailed",
    "SendFailed",
    "StockPortOnly",
    "UdpEchoError",
    "WrongFamily",
]


class UdpEchoError(Exception):
    """The ancestor of every exception here."""


class ReplyTimeout(UdpEchoError, TimeoutError, error.TimeoutError):
    """No reply came in time, to the request nor to any of its retries."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class Refused(UdpEchoError, ConnectionRefusedError, error.ConnectionRefusedError):
    """ICMP said no: nothing listens there, or a router or firewall in between forbids it.

    An ICMP message can be forged by whoever knows both addresses and ports.
    """

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class SendFailed(UdpEchoError, OSError):
    """The kernel would not send the datagram; errno says why (no route, a firewall rule)."""

    def __str__(self) -> str:
        return str(self.strerror or super().__str__())


class ResolveFailed(UdpEchoError, error.DNSLookupError):
    """The host's name has no address of the family that was wanted."""

    __str__ = Exception.__str__


class ClientClosed(UdpEchoError):
    """The client was closed before a reply came, or had no socket when it was asked."""


class PortClosed(UdpEchoError, error.ConnectionClosed):
    """The port was stopped before it was written to."""


class PortUnavailable(UdpEchoError):
    """Our own port can't serve here, and Twisted's may serve beyond loopback only if permitted."""


class StockPortOnly(UdpEchoError, RuntimeError):
    """Twisted's own port serves here in place of ours, and can't do what was asked of it."""


class PeerReplaced(UdpEchoError):
    """The client was connected to another peer before a reply came."""


class DatagramTooLong(UdpEchoError, error.MessageLengthError, ValueError):
    """The data does not fit in one UDP datagram."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"{length} bytes do not fit in a datagram, which takes {limit}")
        self.length = length
        self.limit = limit

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.length, self.limit)

    __str__ = Exception.__str__


class BadAddress(UdpEchoError, error.InvalidAddressError, ValueError):
    """An address or a port that can't be one."""

    def __init__(self, address: object, message: str) -> None:
        Exception.__init__(self, message)
        self.address = address
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.address, self.message)

    __str__ = Exception.__str__


class WrongFamily(BadAddress):
    """An IPv6 address for an IPv4 socket, or an IPv4 address for an IPv6 one."""
