"""What Linux offers and Python's socket module lacks: system calls, options, constants.

No Twisted, and nothing is kept: each function does one thing to one socket. Errors are raised
as OSError, save by receive() and send(), which are called for every batch and return -errno.
The numbers are those of the kernel's uapi headers, for 64-bit little-endian machines.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from errno import EAGAIN, EBADF, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC

from udpecho.kernel.layout import (
    IP_MTU_DISCOVER,
    IP_PKTINFO,
    IP_PMTUDISC_OMIT,
    IP_RECVERR,
    IP_RECVTOS,
    IP_RECVTTL,
    IPV6_RECVERR,
    IPV6_RECVHOPLIMIT,
    IPV6_RECVPKTINFO,
    IPV6_RECVTCLASS,
    SO_MEMINFO,
    SO_TIMESTAMPNS,
    SOL_UDP,
    UDP_GRO,
)
from udpecho.kernel.wake import Watch

SUPPORTED = sys.platform == "linux" and sys.byteorder == "little" and sys.maxsize > 2**32
"""Whether the layouts here are this machine's."""


_FORCED = {socket.SO_RCVBUF: 33, socket.SO_SNDBUF: 32} if sys.platform == "linux" else {}
"""The option that may ask for a buffer of any size (elsewhere these numbers mean other things)."""

_MEMINFO = struct.Struct("9I")
_MEMINFO_DROPS = 8

_AT_ONCE = int(getattr(socket, "MSG_DONTWAIT", 0))
_MSG_PROBE = 0x10  # linux/socket.h

_libc = ctypes.CDLL(None, use_errno=True)
if SUPPORTED:
    # Without argtypes, which cost as much as the call: so a pointer must be a c_void_p.
    _recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg


def has_batches() -> bool:
    """Tell whether the kernel has the calls for batches, and no filter denies them.

    They are made without a socket: where they are allowed, that is all the kernel complains of.
    """
    nothing = ctypes.c_void_p()
    return SUPPORTED and receive(-1, nothing, 0) == send(-1, nothing, 0) == -EBADF


_PASSING = frozenset({EAGAIN, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC})
"""What says nothing of what a kernel has."""


def can_serve(skt: socket.socket) -> bool:
    """Try whether this kernel, or what poses as one, has what our port needs of a socket.

    Asked of the socket that is to be served: a service may be forbidden to open any other.
    """
    if not has_batches():
        return False
    try:
        describe_arrivals(skt)
        skt.getsockopt(*_queue_of_errors(skt))
        dropped(skt)
        Watch(skt.fileno()).close()
    except OSError as error:
        return error.errno in _PASSING
    return True


def receive(fd: int, headers: ctypes.c_void_p, count: int, flags: int = _AT_ONCE) -> int:
    """Fill up to count mmsghdrs at an address; return how many, or -errno (recvmmsg(2))."""
    received: int = _recvmmsg(fd, headers, count, flags, None)
    return received if received >= 0 else -ctypes.get_errno()


def receive_errors(fd: int, headers: ctypes.c_void_p, count: int) -> int:
    """Fill mmsghdrs as receive() does, from the error queue (recvmsg(2), MSG_ERRQUEUE)."""
    return receive(fd, headers, count, _AT_ONCE | socket.MSG_ERRQUEUE)


def send(fd: int, headers: ctypes.c_void_p, count: int, flags: int = _AT_ONCE) -> int:
    """Send up to count mmsghdrs at an address; return how many, or -errno (sendmmsg(2))."""
    sent: int = _sendmmsg(fd, headers, count, flags)
    return sent if sent >= 0 else -ctypes.get_errno()


def look(fd: int, header: ctypes.c_void_p) -> int:
    """Have the kernel look for the way of one message, and not send it; return 1, or -errno.

    It meets no error of another one's: that is looked at later (net/ipv4/udp.c, MSG_PROBE).
    """
    return send(fd, header, 1, _AT_ONCE | _MSG_PROBE)


def disconnect(skt: socket.socket) -> None:
    """Take a socket's peer from it (connect(2), AF_UNSPEC)."""
    nowhere = struct.pack("=H26x", socket.AF_UNSPEC)
    if _libc.connect(skt.fileno(), nowhere, len(nowhere)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def describe_arrivals(skt: socket.socket, destination: bool = True) -> None:
    """Have each datagram come with its destination, if wanted, TTL and TOS (ip(7), ipv6(7))."""
    if skt.family == socket.AF_INET6:
        level, options = socket.IPPROTO_IPV6, (IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS)
    else:
        level, options = socket.IPPROTO_IP, (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS)
    for option, wanted in zip(options, (destination, True, True), strict=True):
        skt.setsockopt(level, option, wanted)


def stamp_arrivals(skt: socket.socket, told: bool = True) -> None:
    """Have each datagram come with the time of its arrival, in ns (socket(7), SO_TIMESTAMP).

    Of a socket that was told so once the kernel notes it, told or not: of what is queued, too.
    """
    skt.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, told)


def queue_errors(skt: socket.socket) -> None:
    """Have ICMP errors kept in the error queue, on unconnected sockets too (IP_RECVERR)."""
    skt.setsockopt(*_queue_of_errors(skt), 1)


def drop_errors(skt: socket.socket) -> None:
    """Throw away what is in the error queue, and have errors kept again."""
    skt.setsockopt(*_queue_of_errors(skt), 0)  # which empties it
    skt.setsockopt(*_queue_of_errors(skt), 1)


def _queue_of_errors(skt: socket.socket) -> tuple[int, int]:
    """Name the option, by level and number, that turns a socket's error queue on."""
    if skt.family == socket.AF_INET6:
        return socket.IPPROTO_IPV6, IPV6_RECVERR
    return socket.IPPROTO_IP, IP_RECVERR


def omit_path_mtu(skt: socket.socket) -> bool:
    """Have IPv4 datagrams leave as its link takes them, whatever is said of the path (Linux 3.15).

    Without DF, so that a router on a path that takes less cuts them, and with no regard to what
    ICMP says, which anyone can forge (ip(7), IP_MTU_DISCOVER). Tell whether it is so.
    """
    if skt.family != socket.AF_INET or sys.platform != "linux":
        return False
    try:
        skt.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
    except OSError:
        return False
    return True


def take_trains(skt: socket.socket) -> bool:
    """Take datagrams of one flow as one train, if the kernel can (udp(7), UDP_GRO; Linux 5.0)."""
    try:
        skt.setsockopt(SOL_UDP, UDP_GRO, 1)
    except OSError:
        return False
    return True


def dropped(skt: socket.socket) -> int:
    """Count the datagrams lost to a full receive buffer (SO_MEMINFO; Linux 4.12)."""
    info = skt.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(info)[_MEMINFO_DROPS])


def set_buffer(skt: socket.socket, option: int, size: int) -> int:
    """Ask for a buffer, SO_RCVBUF or SO_SNDBUF, of this many bytes; return what was granted.

    Beyond net.core.rmem_max or wmem_max it takes the privilege CAP_NET_ADMIN. Linux doubles what
    it is told, for its own bookkeeping (socket(7)); size and result are not doubled.
    """
    try:
        skt.setsockopt(socket.SOL_SOCKET, _FORCED.get(option, option), size)
    except OSError:
        skt.setsockopt(socket.SOL_SOCKET, option, size)
    return skt.getsockopt(socket.SOL_SOCKET, option) // 2
