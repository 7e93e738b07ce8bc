"""Whom a socket is connected to, and how it changes: connect(2) for UDP, and its snares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from udpecho.errors import BadAddress
from udpecho.kernel import calls
from udpecho.kernel.layout import Layout
from udpecho.names import with_scope
from udpecho.peer import is_wildcard
from udpecho.port.address import encode_any, encode_peer, unscoped
from udpecho.scopes import without_scope


class Connection:
    """The peer of a bound socket, if it has one."""

    def __init__(
        self, skt: Any, layout: Layout, disconnect: Callable[[Any], None] = calls.disconnect
    ) -> None:
        """Begin with a bound socket, be it the kernel's or what a reactor has for one."""
        self._socket = skt
        self._disconnect = disconnect
        self._layout, self._encode = layout, unscoped(layout)
        self._bound = skt.getsockname()
        self._address: tuple[str, int] | None = None
        self.peer: bytes | None = None
        """The peer as the kernel writes it (struct sockaddr), or None if there is none."""

    def connect(self, host: str, port: int) -> None:
        """Take a peer in place of the one before.

        Raises BadAddress, WrongFamily, or OSError; then the one before stays.
        """
        encode_peer(self._layout, host, port)
        self._forget()
        try:
            self._socket.connect(with_scope(host, port))
        except OSError:
            if self._address is not None:
                self._socket.connect(with_scope(*self._address))
            raise
        self._address = without_scope(self._socket.getpeername())
        self.peer = self._name(self._address)

    def is_peer(self, address: tuple[str, int] | None) -> bool:
        """Tell whether an address is the peer's; None, which is not known, is nobody's."""
        return address is not None and self._name(address) == self.peer

    def destination(self, address: tuple[str, int] | None) -> bytes:
        """Lay out where a datagram goes, or nothing where the socket knows; or raise BadAddress."""
        if self.peer is None:
            if address is None:
                raise BadAddress(address, "expected an address: the port is not connected")
            try:
                return self._encode(*address)
            except (TypeError, ValueError, AttributeError):
                return encode_any(self._layout, address)  # or says what is wrong with it
        if address is not None and not self.is_peer(address):
            raise BadAddress(address, f"expected the peer {self._address}, got {address}")
        return b""

    def _name(self, address: tuple[str, int]) -> bytes:
        return encode_any(self._layout, address)[: self._layout.name]

    def _forget(self) -> None:
        """Undo what connecting chose for a wildcard socket: its address, not right for the next."""
        if self._address is None or not is_wildcard(self._bound[0]):
            return
        self._disconnect(self._socket)
        if not self._socket.getsockname()[1]:  # Linux forgets a port that it chose itself
            self._socket.bind(self._bound)
