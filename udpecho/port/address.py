"""Address: who sent a datagram, with all that the kernel knew of its way here.

Pure: turns the kernel's records into addresses and addresses into what the kernel sends to.
"""

from __future__ import annotations

import operator
import socket
import struct
from collections.abc import Callable
from functools import cache, cached_property, lru_cache
from typing import Any, Self

from udpecho.errors import BadAddress, WrongFamily
from udpecho.kernel.layout import IPV4, IPV6, NAME, Layout, timestamp_ns
from udpecho.names import interface_index
from udpecho.peer import MAX_PORT
from udpecho.scopes import interface_name

REMEMBERED = 4096
"""Addresses kept decoded: a busy server's senders, at about 1 KiB each."""


class Address(tuple[str, int]):
    """The host and port of a datagram's sender: a tuple of these two, and more by name.

    Handed to write(), it has the answer leave from the address that was asked, through the
    right scope, at any time later.
    """

    layout: Layout
    """How the kernel writes an address of its family."""

    _record: bytes
    _interface: str | None = None

    @classmethod
    def decode(cls, layout: Layout, record: bytes, interface: str | None = None) -> Self:
        """Make an address of a record; what it has beyond host and port is read when asked for.

        interface is the interface's name, where the system does not know it by its number.
        """
        host = socket.inet_ntop(layout.family, record[layout.host : layout.host + layout.host_size])
        if layout is IPV6 and (scope := _SCOPE.unpack_from(record, 24)[0]):
            host = f"{host}%{interface_name(scope)}"
        self = tuple.__new__(cls, (host, record[2] << 8 | record[3]))
        self.layout = layout
        self._record = record
        if interface is not None:
            self._interface = interface
        return self

    @property
    def asked(self) -> str:
        """The address that the datagram was sent to; broadcast and multicast ones too."""
        return self._text(self.layout.asked)

    @property
    def local(self) -> str:
        """The address of ours that answers to it."""
        return self._text(self.layout.local)

    @property
    def interface(self) -> str:
        """The name of the network interface it came in through; "" if that was not told.

        A protocol that takes whole batches isn't told if its socket is bound to one address.
        """
        if self._interface is not None:
            return self._interface
        index: int = _SCOPE.unpack_from(self._record, self.layout.interface)[0]
        return interface_name(index) if index else ""

    @property
    def ttl(self) -> int:
        """The TTL or hop limit with which it arrived."""
        return self._record[self.layout.ttl]

    @property
    def dscp(self) -> int:
        """Its traffic class (RFC 2474), 0 to 63."""
        return self._record[self.layout.tos] >> 2

    @property
    def ecn(self) -> int:
        """Its congestion bits (RFC 3168), 0 to 3."""
        return self._record[self.layout.tos] & 3

    @property
    def timestamp_ns(self) -> int | None:
        """When the kernel received it, in ns since 1970 by the wall clock, where asked for."""
        return timestamp_ns(self.layout, self._record)

    @cached_property
    def destination(self) -> bytes:
        """Where an answer goes and from which address: the record of a datagram to be sent."""
        layout, record = self.layout, self._record
        if layout is IPV6 and record[layout.local] == 0xFF:  # multicast: not ours to send from
            return record[:NAME]
        reply = bytearray(record[: NAME + layout.source])
        reply[layout.interface : layout.interface + 4] = bytes(4)  # or routing is bypassed
        return bytes(reply)

    def _text(self, at: int) -> str:
        return socket.inet_ntop(self.layout.family, self._record[at : at + self.layout.host_size])

    def __reduce__(self) -> tuple[object, ...]:
        return _decode, (self.layout, self._record, self._interface)


def _decode(layout: Layout, record: bytes, interface: str | None) -> Address:
    """Decode by a function's name: Twisted pickles methods in a way that fails for a class's."""
    return Address.decode(layout, record, interface)


_SCOPE = struct.Struct("=I")

decode_again = lru_cache(maxsize=REMEMBERED)(Address.decode)
"""Address.decode for records that come again: the same sender, asking in the same way."""


def encode_any(layout: Layout, address: Any) -> bytes:
    """Lay out an address in any of the forms that Python's sockets take; raises BadAddress.

    A host may be bytes, and an IPv6 one may be followed by a flow label, which is not sent, and
    a scope's number.
    """
    try:
        host, port, *rest = address
        if isinstance(host, bytes | bytearray):
            host = host.decode("ascii")
        if rest and (layout is not IPV6 or len(rest) > 2):
            raise ValueError
        scope = operator.index(rest[1]) if len(rest) == 2 else 0
        return encode(layout, f"{host}%{scope}" if scope and "%" not in host else host, port)
    except BadAddress:
        raise
    except (TypeError, ValueError, AttributeError):
        text = f"expected an IP address and a port, got {address!r}"
        raise BadAddress(address, text) from None


def encode_peer(layout: Layout, host: str, port: int) -> bytes:
    """Lay out whom a socket is to be connected to; raises BadAddress for port 0, too.

    connect() would look up what is no address, and take port 0 for any.
    """
    if port == 0:
        raise BadAddress((host, port), f"expected a port from 1 to {MAX_PORT}, got 0")
    return encode_any(layout, (host, port))


def encode(layout: Layout, host: str, port: int) -> bytes:
    """Lay out a host and a port as the record of a datagram to be sent.

    Raises BadAddress, or WrongFamily. A scope is looked up each time: an interface that goes and
    comes again has its name, and another number.
    """
    return _lay_out(layout, host, port) if "%" in host else unscoped(layout)(host, port)


@cache
def unscoped(layout: Layout) -> Callable[..., bytes]:
    """Give what does so with a host and a port without a scope, and keeps it: for each datagram.

    It raises BadAddress for a scope, too, and TypeError for what is not a host and a port.
    """

    @lru_cache(maxsize=REMEMBERED, typed=True)  # or else 7.0 passes for 7 once that is known
    def encode_unscoped(host: str, port: int) -> bytes:
        if "%" in host:
            raise BadAddress(host, f"expected an address without a scope, got {host!r}")
        return _lay_out(layout, host, port)

    return encode_unscoped


def _lay_out(layout: Layout, host: str, port: int) -> bytes:
    if not isinstance(port, int) or not 0 <= port <= MAX_PORT:
        raise BadAddress((host, port), f"expected a port from 0 to {MAX_PORT}, got {port!r}")
    address, percent, scope = host.partition("%")
    packed = _packed(layout.family, "255.255.255.255" if host == "<broadcast>" else address)
    if layout is IPV4:
        return struct.pack("=H", layout.family) + port.to_bytes(2, "big") + packed + bytes(24)
    index = interface_index(scope) if percent else 0
    head = struct.pack("=H", layout.family) + port.to_bytes(2, "big") + bytes(4)
    return head + packed + _SCOPE.pack(index) + bytes(4)


def _packed(family: int, host: str) -> bytes:
    try:
        return socket.inet_pton(family, host)
    except (OSError, UnicodeError, ValueError):  # ValueError: an embedded NUL
        pass
    other = socket.AF_INET if family == socket.AF_INET6 else socket.AF_INET6
    try:
        socket.inet_pton(other, host)
    except (OSError, UnicodeError, ValueError):
        raise BadAddress(host, f"expected an IP address, got {host!r}") from None
    named = "IPv6" if family == socket.AF_INET6 else "IPv4"
    raise WrongFamily(host, f"expected an {named} address for an {named} socket, got {host}")
