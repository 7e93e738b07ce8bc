"""A UDP socket whose datagrams the kernel stamps as they leave and as they come.

Linux only; no Twisted, no ctypes. The stamp of a reply comes beside its data; that of a probe
comes on the socket's error queue, with the number of the send (timestamping.rst: OPT_ID,
OPT_TSONLY), and so do ICMP's refusals (ip(7), IP_RECVERR).
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from errno import EACCES, ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, ENOPROTOOPT
from time import monotonic_ns, time_ns
from typing import NamedTuple

from udpecho.peer import Peer
from udpecho.stamps import Stamp

SUPPORTED = sys.platform == "linux"

# What Python 3.10's socket module lacks, from asm-generic/socket.h, linux/in.h and in6.h.
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE, _SO_TIMESTAMPING, _SO_MEMINFO = 32, 33, 37, 55
_IP_RECVERR, _IP_RECVTTL, _IPV6_RECVERR = 11, 12, 25

# linux/net_tstamp.h
_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE, _OPT_ID, _OPT_TSONLY = (
    1 << 1,
    1 << 3,
    1 << 4,
    1 << 7,
    1 << 11,
)
_STAMPING = _TX_SOFTWARE | _RX_SOFTWARE | _SOFTWARE | _OPT_ID | _OPT_TSONLY

_EXTENDED_ERROR = struct.Struct("=IBBBxII")  # sock_extended_err, linux/errqueue.h
_FROM_ICMP, _FROM_ICMP6, _FROM_TIMESTAMPING = 2, 3, 4
_SOCKADDR_IN, _SOCKADDR_IN6 = struct.Struct("=HH4s"), struct.Struct("=HHI16s")
_TIMESPEC = struct.Struct("@qq")

_ANCILLARY = 512
"""Bytes of control messages: a timestamp takes 64, a TTL 24, an error with its sender 64."""

_BUFFER = 4 << 20
"""Bytes asked for each way, to hold what comes while the process is busy: at 10,000 replies a
second and 768 bytes each, half a second. Where that takes a privilege, what sysctl allows."""

_QUOTED = 64
"""Bytes taken of what ICMP quotes: enough to tell which probe it was."""

_UNSTAMPED = 4096
"""Sends remembered that the kernel has not stamped: a driver may be unable to."""

_EARLIER_ERRORS = frozenset(
    (ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EACCES, EMSGSIZE, ENOPROTOOPT)
)
"""What a send may report of an earlier datagram; saying so clears it, and the next try counts."""

_MOMENT_NS = 20_000
"""What two readings of clocks take at most, unless the process is preempted in between."""

_READINGS = 4

_TIME_EXCEEDED = {(_FROM_ICMP, 11), (_FROM_ICMP6, 3)}


class Arrival(NamedTuple):
    """A datagram, stamped as it was taken from the queue and, earlier, by the kernel."""

    data: bytes
    peer: Peer
    ttl: int | None
    stamp: Stamp


class Departure(NamedTuple):
    """The kernel's stamp for what was sent with this token."""

    token: object
    kernel_ns: int


class Refused(NamedTuple):
    """ICMP's answer to a datagram of which it quotes the data; by is who sent it."""

    data: bytes
    errno: int
    time_exceeded: bool
    by: Peer


def read_clocks(kernel_ns: int | None = None) -> Stamp:
    """Read the monotonic and the wall clock at one moment, as far as that can be had."""
    for _ in range(_READINGS):
        before, wall_ns = monotonic_ns(), time_ns()
        if monotonic_ns() - before < _MOMENT_NS:
            break  # else the process was preempted in between
    return Stamp(before, wall_ns, kernel_ns)


