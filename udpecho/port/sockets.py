"""Opening UDP sockets: one family each, bound, non-blocking."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import ISystemHandle
from twisted.logger import Logger

from udpecho.errors import BadAddress
from udpecho.hosts import canonical_host
from udpecho.kernel import calls
from udpecho.kernel.inherited import describe_nothing
from udpecho.names import with_scope
from udpecho.peer import format_peer, is_ipv6
from udpecho.port.portsocket import PortSocket

SEND_BUFFER = 1 << 22
"""Bytes asked for, beyond which sends fail. The kernel keeps what is for a neighbour that it still
looks for (208 KiB for each, 3 s long): who forges neighbours that nobody has would fill the 208 KiB
that are usual with that, and then nobody is answered."""

MAX_BUFFER = 2**31 - 1
"""Bytes of a buffer that can be asked for: setsockopt(2) takes a C int."""

_log = Logger()


def check_interface(interface: str) -> str:
    """Return an interface's canonical address, "" for all of IPv4's.

    Raises BadAddress, or TypeError for what is no string.
    """
    if not isinstance(interface, str):
        raise TypeError(f"interface: expected an IP address, got {interface!r}")
    host = canonical_host(interface) if interface else ""
    if host is None:
        raise BadAddress(interface, f"expected an IP address to listen on, got {interface!r}")
    return host


def check_sizes(max_packet_size: int, receive_buffer: int | None) -> None:
    """Raise ValueError, or TypeError, for what no port can have, by the name that callers know."""
    _check_size("maxPacketSize", max_packet_size, 0)
    if receive_buffer is not None:
        _check_size("receive_buffer", receive_buffer, 1)


def _check_size(name: str, size: object, lowest: int) -> None:
    expected = f"{name}: expected a whole number from {lowest} to {MAX_BUFFER}, got {size!r}"
    if not isinstance(size, int):
        raise TypeError(expected)
    if not lowest <= size <= MAX_BUFFER:
        raise ValueError(expected)


def open_udp(interface: str, port: int, reuse_port: bool = False) -> socket.socket:
    """Open a socket on an address and a port, or raise CannotListenError.

    One on an IPv6 address takes IPv6 alone: through one that took both, a packet with a mapped
    source could reach from the wire into IPv4's loopback.
    """
    family = socket.AF_INET6 if is_ipv6(interface) else socket.AF_INET
    with cannot_listen(interface, port):
        skt = socket.socket(family, socket.SOCK_DGRAM)
    try:
        with cannot_listen(interface, port):
            skt.setblocking(False)
            if family == socket.AF_INET6:
                skt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            with suppress(OSError):  # elsewhere than on Linux, too much is refused
                calls.set_buffer(skt, socket.SO_SNDBUF, SEND_BUFFER)
            if reuse_port:
                skt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            skt.bind(with_scope(interface, port))
    except BaseException:
        skt.close()
        raise
    return skt


def adopt(fd: int) -> socket.socket:
    """Make a socket of a copy of a descriptor, with the options of one that we opened.

    Raises ValueError if it is no UDP socket, or one that is not bound or is connected, OSError if
    it is no socket at all, TypeError if it is no number, or CannotListenError if there is no
    descriptor left for the copy.
    """
    if type(fd) is not int:  # None would have a socket opened
        raise TypeError(f"fd: expected a descriptor's number, got {fd!r}")
    given = socket.socket(fileno=fd)
    try:
        _check_kind(given)
        with cannot_listen(*given.getsockname()[:2]):
            skt = given.dup()
    finally:
        given.detach()
    skt.setblocking(False)
    describe_nothing(skt)
    if skt.family == socket.AF_INET6 and not skt.getsockopt(
        socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
    ):
        _log.warn(
            "{socket} takes IPv4 too: what comes over it is not delivered"
            " (have it opened with IPV6_V6ONLY; systemd: BindIPv6Only=ipv6-only)",
            socket=skt,
        )
    return skt


def _check_kind(skt: socket.socket) -> None:
    """Raise ValueError for a socket that we can't serve."""
    why = None
    if skt.family not in (socket.AF_INET, socket.AF_INET6) or skt.type != socket.SOCK_DGRAM:
        why = "not a UDP socket"
    elif skt.proto not in (0, socket.IPPROTO_UDP):  # 0 where the system does not tell
        why = f"not a UDP socket, but of protocol {skt.proto}"
    elif not skt.getsockname()[1]:
        why = "not bound to a port"
    else:
        with suppress(OSError):
            why = f"connected to {format_peer(skt.getpeername()[:2])}"
    if why is not None:
        raise ValueError(f"can't serve descriptor {skt.fileno()}: {why}")


def set_receive_buffer(skt: PortSocket, size: int | None) -> None:
    """Ask for a receive buffer of this many bytes, if any; the log says if less was granted."""
    if size is None:
        return
    granted = skt.set_receive_buffer(size)
    if granted < size:
        _log.warn(
            "receive buffer: {asked} bytes asked for, {granted} granted"
            " (sysctl net.core.rmem_max, or CAP_NET_ADMIN)",
            asked=size,
            granted=granted,
        )


def only_address(skt: socket.socket) -> bytes | None:
    """Give the address, packed, to which all is sent that a socket gets; None if that isn't sure.

    It is not one host's if it is a wildcard, a group or a broadcast address: these can be bound
    to, but connect() refuses the last (ip(7), EACCES).
    """
    bound = skt.getsockname()
    if not may_be_one_hosts(bound[0]):
        return None
    try:
        with socket.socket(skt.family, socket.SOCK_DGRAM) as other:
            other.connect(bound)
    except OSError:
        return None
    return ip_address(bound[0]).packed


def may_be_one_hosts(host: str) -> bool:
    """Tell an address that is neither a wildcard nor a group; it may be a broadcast one yet."""
    address = ip_address(host)
    return not (address.is_unspecified or address.is_multicast)


def omit_path_mtu(port: Any) -> None:
    """Have a port that answers strangers heed no word of the path's MTU, where that can be.

    That is over IPv4: over IPv6 routers cut nothing, and then only the sender can.
    """
    handle: Any = port.getHandle() if ISystemHandle.providedBy(port) else None
    if hasattr(handle, "setsockopt"):
        calls.omit_path_mtu(handle)


def leave_to_others(skt: socket.socket) -> None:
    """Have those that share its port get what comes from now on; what is queued can be read.

    A socket that is connected gets datagrams of its peer alone: this one's is itself. Only for
    what this process has opened: whoever has a copy of the socket is disconnected, too.
    """
    skt.connect(skt.getsockname())


@contextmanager
def cannot_listen(interface: str, port: int) -> Iterator[None]:
    """Raise CannotListenError for what the system says against a socket."""
    try:
        yield
    except (OSError, OverflowError) as error:
        raise CannotListenError(interface, port, error) from error
