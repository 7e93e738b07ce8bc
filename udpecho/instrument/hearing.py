"""What a socket hears beside data, and how much it has room for. Linux only; no Twisted."""

from __future__ import annotations

import socket

from udpecho.kernel import calls, layout

_BUFFER = 4 << 20
"""Bytes asked for each way, to hold what comes while the process is busy: at 10,000 replies a
second and 768 bytes each, half a second. Without the privilege for it, as much as sysctl allows."""

MOST_UNREAD = 32
"""Sends, at most, until it is time to look what came."""

UNREAD_BYTES = 4096
"""What each takes of a buffer, beside its data twice: a reply, and the stamp of its departure. That
is twice what is seen, and the kernel has room for twice what it grants."""


def hear(skt: socket.socket, hears_class: bool) -> int:
    """Hear of errors, and TTLs or classes, and have room; return how many bytes of it."""
    if skt.family == socket.AF_INET:
        told = layout.IP_RECVTOS if hears_class else layout.IP_RECVTTL
        heard, ip = [layout.IP_RECVERR, told], socket.IPPROTO_IP
    else:  # beside an error there is no room for both
        told = layout.IPV6_RECVTCLASS if hears_class else socket.IPV6_RECVHOPLIMIT
        heard, ip = [socket.IPV6_V6ONLY, layout.IPV6_RECVERR, told], socket.IPPROTO_IPV6
    for option in heard:
        skt.setsockopt(ip, option, 1)
    calls.set_buffer(skt, socket.SO_SNDBUF, _BUFFER)
    return calls.set_buffer(skt, socket.SO_RCVBUF, _BUFFER)


def most_unread(room: int, size: int) -> int:
    """Tell how many probes of a size may be sent until it is time to look what came."""
    return max(1, min(MOST_UNREAD, room // (2 * size + UNREAD_BYTES)))
