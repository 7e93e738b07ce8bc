"""Refusal: ICMP said that a datagram of ours did not get there. A value; anyone can forge one."""

from __future__ import annotations

from dataclasses import dataclass

from udpecho.peer import Peer, is_ipv6

_UNREACHABLE, _TIME_EXCEEDED, _FRAGMENTATION_NEEDED = 3, 11, 4  # RFC 792
_PORT_UNREACHABLE, _PORT_UNREACHABLE6 = (3, 3), (1, 4)
_UNREACHABLE6, _TOO_BIG6, _TIME_EXCEEDED6 = 1, 2, 3  # RFC 4443


@dataclass(frozen=True, slots=True)
class Refusal:
    """That ICMP refused a datagram: which, who said so, and why."""

    to: Peer | None
    """Where it was sent, if the kernel says so."""

    data: bytes
    """As much of its data as the message quoted, from the start: perhaps none (RFC 792)."""

    errno: int
    """What Linux makes of the message: ECONNREFUSED, EHOSTUNREACH and others (icmp(7))."""

    by: Peer | None
    """Who sent the message; its port is 0."""

    icmp_type: int | None
    icmp_code: int | None
    """The message's type and code, ICMPv6's if the addresses are IPv6's; None if not told."""

    when: int | None
    """When the kernel received it, in ns since 1970, where a socket asks for that."""

    mtu: int | None = None
    """The most bytes that the next link takes in a packet, where the message tells it."""

    port: int | None = None
    """From which port of ours it was sent, where the message quotes too little to tell by it."""

    extension: bytes = b""
    """What the message has beside what it quotes (RFC 4884), as it came; nothing is believed."""

    @property
    def is_unreachable(self) -> bool:
        """Tell "destination unreachable", whichever the reason; "fragmentation needed" apart."""
        if self._is_ipv6:
            return self.icmp_type == _UNREACHABLE6
        return self.icmp_type == _UNREACHABLE and self.icmp_code != _FRAGMENTATION_NEEDED

    @property
    def is_port_unreachable(self) -> bool:
        """Tell that it came as far as its host, where nobody listens."""
        return (self.icmp_type, self.icmp_code) == (
            _PORT_UNREACHABLE6 if self._is_ipv6 else _PORT_UNREACHABLE
        )

    @property
    def is_too_long(self) -> bool:
        """Tell "fragmentation needed" (RFC 1191) or "packet too big": mtu may say what is not."""
        if self._is_ipv6:
            return self.icmp_type == _TOO_BIG6
        return (self.icmp_type, self.icmp_code) == (_UNREACHABLE, _FRAGMENTATION_NEEDED)

    @property
    def is_time_exceeded(self) -> bool:
        """Tell "time exceeded": its TTL, or hop limit, ended at whoever says so."""
        return self.icmp_type == (_TIME_EXCEEDED6 if self._is_ipv6 else _TIME_EXCEEDED)

    @property
    def _is_ipv6(self) -> bool:
        peer = self.by or self.to
        return peer is not None and is_ipv6(peer[0])
