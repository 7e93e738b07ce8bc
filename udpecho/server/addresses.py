"""Where a service listens: as values, as they are written, and as bound sockets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from errno import EADDRNOTAVAIL, EAFNOSUPPORT, EPROTOTYPE

from twisted.internet.error import CannotListenError
from twisted.python.systemd import ListenFDs

from udpecho.hosts import DEFAULT_PORT, ip_address
from udpecho.peer import is_ipv6
from udpecho.port import adopt, open_udp
from udpecho.values import one_of, port_number, whole_number, wrong

DESCRIPTOR = "inherited descriptor"
"""In an error, in place of an address; its number is the port's."""

_NO_SUCH_FAMILY = frozenset({EADDRNOTAVAIL, EAFNOSUPPORT})


@dataclass(frozen=True, slots=True)
class UdpAddress:
    """A port to listen on, at one local address, or at all of a family (0.0.0.0 or ::)."""

    port: int
    interface: str
    optional: bool = False
    """Whether a machine without this address, or its family, may do without."""
    reuse_port: bool = False
    """Whether other processes may share the port, each serving some senders (SO_REUSEPORT)."""


@dataclass(frozen=True, slots=True)
class InheritedSocket:
    """A bound socket that the parent process left us, by descriptor (sd_listen_fds(3))."""

    fd: int


Listen = UdpAddress | InheritedSocket


def everywhere(port: int) -> tuple[UdpAddress, UdpAddress]:
    """Listen at all addresses of both families: two sockets, the second for IPv6 alone."""
    return UdpAddress(port, "0.0.0.0"), UdpAddress(port, "::", optional=True)


LOOPBACK = (
    UdpAddress(DEFAULT_PORT, "127.0.0.1"),
    UdpAddress(DEFAULT_PORT, "::1", optional=True),
)
"""Where the service listens when nobody says otherwise: this machine alone can ask it."""


def listen(text: str, inherited: ListenFDs) -> tuple[Listen, ...]:
    r"""Read udp:PORT[:interface=ADDRESS][:reusePort=yes], systemd:index=N or systemd:name=NAME.

    Without an interface it is two sockets, one for all addresses of each family.

    The colons of an IPv6 address are escaped as in Twisted's endpoints (\:), or the address
    is put in brackets.
    """
    kind, *fields = re.split(r"(?<!\\):(?![^\[]*\])", text)
    fields = [field.replace("\\:", ":") for field in fields]
    if kind == "udp" and fields:
        return _udp(fields[0], _named(text, fields[1:], ("interface", "reusePort")))
    if kind == "systemd" and len(fields) == 1:
        return (_systemd(text, _named(text, fields, ("index", "name")), inherited),)
    raise wrong(
        "--listen",
        "udp:PORT[:interface=ADDRESS][:reusePort=yes], systemd:index=N or systemd:name=NAME",
        text,
    )


def _udp(port: str, named: dict[str, str]) -> tuple[UdpAddress, ...]:
    number = port_number("--listen udp:PORT", lowest=0)(port)
    shared = one_of("--listen reusePort=", ("no", "yes"))(named.get("reusePort", "no")) == "yes"
    if "interface" not in named:
        return tuple(replace(each, reuse_port=shared) for each in everywhere(number))
    interface = ip_address("--listen interface=")(named["interface"])
    return (UdpAddress(number, interface, reuse_port=shared),)


def _systemd(text: str, named: dict[str, str], inherited: ListenFDs) -> InheritedSocket:
    by_name = inherited.inheritedNamedDescriptors()
    if "name" in named:
        if named["name"] in by_name:
            return InheritedSocket(by_name[named["name"]])
        known = ", ".join(sorted(by_name)) or "none"
        raise wrong(
            "--listen systemd:name=", f"the name of an inherited socket ({known})", named["name"]
        )
    fds = inherited.inheritedDescriptors()
    if not fds:
        raise wrong(
            "--listen", "sockets inherited from systemd (LISTEN_FDS), of which there are none", text
        )
    return InheritedSocket(
        fds[whole_number("--listen systemd:index=", 0, len(fds) - 1)(named["index"])]
    )


def _named(text: str, fields: list[str], names: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=VALUE fields, each name at most once."""
    named: dict[str, str] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or name not in names or name in named:
            raise wrong("--listen", f"{' or '.join(names)}=VALUE, once, after the colon", text)
        named[name] = value
    return named


def check_told_alone(listens: Iterable[Listen]) -> None:
    """Raise ValueError if another process may share a port on which paths are to be told."""
    if any(isinstance(each, UdpAddress) and each.reuse_port for each in listens):
        raise ValueError(
            "expected --tell-paths or --listen reusePort=yes, got both:"
            " a question may come to another process than the probe"
        )


@contextmanager
def doing_without(listen: Listen) -> Iterator[None]:
    """Let an optional address be missing."""
    try:
        yield
    except CannotListenError as error:
        optional = isinstance(listen, UdpAddress) and listen.optional
        if not (optional and error.socketError.errno in _NO_SUCH_FAMILY):
            raise


@contextmanager
def trial(listen: Listen) -> Iterator[tuple[str, socket.socket]]:
    """Give the address of a place to listen, and a socket like the one that will be served.

    Raises CannotListenError.
    """
    if isinstance(listen, UdpAddress):
        family = socket.AF_INET6 if is_ipv6(listen.interface) else socket.AF_INET
        host = listen.interface
        try:
            skt = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise CannotListenError(host, listen.port, error) from None
    else:
        skt = bind(listen)
        host = skt.getsockname()[0]
    with skt:
        yield host, skt


def bind(listen: Listen) -> socket.socket:
    """Bind an address, or copy an inherited socket, which so stays for another start."""
    if isinstance(listen, UdpAddress):
        return open_udp(listen.interface, listen.port, listen.reuse_port)
    try:
        return adopt(listen.fd)
    except ValueError as error:
        reason = OSError(EPROTOTYPE, str(error).partition(": ")[2])
        raise CannotListenError(DESCRIPTOR, listen.fd, reason) from None
    except OSError as error:
        raise CannotListenError(DESCRIPTOR, listen.fd, error) from None
