"""The sockets of a run, and which flows leave by each."""

from __future__ import annotations

from collections.abc import Sequence
from errno import EACCES, EADDRINUSE
from typing import NamedTuple, TypeAlias

from udpecho.instrument import Instrument, ProbeSocket
from udpecho.instrument.probe import Flow
from udpecho.peer import Peer, is_ipv6
from udpecho.ping.plan import Plan, Target
from udpecho.ping.schedule import Group
from udpecho.ping.turns import flow_of, turns_of


class Lane(NamedTuple):
    """What is probed through one socket together: flows, and since when each counts its probes.

    That is a turn of its group, and of the group's flows of this number (see Ledger.issue).
    """

    flows: list[Flow]
    since: list[tuple[int, int]]


class Share(NamedTuple):
    """What is sent through a socket in a turn of its group."""

    socket: ProbeSocket
    lane: Lane
    turn: int


Lanes: TypeAlias = dict[ProbeSocket, Lane]


class Ways:
    """By group and flow number, what is probed through which socket.

    Who goes through it while targets come and go sees each lane as it was: a lane is replaced,
    never changed.
    """

    def __init__(self, instrument: Instrument, plan: Plan, *, connected: bool) -> None:
        """Give each target its flows: over sockets shared by all, or its own if connected."""
        self._instrument = instrument
        self._numbers = range(plan.flows)
        self._source_port = plan.source_port
        self._connected = connected
        self._shared: dict[tuple[bool, int], ProbeSocket] = {}
        self._sockets: dict[Flow, ProbeSocket] = {}
        self._number_of: dict[Flow, int] = {}
        self._expected: dict[tuple[ProbeSocket, Peer], int] = {}
        self._lanes: dict[Group, list[Lanes]] = {}

    def shares(self, group: Group, turn: int) -> list[Share]:
        """Return what of a group is probed in a turn, by the sockets."""
        number = flow_of(turn, len(self._numbers))
        return [Share(*each, turn) for each in self._lanes[group][number].items()]

    def sockets(self) -> dict[Flow, ProbeSocket]:
        """Return the socket of each flow."""
        return dict(self._sockets)

    def socket(self, flow: Flow) -> ProbeSocket:
        """Return the socket of a flow. Raises KeyError once it is closed."""
        return self._sockets[flow]

    def number(self, flow: Flow) -> int | None:
        """Tell which of its target's flows one is, from 0; None once it is closed."""
        return self._number_of.get(flow)

    def open(self, target: Target) -> list[Flow]:
        """Make a target's flows. Raises OSError, and BadAddress for a scope that is none."""
        flows: list[Flow] = []
        try:
            for number in self._numbers:
                flows.append(self._open(target, number))
        except BaseException:
            self.close(flows)
            raise
        return flows

    def close(self, flows: Sequence[Flow]) -> None:
        """Forget flows that nothing more is sent from, nor expected to; their own sockets close."""
        for flow in flows:
            socket = self._sockets.pop(flow)
            del self._number_of[flow]
            self._expected[socket, flow.peer] -= 1
            if not self._expected[socket, flow.peer]:
                del self._expected[socket, flow.peer]
                socket.forget(flow.peer)
            if self._connected:
                self._instrument.shut(socket)

    def join(self, group: Group, flows: Sequence[Flow], sent: Sequence[int]) -> None:
        """Have a target's flows probed with a group from its next turn on; they have sent some."""
        lanes = self._lanes.setdefault(group, [{} for _ in self._numbers])
        since_turn = group.turn - 1 - sum(sent)
        for number, flow in enumerate(flows):
            turns = turns_of(number, len(flows), group.turn)  # that the flow has had
            socket = self._sockets[flow]
            before = lanes[number].get(socket, Lane([], []))
            since = (since_turn, turns - 1 - sent[number])
            lanes[number][socket] = Lane([*before.flows, flow], [*before.since, since])

    def leave(self, group: Group, flows: Sequence[Flow]) -> None:
        """Have a target's flows probed no more."""
        if not group.members:
            self._lanes.pop(group, None)
            return
        for lanes, flow in zip(self._lanes[group], flows, strict=True):
            socket = self._sockets[flow]
            before = lanes[socket]
            kept = [each for each in zip(*before, strict=True) if each[0] is not flow]
            if kept:
                lanes[socket] = Lane([flow for flow, _ in kept], [since for _, since in kept])
            else:
                del lanes[socket]

    def _open(self, target: Target, number: int) -> Flow:
        key = (is_ipv6(target.peer[0]), number)
        socket = None if self._connected else self._shared.get(key)
        if socket is None:
            socket = self._open_socket(target.peer, self._source_port(number))
        if not self._connected:
            self._shared[key] = socket
        try:
            socket.expect(target.peer)
        except BaseException:
            if self._connected:
                self._instrument.shut(socket)
            raise
        flow = Flow(target.name, target.peer, socket.port)
        self._sockets[flow] = socket
        self._number_of[flow] = number
        expected = socket, target.peer
        self._expected[expected] = self._expected.get(expected, 0) + 1
        return flow

    def _open_socket(self, peer: Peer, port: int) -> ProbeSocket:
        """Open a socket, and say which source port it can't have."""
        try:
            return self._instrument.open(peer, connected=self._connected, port=port)
        except OSError as error:
            if port and error.errno in (EADDRINUSE, EACCES):
                raise OSError(error.errno, f"source port {port}: {error.strerror}") from error
            raise
