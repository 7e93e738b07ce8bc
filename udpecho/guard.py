"""May this datagram be answered, and if not, why. Pure policy: no sockets, no Twisted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from socket import htons


class Reason(Enum):
    """Why a datagram was not answered; the value is the text of counters and log lines."""

    PORT_ZERO = "source port 0"
    OWN_PORT = "own source port"


def reason_not_to_answer(source_port: int, own_port: int) -> Reason | None:
    """Judge a datagram by its source port.

    Port 0 asks for a reply to nowhere (RFC 768: it means that there is no sender to reply
    to). From our own port number, one forged packet would set an echo server talking to
    itself, or to another, for ever (CVE-1999-0103).
    """
    if source_port == 0:
        return Reason.PORT_ZERO
    if source_port == own_port:
        return Reason.OWN_PORT
    return None


def reasons_not_to_answer(wire_ports: Sequence[int], own_port: int) -> dict[int, Reason]:
    """Judge a batch by its source ports, in network byte order; no Python for each good one."""
    reasons = {0: Reason.PORT_ZERO, htons(own_port): Reason.OWN_PORT}
    if reasons.keys().isdisjoint(wire_ports):
        return {}
    return {i: reasons[port] for i, port in enumerate(wire_ports) if port in reasons}
