"""listen_udp and adopt_udp: a UDP port that survives the network and runs at the kernel's speed.

They take the place of reactor.listenUDP and adoptDatagramPort, for any DatagramProtocol; what
a protocol may have beyond Twisted's hooks is in hooks.IBatchProtocol. This module decides who
serves: our own port, over descriptors or over sockets that the reactor has of its own
(IDatagramSockets: a MemoryNetwork host); Twisted's where Linux's calls are missing; and for a
reactor that has neither, its own listenUDP.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import cache
from typing import Any

from twisted.internet.interfaces import (
    IReactorFDSet,
    IReactorUDP,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from udpecho.kernel import calls
from udpecho.port.hooks import check_hooks
from udpecho.port.kernelsocket import KernelSocket
from udpecho.port.ownport import OwnPort
from udpecho.port.port import UdpPort
from udpecho.port.sockets import (
    adopt,
    cannot_listen,
    check_interface,
    check_sizes,
    open_udp,
)
from udpecho.port.stock import StockPort, adopt_stock
from udpecho.port.valuesocket import ValueSocket
from udpecho.reactors import IDatagramSockets

MAX_PACKET_SIZE = 65536
"""More than any UDP datagram holds, so that none is too long."""

STOCK_PORT = "UDPECHO_STOCK_PORT"
"""The environment variable that, set to 1, has Twisted's port serve where ours could."""

NEEDS = (
    "it needs a 64-bit little-endian Linux from 4.12 on, with recvmmsg, sendmmsg and epoll allowed"
)

_log = Logger()


def listen_udp(
    reactor: Any,
    port: int,
    protocol: DatagramProtocol,
    interface: str = "",
    maxPacketSize: int = MAX_PACKET_SIZE,
    *,
    reuse_port: bool = False,
    receive_buffer: int | None = None,
    timestamps: bool = False,
) -> UdpPort:
    """Listen as reactor.listenUDP does, but an IPv6 socket takes IPv6 only.

    interface is an IP address, with its scope if it is link-local (fe80::1%eth0). Larger
    datagrams than maxPacketSize bytes are dropped and counted, not cut. With reuse_port,
    processes share the port (SO_REUSEPORT). receive_buffer is in bytes, None for the system's.
    timestamps has the kernel note when a datagram came. Raises CannotListenError, BadAddress,
    ValueError or TypeError for a size that can't be, or TypeError for a protocol whose peerRefused
    does not take a Refusal alone.
    """
    check_hooks(protocol)
    check_sizes(maxPacketSize, receive_buffer)
    if IDatagramSockets.providedBy(reactor) and not stock_port_is_chosen():
        return _listen_without_descriptors(
            reactor,
            port,
            protocol,
            check_interface(interface),
            maxPacketSize,
            receive_buffer=receive_buffer,
            timestamps=timestamps,
        )
    if not IReactorFDSet.providedBy(reactor):
        stock = IReactorUDP(reactor).listenUDP(port, protocol, interface, maxPacketSize)
        return StockPort(reactor, stock)
    host = check_interface(interface)
    return _serve(
        reactor,
        lambda: open_udp(host, port, reuse_port),
        protocol,
        maxPacketSize,
        receive_buffer,
        timestamps,
        (port, interface),
    )


def adopt_udp(
    reactor: Any,
    fd: int,
    protocol: DatagramProtocol,
    maxPacketSize: int = MAX_PACKET_SIZE,
    *,
    receive_buffer: int | None = None,
    timestamps: bool = False,
) -> UdpPort:
    """Listen on a bound socket that someone else opened, as listen_udp does.

    The descriptor is copied: it stays the caller's to close. What others have told the socket
    that we would not is undone. Raises ValueError if it is not a UDP socket's, or one that is not
    bound or has a peer, or for a size that can't be, OSError if it is no socket's at all, TypeError
    for what is no number and for a reactor that knows no descriptors, and CannotListenError.
    """
    check_hooks(protocol)
    check_sizes(maxPacketSize, receive_buffer)
    if IDatagramSockets.providedBy(reactor):
        raise TypeError(f"expected a reactor that watches descriptors, got {reactor!r}")
    return _serve(reactor, lambda: adopt(fd), protocol, maxPacketSize, receive_buffer, timestamps)


def stock_port_is_chosen() -> bool:
    """Tell whether the environment has Twisted's port serve, whatever ours could."""
    return os.environ.get(STOCK_PORT) == "1"


def why_not_ours(skt: socket.socket) -> str | None:
    """Say what our own port lacks here to serve a socket; None if it can, or is not wanted."""
    return None if stock_port_is_chosen() or calls.can_serve(skt) else NEEDS


def _listen_without_descriptors(
    reactor: Any,
    port: int,
    protocol: DatagramProtocol,
    host: str,
    max_packet_size: int,
    **options: Any,
) -> UdpPort:
    """Serve a socket that a reactor has of its own."""

    def open_socket() -> ValueSocket:
        with cannot_listen(host, port):
            return ValueSocket(reactor.open_datagram_socket(host, port))

    skt, asked = open_socket(), (port, host)
    served = OwnPort(reactor, protocol, max_packet_size, skt, open_socket, asked, **options)
    served.startListening()
    return served


def _serve(
    reactor: Any,
    open_socket: Callable[[], socket.socket],
    protocol: DatagramProtocol,
    max_packet_size: int,
    receive_buffer: int | None,
    timestamps: bool,
    asked: tuple[int | None, str] | None = None,
) -> UdpPort:
    """Have a socket served by our own port, or by Twisted's where ours can't.

    asked are the port and the interface, if a caller gave them.
    """
    skt = open_socket()
    if stock_port_is_chosen():
        _say_what_is_missing(f"{STOCK_PORT} is set")
    elif not calls.can_serve(skt):
        _say_what_is_missing(NEEDS)
    else:
        served = OwnPort(
            reactor,
            protocol,
            max_packet_size,
            KernelSocket(reactor, skt),
            lambda: KernelSocket(reactor, open_socket()),
            asked or (None, skt.getsockname()[0]),
            receive_buffer=receive_buffer,
            timestamps=timestamps,
        )
        served.startListening()
        return served
    with skt:
        return adopt_stock(reactor, skt, protocol, max_packet_size, receive_buffer)


@cache
def _say_what_is_missing(why: str) -> None:
    _log.warn(
        "Twisted's UDP port serves instead of udpecho's own ({why}). Missing: whole batches and"
        " trains, replies from the address that was asked, bounded turns, refusals by peer,"
        " a connect() that can be repeated, counters of drops and send errors",
        why=why,
    )
