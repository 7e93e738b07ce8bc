"""What an option's text means: what tap and cli share, each error one clear line.

A ValueError's text names the option, what was expected and what came, since twisted.python.usage
prints that text alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import TypeVar

from twisted.python import usage
from twisted.python.systemd import ListenFDs

from udpecho import __version__
from udpecho.peer import canonical_host
from udpecho.policy import parse_ports
from udpecho.prefixes import Network, parse_network
from udpecho.service import InheritedSocket, Listen, UdpAddress, everywhere

Value = TypeVar("Value")

DEFAULT_PORT = 1060
"""Not 7, which is echo's own (RFC 862) but takes a privilege to listen on."""


class Command(usage.Options):
    """What the options of every command have in common."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, and leave out what Twisted puts before a coercer's error."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            text = str(error).removeprefix("Parameter type enforcement failed: ")
            raise usage.UsageError(text) from error

    def opt_version(self) -> None:
        """Print udpecho's version and exit."""
        print(f"udpecho {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *args: str) -> None:
        """Refuse what is not an option."""
        if args:
            raise usage.UsageError(f"expected options only, got {args[0]!r}")


def _wrong(option: str, expected: str, got: str) -> ValueError:
    return ValueError(f"{option}: expected {expected}, got {got!r}")


def port_number(option: str, lowest: int = 1) -> Callable[[str], int]:
    """Make a coercer of a port; lowest=0 lets the kernel choose one."""

    def coerce(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,5}", text) and lowest <= int(text) <= 65535:
            return int(text)
        raise _wrong(option, f"a port from {lowest} to 65535", text)

    return coerce


def ip_address(option: str) -> Callable[[str], str]:
    """Make a coercer of an IPv4 or IPv6 address, with or without brackets."""

    def coerce(text: str) -> str:
        bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        canonical = canonical_host(bare)
        if canonical is None:
            raise _wrong(option, "an IPv4 or IPv6 address", text)
        return canonical

    return coerce


def seconds(option: str) -> Callable[[str], float]:
    """Make a coercer of a duration above 0, in seconds."""

    def coerce(text: str) -> float:
        try:
            value = float(text) if re.fullmatch(r"[0-9.]+", text) else 0.0
        except ValueError:
            value = 0.0
        if 0 < value <= 86400:
            return value
        raise _wrong(option, "seconds above 0, a day at most", text)

    return coerce


def whole_number(option: str, lowest: int, highest: int) -> Callable[[str], int]:
    """Make a coercer of a whole number within bounds."""

    def coerce(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,18}", text) and lowest <= int(text) <= highest:
            return int(text)
        raise _wrong(option, f"a whole number from {lowest} to {highest}", text)

    return coerce


def number(option: str, lowest: float, highest: float) -> Callable[[str], float]:
    """Make a coercer of a decimal number within bounds."""

    def coerce(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = nan
        if lowest <= value <= highest:
            return value
        raise _wrong(option, f"a number from {lowest:.15g} to {highest:.15g}", text)

    return coerce


def one_of(option: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """Make a coercer that takes one of some words."""

    def coerce(text: str) -> str:
        if text in choices:
            return text
        raise _wrong(option, f"one of {', '.join(choices)}", text)

    return coerce


def network(option: str) -> Callable[[str], Network]:
    """Make a coercer of a network, as 192.0.2.0/24, or of one address."""

    def coerce(text: str) -> Network:
        return _naming(option, parse_network, text)

    return coerce


def source_ports(option: str) -> Callable[[str], frozenset[int]]:
    """Make a coercer of ports and ranges of them."""

    def coerce(text: str) -> frozenset[int]:
        return _naming(option, parse_ports, text)

    return coerce


def _naming(option: str, parse: Callable[[str], Value], text: str) -> Value:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def host_and_port(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Read HOST, HOST:PORT, IPv6 or [IPv6]:PORT; a name is left for the resolver to judge."""
    if canonical_host(text) is not None:  # an IPv6 address needs no brackets without a port
        return text, default_port
    match = re.fullmatch(
        r"\[(?P<v6>[^\]]*)\](?::(?P<port6>.*))?|(?P<host>[^:\[\]]*)(?::(?P<port>[^:]*))?", text
    )
    if match is None or not (match["host"] or match["v6"]):
        raise _wrong("HOST[:PORT]", "a host, HOST:PORT or [IPv6]:PORT", text)
    if match["v6"] is not None and ":" not in ip_address("HOST[:PORT]")(match["v6"]):
        raise _wrong("HOST[:PORT]", "an IPv6 address in the brackets", text)
    port = match["port6"] if match["port6"] is not None else match["port"]
    if port is None:
        return match["host"] or match["v6"], default_port
    return match["host"] or match["v6"], port_number("HOST[:PORT]")(port)


def inherited_sockets() -> ListenFDs:
    """Learn which sockets systemd passed us (sd_listen_fds(3)).

    Twisted's endpoints, once imported, have taken that out of os.environ for themselves; the
    kernel still has what the process was started with (proc(5), /proc/pid/environ).
    """
    environ = dict(os.environ)
    if "LISTEN_PID" not in environ:
        with suppress(OSError):
            started_with = Path("/proc/self/environ").read_bytes().decode("utf-8", "replace")
            pairs = (pair.partition("=") for pair in started_with.split("\0"))
            environ.update({name: value for name, _, value in pairs if name.startswith("LISTEN_")})
    count = environ.get("LISTEN_FDS", "")
    if count.isdecimal():  # names came later than numbers, and some who hand down have none
        environ.setdefault("LISTEN_FDNAMES", ":".join(["unknown"] * int(count)))
    return ListenFDs.fromEnvironment(environ)


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
    raise _wrong(
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
        raise _wrong(
            "--listen systemd:name=", f"the name of an inherited socket ({known})", named["name"]
        )
    fds = inherited.inheritedDescriptors()
    if not fds:
        raise _wrong(
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
            raise _wrong("--listen", f"{' or '.join(names)}=VALUE, once, after the colon", text)
        named[name] = value
    return named
