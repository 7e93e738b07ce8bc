"""Why a probe was refused, in iputils' words: what reads ping's output knows them.

Those of ICMP are print_icmp's and pr_icmph's (iputils, ping/ping6_common.c and ping.c), those of
our own kernel perror's. Does no I/O.
"""

from __future__ import annotations

from udpecho.peer import is_ipv6
from udpecho.ping.outcome import Outcome

_UNREACHABLE = (
    "Destination Net Unreachable",
    "Destination Host Unreachable",
    "Destination Protocol Unreachable",
    "Destination Port Unreachable",
    "Frag needed and DF set",
    "Source Route Failed",
    "Destination Net Unknown",
    "Destination Host Unknown",
    "Source Host Isolated",
    "Destination Net Prohibited",
    "Destination Host Prohibited",
    "Destination Net Unreachable for Type of Service",
    "Destination Host Unreachable for Type of Service",
    "Packet filtered",
    "Precedence Violation",
    "Precedence Cutoff",
)
"""By the code of ICMP's type 3 (RFC 792, 1812)."""

_UNREACHABLE6 = (
    "No route",
    "Administratively prohibited",
    "Beyond scope of source address",
    "Address unreachable",
    "Port unreachable",
    "Source address failed ingress/egress policy",
    "Reject route to destination",
)
"""By the code of ICMPv6's type 1 (RFC 4443)."""

_EXCEEDED = ("Time to live exceeded", "Frag reassembly time exceeded")
_EXCEEDED6 = ("Hop limit", "Defragmentation failure")

_BY_ERRNO = {
    "ECONNREFUSED": _UNREACHABLE[3],
    "EHOSTUNREACH": _UNREACHABLE[1],
    "ENETUNREACH": _UNREACHABLE[0],
    "EACCES": _UNREACHABLE[13],
    "EMSGSIZE": _UNREACHABLE[4],
    "ETIME": _EXCEEDED[0],
}
"""Of a message whose type nothing told."""

_OURS = {
    "EACCES": "Permission denied",
    "EHOSTUNREACH": "No route to host",
    "EINVAL": "Invalid argument",
    "EMSGSIZE": "Message too long",
    "ENETDOWN": "Network is down",
    "ENETUNREACH": "Network is unreachable",
    "ENOBUFS": "No buffer space available",
    "ENODEV": "No such device",
    "EPERM": "Operation not permitted",
}


def refusal_text(outcome: Outcome) -> str:
    """Say why a probe was refused, by ICMP or (it has no peer) by our own kernel."""
    errno = outcome.reason or "refused"
    if outcome.peer is None:
        return _OURS.get(errno, errno) + _mtu(", mtu={}", outcome.mtu)
    if outcome.icmp_type is None:
        return _BY_ERRNO.get(errno, errno) + _mtu(" (mtu = {})", outcome.mtu)
    kind, code = outcome.icmp_type, outcome.icmp_code or 0
    return icmp_text(kind, code, ipv6=is_ipv6(outcome.peer[0]), mtu=outcome.mtu)


def icmp_text(kind: int, code: int, *, ipv6: bool, mtu: int | None = None) -> str:
    """Say what an ICMP message says, by its type and code; mtu, in bytes, is what it tells."""
    return (_icmp6 if ipv6 else _icmp)(kind, code, mtu)


def _icmp(kind: int, code: int, mtu: int | None) -> str:
    match kind:
        case 3:
            text = _named(_UNREACHABLE, code, "Dest Unreachable, Bad Code: {}")
            return text + _mtu(" (mtu = {})", mtu)
        case 4:
            return "Source Quench"
        case 11:
            return _named(_EXCEEDED, code, "Time exceeded, Bad Code: {}")
        case 12:
            return "Parameter problem"
    return f"Bad ICMP type: {kind}"


def _icmp6(kind: int, code: int, mtu: int | None) -> str:
    match kind:
        case 1:
            return "Destination unreachable: " + _named(_UNREACHABLE6, code, "Unknown code {}")
        case 2:
            return "Packet too big" + _mtu(": mtu={}", mtu)
        case 3:
            return "Time exceeded: " + _named(_EXCEEDED6, code, "code {}")
        case 4:
            return "Parameter problem"
    return f"unknown icmp type: {kind}"


def _named(names: tuple[str, ...], code: int, other: str) -> str:
    return names[code] if code < len(names) else other.format(code)


def _mtu(text: str, mtu: int | None) -> str:
    return "" if mtu is None else text.format(mtu)
