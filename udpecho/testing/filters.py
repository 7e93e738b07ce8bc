"""What a router does not let pass: pure, but for the dice it is given."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random
from typing import TypeAlias

from udpecho.testing.faults import CHANCE, check
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate
from udpecho.testing.way import hit

Network: TypeAlias = IPv4Network | IPv6Network


def network(prefix: str) -> Network:
    """Read a network ("10.9.20.0/30", or one address), or raise ValueError."""
    try:
        return ip_network(prefix)
    except ValueError as error:
        raise ValueError(f"expected a network such as 10.9.20.0/30: {error}") from None


@dataclass(frozen=True, eq=False)
class Filter:
    """Stops a share of the datagrams that it is about, with this fate."""

    fate: Fate
    share: float
    towards: Hashable | None
    """To which neighbour; None: to all."""

    to: Network | None
    source_ports: Container[int] | None

    def __post_init__(self) -> None:
        check("a filter's share", self.share, CHANCE, 0, 1)

    def stops(self, packet: Packet, towards: Hashable, random: Random) -> bool:
        """Tell whether a datagram ends here that is about to leave towards a neighbour."""
        if self.towards is not None and self.towards is not towards:
            return False
        if self.source_ports is not None and packet.source[1] not in self.source_ports:
            return False
        if self.to is not None and ip_address(packet.destination[0]) not in self.to:
            return False
        return hit(self.share, random)
