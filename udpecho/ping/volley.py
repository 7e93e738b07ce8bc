"""Probes that leave at one time, by one socket or several.

By several, those to a peer leave one behind the other, so that who answers is woken once for all:
to be woken costs a process more than to answer as many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from udpecho.instrument import ProbeSocket
from udpecho.instrument.probe import Flow, Probe, Unsent
from udpecho.instrument.stamps import Stamp
from udpecho.peer import Peer
from udpecho.ping.ledger import Ledger
from udpecho.ping.ways import Share


class Load(NamedTuple):
    """Probes that leave by one socket, a flow's each, and the bytes of each."""

    socket: ProbeSocket
    flows: Sequence[Flow]
    probes: Sequence[Probe]
    payloads: Sequence[bytes]


def issue(shares: Sequence[Share], ledger: Ledger, flows: int, now_ns: int) -> list[Load]:
    """Make the probes of some shares; a target has so many flows."""
    loads = []
    for socket, lane, turn in shares:
        probes = ledger.issue(*lane, turn, turn // flows, now_ns)
        loads.append(Load(socket, lane.flows, probes, ledger.payloads(probes)))
    return loads


def send(loads: Sequence[Load], stamp: Callable[[], Stamp]) -> list[Unsent]:
    """Send them; return those that won't go. stamp reads the clocks."""
    if len(loads) == 1:
        [(socket, _, probes, payloads)] = loads
        return socket.send(probes, payloads)
    by_peer: dict[Peer, list[tuple[ProbeSocket, Probe, bytes]]] = {}
    for socket, flows, probes, payloads in loads:
        socket.ready()
        for flow, probe, payload in zip(flows, probes, payloads, strict=True):
            by_peer.setdefault(flow.peer, []).append((socket, probe, payload))
    unsent = []
    for row in by_peer.values():
        now = stamp()
        sent = [socket.send_alone(probe, payload, now) for socket, probe, payload in row]
        unsent += [each for each in sent if each is not None]
    return unsent
