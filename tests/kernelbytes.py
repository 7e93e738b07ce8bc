"""What the kernel would write, made by hand: socket addresses and control messages as bytes."""

from __future__ import annotations

import socket
import struct

from udpecho.kernel import layout
from udpecho.kernel.layout import CONTROL, NAME, RECORD, control_message


def ipv4_name(host: str, port: int) -> bytes:
    """Lay out struct sockaddr_in."""
    return struct.pack("=H", socket.AF_INET) + port.to_bytes(2, "big") + _ipv4(host) + bytes(8)


def ipv6_name(host: str, port: int, scope: int = 0) -> bytes:
    """Lay out struct sockaddr_in6."""
    head = struct.pack("=H", socket.AF_INET6) + port.to_bytes(2, "big") + bytes(4)
    return head + socket.inet_pton(socket.AF_INET6, host) + struct.pack("=I", scope)


def ipv4_control(
    asked: str, local: str | None = None, *, interface: int = 1, ttl: int = 64, tos: int = 0
) -> bytes:
    """Lay out what comes with a datagram over IPv4."""
    info = struct.pack("=I", interface) + _ipv4(local or asked) + _ipv4(asked)
    return (
        control_message(socket.IPPROTO_IP, layout.IP_PKTINFO, info)
        + control_message(socket.IPPROTO_IP, layout.IP_TTL, struct.pack("=i", ttl))
        + control_message(socket.IPPROTO_IP, layout.IP_TOS, bytes([tos]))
    )


def ipv6_control(asked: str, *, interface: int = 1, ttl: int = 64, tos: int = 0) -> bytes:
    """Lay out what comes with a datagram over IPv6."""
    info = socket.inet_pton(socket.AF_INET6, asked) + struct.pack("=I", interface)
    return (
        control_message(socket.IPPROTO_IPV6, layout.IPV6_PKTINFO, info)
        + control_message(socket.IPPROTO_IPV6, layout.IPV6_HOPLIMIT, struct.pack("=i", ttl))
        + control_message(socket.IPPROTO_IPV6, layout.IPV6_TCLASS, struct.pack("=i", tos))
    )


def train(size: int) -> bytes:
    """Lay out what comes before the rest with a train of datagrams of this many bytes."""
    return control_message(layout.SOL_UDP, layout.UDP_GRO, struct.pack("=i", size))


def stamp(seconds: int, nanoseconds: int) -> bytes:
    """Lay out what comes before all else when a timestamp is asked for."""
    times = struct.pack("=qq", seconds, nanoseconds)
    return control_message(socket.SOL_SOCKET, layout.SO_TIMESTAMPNS, times)


def record(name: bytes, control: bytes) -> bytes:
    """Lay out the record of a datagram."""
    assert len(control) <= CONTROL
    return (name.ljust(NAME, b"\0") + control).ljust(RECORD, b"\0")


def _ipv4(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, host)
