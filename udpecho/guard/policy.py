"""What the operator decides about who is answered, and how it is written on a command line.

Checked as it is made: a Policy that contradicts itself can't be had.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from udpecho.guard.prefixes import LOOPBACK, Network, parse_network
from udpecho.guard.ratelimit import MAX_RATE, MAX_SLIP, SLIP
from udpecho.peer import MAX_PORT
from udpecho.values import naming


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides; the defaults are meant for a public network.

    With allow, only its networks are answered; with deny, all but its networks. Of two that
    hold an address the longer prefix decides. rate (tokens a second; 0 for no limit) and burst
    hold for each source prefix of the given lengths, save for the exempt networks. A datagram
    costs one token, and one more for each further 1,500 bytes of its data begun; it passes while
    there is one. Of those over the limit one in slip passes, if it costs one token (0 for none).
    A reply leaves with one hop fewer than was left to the request, so that loops end; with
    keep_ttl, with as many.
    """

    allow_source_ports: frozenset[int] = frozenset()
    keep_ttl: bool = False
    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    rate: int = 1000
    burst: int = 2000
    ipv4_prefix: int = 24  # BIND's and NSD's for rate limiting
    ipv6_prefix: int = 56  # BIND's: often what one customer is given
    exempt: tuple[Network, ...] = LOOPBACK
    slip: int = SLIP
    discard: bool = False

    def __post_init__(self) -> None:
        """Refuse what would mean nothing, or something else: "192.0.2.1" is eleven networks."""
        for name in ("allow", "deny", "exempt"):
            networks = getattr(self, name)
            if not _holds(networks, lambda each: isinstance(each, Network)):
                raise TypeError(f"{name} must be a tuple of networks, not {networks!r}")
        ports = self.allow_source_ports
        if not _holds(ports, lambda each: type(each) is int and 0 <= each <= MAX_PORT):
            raise TypeError(f"allow_source_ports must be a set of ports, not {ports!r}")
        both = set(self.allow) & set(self.deny)
        if both:
            raise ValueError(
                f"expected a network to be allowed or denied, got both for {min(map(str, both))}"
            )
        for name, least, most in (
            ("rate", 0, MAX_RATE),
            ("burst", 1, MAX_RATE),
            ("ipv4_prefix", 0, 32),
            ("ipv6_prefix", 0, 128),
            ("slip", 0, MAX_SLIP),
        ):
            value = getattr(self, name)
            if type(value) is not int:
                raise TypeError(f"{name} must be a whole number, not {value!r}")
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most}, not {value}")


def _holds(values: object, right: Callable[[object], bool]) -> bool:
    """Tell whether these are several values, and each is right."""
    return isinstance(values, tuple | list | set | frozenset) and all(map(right, values))


def parse_ports(text: str) -> frozenset[int]:
    """Read ports and ranges of them, such as 53,5000-5009.

    Raise ValueError, with one line that says what was expected and what came.
    """
    ports: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,5})\s*(?:-\s*([0-9]{1,5})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= MAX_PORT:
            raise ValueError(
                f"expected ports from 1 to {MAX_PORT} such as 53 or 5000-5009, not {text!r}"
            )
        ports.update(range(first, last + 1))
    return frozenset(ports)


def network(option: str) -> Callable[[str], Network]:
    """Make a coercer of a network, as 192.0.2.0/24, or of one address."""

    def coerce(text: str) -> Network:
        return naming(option, parse_network, text)

    return coerce


def source_ports(option: str) -> Callable[[str], frozenset[int]]:
    """Make a coercer of ports and ranges of them."""

    def coerce(text: str) -> frozenset[int]:
        return naming(option, parse_ports, text)

    return coerce
