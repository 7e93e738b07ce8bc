"""listen_udp: a UDP socket on a reactor. For now Twisted's stock port, made for whole datagrams."""

from __future__ import annotations

import socket

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorSocket, IReactorUDP
from twisted.internet.protocol import DatagramProtocol

from udpecho.peer import is_ipv6

MAX_PACKET_SIZE = 65536
"""More than any UDP datagram holds, so that none is cut; Twisted's default cuts at 8192."""


def bind_udp(port: int, interface: str = "") -> socket.socket:
    """Bind a socket for adopt_udp; one for IPv6 takes IPv6 only.

    Raises CannotListenError when the address can't be had.
    """
    try:
        skt = socket.socket(
            socket.AF_INET6 if is_ipv6(interface) else socket.AF_INET, socket.SOCK_DGRAM
        )
    except OSError as error:
        raise CannotListenError(interface, port, error) from error
    try:
        skt.setblocking(False)
        if is_ipv6(interface):
            skt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        skt.bind((interface, port))
    except OSError as error:
        skt.close()
        raise CannotListenError(interface, port, error) from error
    return skt


def adopt_udp(
    reactor: IReactorSocket,
    fd: int,
    protocol: DatagramProtocol,
    maxPacketSize: int = MAX_PACKET_SIZE,
) -> IListeningPort:
    """Listen on a bound socket; its descriptor is duplicated, and stays the caller's to close."""
    with socket.socket(fileno=fd) as skt:
        family = skt.family
        skt.setblocking(False)
        skt.detach()
    return reactor.adoptDatagramPort(fd, family, protocol, maxPacketSize)


def listen_udp(
    reactor: IReactorUDP,
    port: int,
    protocol: DatagramProtocol,
    interface: str = "",
    maxPacketSize: int = MAX_PACKET_SIZE,
) -> IListeningPort:
    """Listen as reactor.listenUDP does, but an IPv6 socket takes IPv6 only.

    Raises CannotListenError when the address can't be had.
    """
    if not IReactorSocket.providedBy(reactor):
        return reactor.listenUDP(port, protocol, interface, maxPacketSize)
    with bind_udp(port, interface) as skt:
        return adopt_udp(reactor, skt.fileno(), protocol, maxPacketSize)
