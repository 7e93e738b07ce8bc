"""The sockets of a run, and which flows leave by each."""

from __future__ import annotations

from collections.abc import Sequence
from errno import EACCES, EADDRINUSE
from typing import TypeAlias

from udpecho.instrument import Instrument, ProbeSocket
from udpecho.instrument.probe import Flow
from udpecho.peer import Peer, is_ipv6
from udpecho.ping.ledger import Ledger
from udpecho.ping.plan import Plan, Target

Ways: TypeAlias = list[list[dict[ProbeSocket, list[Flow]]]]
"""By group and flow number: the sockets, each with what is probed through it together."""


def open_ways(instrument: Instrument, plan: Plan, ledger: Ledger, connected: bool) -> Ways:
    """Give each target its flows: over sockets shared by all, or its own if connected.

    The ledger learns of each flow. Raises OSError, and BadAddress for a scope that does not exist.
    """
    shared: dict[tuple[bool, int], ProbeSocket] = {}

    def open_flow(targets: Sequence[Target], number: int) -> dict[ProbeSocket, list[Flow]]:
        """Give targets that are probed together their flow of this number, by its socket."""
        flows: dict[ProbeSocket, list[Flow]] = {}
        for target in targets:
            key = (is_ipv6(target.peer[0]), number)
            if connected or key not in shared:
                shared[key] = _open(instrument, target.peer, connected, plan.source_port(number))
            socket = shared[key]
            socket.expect(target.peer)
            flow = Flow(target.name, target.peer, socket.port)
            ledger.add_flow(flow)
            flows.setdefault(socket, []).append(flow)
        return flows

    ways: Ways = []
    for group in plan.groups():
        targets = [plan.targets[number] for number in group.targets]
        ways.append([open_flow(targets, number) for number in range(plan.flows)])
    return ways


def _open(instrument: Instrument, peer: Peer, connected: bool, port: int) -> ProbeSocket:
    """Open a socket, and say which source port it can't have."""
    try:
        return instrument.open(peer, connected=connected, port=port)
    except OSError as error:
        if port and error.errno in (EADDRINUSE, EACCES):
            raise OSError(error.errno, f"source port {port}: {error.strerror}") from error
        raise
