"""How probes leave a socket, by which interface and with which TTL, and what of ICMP it hears.

Linux only; no Twisted.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.probe import MTU_DISCOVERY
from udpecho.kernel import layout

_IPV4 = (socket.IPPROTO_IP, layout.IP_UNICAST_IF, layout.IP_MTU_DISCOVER)
_IPV6 = (socket.IPPROTO_IPV6, layout.IPV6_UNICAST_IF, layout.IPV6_MTU_DISCOVER)


def set_leaving(skt: socket.socket, options: SocketOptions) -> None:
    """Set what is asked for; raises OSError. The source is what a socket is bound to.

    A socket that were bound to its interface (SO_BINDTODEVICE) would not hear what our own kernel
    says by ICMP: that comes in by loopback.
    """
    ipv6 = skt.family == socket.AF_INET6
    ip, unicast_if, mtu_discover = _IPV6 if ipv6 else _IPV4
    if options.device is not None:
        skt.setsockopt(ip, unicast_if, _index(options.device))
    if options.ttl is not None:
        skt.setsockopt(ip, socket.IPV6_UNICAST_HOPS if ipv6 else socket.IP_TTL, options.ttl)
    if options.traffic_class is not None:
        skt.setsockopt(ip, socket.IPV6_TCLASS if ipv6 else socket.IP_TOS, options.traffic_class)
    if options.mtu_discovery is not None:
        skt.setsockopt(ip, mtu_discover, MTU_DISCOVERY[options.mtu_discovery])


def _index(device: str) -> bytes:
    """Give an interface's number as ip(7) wants it, in network order; raises ENODEV."""
    try:
        return socket.if_nametoindex(device).to_bytes(4, "big")
    except OSError as error:  # Python gives it no errno
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error


def hear_extensions(skt: socket.socket) -> None:
    """Have what routers add to ICMP messages told, such as MPLS labels; Linux before 5.9 can't."""
    ip, option = (
        (socket.IPPROTO_IPV6, layout.IPV6_RECVERR_RFC4884)
        if skt.family == socket.AF_INET6
        else (socket.IPPROTO_IP, layout.IP_RECVERR_RFC4884)
    )
    with suppress(OSError):
        skt.setsockopt(ip, option, 1)
