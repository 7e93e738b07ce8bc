"""What the values of ping's options mean. Each reader raises a ValueError that names the option."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from udpecho.dscp import CLASSES, dscp_named, number_of
from udpecho.hosts import canonical_host, host_and_port, is_link_local
from udpecho.peer import MAX_PORT
from udpecho.shown import short
from udpecho.values import number, port_number, wrong

MAX_FLOWS = 1024

Target: TypeAlias = tuple[str, int, str]
"""A host, its port, and both as they were given."""

dscp = dscp_named("--dscp")


def tos(text: str) -> int:
    """Read the whole byte, as iputils' ping does (RFC 2474).

    In 0.1 -Q took a DSCP: what was one is refused until 0.3, so that nobody sends another byte
    than before without a word.
    """
    value = number_of(text)
    was = CLASSES.get(text.upper(), value if text.isdecimal() and value in range(1, 64) else None)
    if was is not None:
        byte = was if text.isdecimal() else was << 2
        raise ValueError(
            f"-Q: expected the whole byte, as of iputils' ping, got {text!r}: "
            f"--dscp={text} for a DSCP, -Q {byte:#04x} for the byte"
        )
    if value is None or value > 255:
        raise wrong("-Q", "a byte from 0 to 255, 0x for hexadecimal", text)
    return value


def percentage(text: str) -> float:
    """Read a percentage, with its sign or without."""
    return number("--max-loss", 0, 100)(text.removesuffix("%"))


def default_port(text: str) -> int:
    """Read -p, of which iputils' ping makes another thing."""
    try:
        return port_number("-p")(text)
    except ValueError as error:
        raise ValueError(
            f"{error}; iputils' -p, a pattern to fill probes with, is absent"
        ) from None


def source_ports(text: str) -> tuple[int, ...]:
    """Read a port, or the first and the last of several."""
    first, dash, last = text.partition("-")
    try:
        read = port_number("--sport")
        ports = range(read(first), read(last if dash else first) + 1)
    except ValueError:
        ports = range(0)
    if not 1 <= len(ports) <= MAX_FLOWS:
        raise wrong("--sport", f"a port from 1 to {MAX_PORT}, or FIRST-LAST of {MAX_FLOWS}", text)
    return tuple(ports)


def target(port: int) -> Callable[[str], Target]:
    """Make a reader of HOST[:PORT]; the port is of those that name none."""

    def read(text: str) -> Target:
        try:
            return *host_and_port(text, port), text
        except ValueError as error:
            if text.isdecimal():  # most likely the second word of "HOST PORT"
                raise ValueError(f"{error}; for the port of all hosts, -p {short(text)}") from None
            raise

    return read


def resolve(text: str) -> float:
    """Read how often names are looked up."""
    return 0.0 if text == "0" else number("--resolve", 1, 86400)(text)


def source_or_device(text: str | None) -> tuple[str | None, str | None]:
    """Tell whether -I is an address or a network interface."""
    if text is None:
        return None, None
    address = canonical_host(text)
    if address is None and not re.fullmatch(r"[^\s/]{1,15}", text):
        raise wrong("-I", "an address or a network interface", text)
    if address is not None and is_link_local(address) and "%" not in address:
        raise wrong("-I", f"{address}%INTERFACE, since each link has such addresses", text)
    return (address, None) if address is not None else (None, text)
