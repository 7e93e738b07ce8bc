"""Probes that leave at one time by several sockets: in which order, and by which clocks."""

from __future__ import annotations

from collections.abc import Sequence
from errno import EPERM
from itertools import count
from typing import Any

from udpecho.instrument.probe import Flow, Probe, Unsent
from udpecho.instrument.stamps import Stamp
from udpecho.ping.ledger import Ledger
from udpecho.ping.volley import issue, send
from udpecho.ping.ways import Lane, Share

PEERS = [("192.0.2.1", 7), ("192.0.2.2", 7), ("2001:db8::1", 7)]


class Told:
    """A ProbeSocket that notes what it is told, where others do, too."""

    def __init__(self, port: int, told: list[Any], refuses: Sequence[str] = ()) -> None:
        self.port, self.told, self.refuses = port, told, refuses

    def send(self, probes: Sequence[Probe], payloads: Sequence[bytes]) -> list[Unsent]:
        self.told.append((self.port, [probe.flow.peer for probe in probes], len(payloads)))
        return []

    def ready(self) -> None:
        self.told.append((self.port, "ready"))

    def send_alone(self, probe: Probe, payload: bytes, now: Stamp | None = None) -> Unsent | None:
        assert payload.startswith(probe.header)
        assert now is not None
        self.told.append((self.port, probe.flow.peer, probe.sequence, now.wall_ns))
        return Unsent(probe, EPERM) if probe.flow.peer[0] in self.refuses else None


def share(socket: Any, turn: int, peers: Sequence[tuple[str, int]]) -> Share:
    flows = [Flow(host, (host, port), socket.port) for host, port in peers]
    return Share(socket, Lane(flows, [(-1, -1)] * len(flows)), turn)


def stamped() -> Any:
    readings = count(1)
    return lambda: Stamp(0, next(readings))


def test_each_peers_probes_leave_one_behind_the_other_and_share_a_reading_of_the_clocks() -> None:
    told: list[Any] = []
    first, other = Told(1, told), Told(2, told, ["192.0.2.2"])
    sixth = Told(6, told)
    shares = [share(first, 0, PEERS[:2]), share(sixth, 0, PEERS[2:]), share(other, 1, PEERS[:2])]
    loads = issue(shares, Ledger(56, 1), 4, 0)
    unsent = send(loads, stamped())
    assert told == [
        (1, "ready"),
        (6, "ready"),
        (2, "ready"),
        (1, PEERS[0], 1, 1),
        (2, PEERS[0], 2, 1),
        (1, PEERS[1], 1, 2),
        (2, PEERS[1], 2, 2),
        (6, PEERS[2], 1, 3),
    ]
    assert [each.probe.flow.peer for each in unsent] == [PEERS[1]]


def test_what_leaves_by_one_socket_leaves_by_one_call() -> None:
    told: list[Any] = []
    assert send(issue([share(Told(1, told), 5, PEERS)], Ledger(56, 1), 4, 0), stamped()) == []
    assert told == [(1, PEERS, 3)]


def test_a_probe_has_its_number_among_the_targets_and_among_its_flows() -> None:
    told: list[Any] = []
    [load] = issue([share(Told(1, told), 9, PEERS)], Ledger(56, 1), 4, 0)
    assert [(probe.sequence, probe.flow_sequence) for probe in load.probes] == [(10, 3)] * 3