class StampedSocket:
    """A bound UDP socket; not a provider of anything. With stamps=False it does without."""

    def __init__(
        self,
        local: tuple[str, int],
        *,
        family: int,
        room: int,
        stamps: bool = True,
        ttl: int | None = None,
        traffic_class: int | None = None,
        device: str | None = None,
    ) -> None:
        """Open and bind, or raise OSError. room is how many bytes of a datagram are taken."""
        self._room = room
        self._stamps = stamps
        self._number = 0
        self._sent: dict[int, object] = {}
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._set_options(family, ttl, traffic_class)
            if device is not None:
                self._socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0"
                )
            self._socket.bind(local)
        except BaseException:
            self._socket.close()
            raise
        self._start_stamping()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    @property
    def port(self) -> int:
        """The local port."""
        return int(self._socket.getsockname()[1])

    @property
    def dropped(self) -> int:
        """How many datagrams came that the receive buffer had no room for."""
        meminfo = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
        return int.from_bytes(meminfo[32:36], sys.byteorder)

    def connect(self, peer: Peer) -> None:
        """Hear one peer only, but for what came before. Raises OSError."""
        self._socket.connect(peer)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, data: bytes, peer: Peer | None, token: object) -> None:
        """Send, to the connected peer if to None. token comes back with the stamp.

        Raises OSError if the kernel will not, but not for what an earlier datagram met with.
        """
        try:
            self._send(data, peer)
        except OSError:
            self._start_stamping()  # its numbers may or may not have counted the failure
            raise
        if self._stamps:
            self._sent[self._number] = token
            self._number = (self._number + 1) & 0xFFFFFFFF
            if len(self._sent) > _UNSTAMPED:
                del self._sent[next(iter(self._sent))]

    def arrivals(self, most: int) -> Iterator[Arrival]:
        """Take datagrams from the queue, at most so many."""
        for _ in range(most):
            try:
                data, ancillary, _, address = self._socket.recvmsg(self._room, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError:  # what ICMP said, which the error queue says better
                continue
            ttl = kernel_ns = None
            for level, kind, value in ancillary:
                if kind == _SO_TIMESTAMPING and level == socket.SOL_SOCKET:
                    kernel_ns = _software_ns(value)
                elif (level, kind) in _TTLS:
                    ttl = int.from_bytes(value, sys.byteorder)
            yield Arrival(data, address[:2], ttl, read_clocks(kernel_ns))

    def notices(self, most: int) -> Iterator[Departure | Refused]:
        """Take stamps and refusals from the error queue, at most so many."""
        for _ in range(most):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(
                    _QUOTED, _ANCILLARY, socket.MSG_ERRQUEUE
                )
            except OSError:  # EAGAIN: nothing more
                return
            if notice := self._notice(data, ancillary):
                yield notice

    def _notice(
        self, data: bytes, ancillary: list[tuple[int, int, bytes]]
    ) -> Departure | Refused | None:
        kernel_ns, error = None, b""
        for level, kind, value in ancillary:
            if kind == _SO_TIMESTAMPING and level == socket.SOL_SOCKET:
                kernel_ns = _software_ns(value)
            elif (level, kind) in _ERRORS:
                error = value
        if len(error) < _EXTENDED_ERROR.size:
            return None
        errno, origin, icmp_type, _, _, number = _EXTENDED_ERROR.unpack_from(error)
        if origin == _FROM_TIMESTAMPING:
            token = self._sent.pop(number, None)
            return None if token is None or kernel_ns is None else Departure(token, kernel_ns)
        if origin not in (_FROM_ICMP, _FROM_ICMP6):
            return None  # our own kernel's word, which send() has raised
        by = _offender(error[_EXTENDED_ERROR.size :])
        return Refused(data, errno, (origin, icmp_type) in _TIME_EXCEEDED, by)

    def _send(self, data: bytes, peer: Peer | None) -> None:
        for last in (False, False, True):
            try:
                if peer is None:
                    self._socket.send(data)
                else:
                    self._socket.sendto(data, peer)
                return
            except OSError as error:
                if last or error.errno not in _EARLIER_ERRORS:
                    raise
                self._start_stamping()

    def _set_options(self, family: int, ttl: int | None, traffic_class: int | None) -> None:
        ip = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
        options: list[tuple[int, int, int | None]]
        if family == socket.AF_INET:
            options = [
                (ip, _IP_RECVERR, 1),
                (ip, _IP_RECVTTL, 1),
                (ip, socket.IP_TTL, ttl),
                (ip, socket.IP_TOS, traffic_class),
            ]
        else:
            options = [
                (ip, socket.IPV6_V6ONLY, 1),
                (ip, _IPV6_RECVERR, 1),
                (ip, socket.IPV6_RECVHOPLIMIT, 1),
                (ip, socket.IPV6_UNICAST_HOPS, ttl),
                (ip, socket.IPV6_TCLASS, traffic_class),
            ]
        for level, option, value in options:
            if value is not None:
                self._socket.setsockopt(level, option, value)
        _ask_for_room(self._socket, _SO_RCVBUFFORCE, socket.SO_RCVBUF)
        _ask_for_room(self._socket, _SO_SNDBUFFORCE, socket.SO_SNDBUF)

    def _start_stamping(self) -> None:
        """Have the kernel stamp, and count sends from 0: both of us, whatever failed before."""
        if not self._stamps:
            return
        # A stamp of the old count would be taken for one of the new.
        self._sent.clear()
        self._number = 0
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _STAMPING)
        except OSError:
            self._stamps = False


_ERRORS = {(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)}
_TTLS = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}


def _ask_for_room(skt: socket.socket, forced: int, allowed: int) -> None:
    try:
        skt.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
    except OSError:
        skt.setsockopt(socket.SOL_SOCKET, allowed, _BUFFER)


def _software_ns(value: bytes) -> int | None:
    """Read the first of the three times of struct scm_timestamping; all 0 means none."""
    seconds, nanoseconds = _TIMESPEC.unpack_from(value)
    return int(seconds) * 1_000_000_000 + int(nanoseconds) or None


def _offender(sockaddr: bytes) -> Peer:
    """Read who sent an ICMP message; its port is 0."""
    try:
        if int.from_bytes(sockaddr[:2], sys.byteorder) == socket.AF_INET6:
            return socket.inet_ntop(socket.AF_INET6, _SOCKADDR_IN6.unpack_from(sockaddr)[3]), 0
        return socket.inet_ntop(socket.AF_INET, _SOCKADDR_IN.unpack_from(sockaddr)[2]), 0
    except (struct.error, ValueError):
        return "", 0
