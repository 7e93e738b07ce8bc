"""A peer that is probed, and all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from udpecho.peer import Peer
from udpecho.watch.counts import PeerCounts
from udpecho.watch.losses import LosingFlows
from udpecho.watch.paths.traced import PeerPaths
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.remembering.minutes import PeerDay


@dataclass(slots=True, eq=False)
class Probed:
    """A peer, and what is known of it: counted for as long as it is one."""

    wanted: Wanted
    counts: PeerCounts
    losing: LosingFlows
    address: Peer | None = None
    why: str = ""
    """Why it has no address, if it has none."""

    last_round: int = 0
    day: PeerDay = field(default_factory=PeerDay)
    paths: PeerPaths = field(default_factory=PeerPaths)
    """Which paths its flows take, and where they lose, as far as that was traced."""

    @property
    def why_silent(self) -> str:
        """Why nothing comes from it, if that is known: it has no address, or probes are refused."""
        refused = self.counts.refused
        return self.why or (refused and f"refused: {refused}")

    def sends(self, number: int, round_number: int) -> None:
        """Count a probe of a flow, which is the round's."""
        self.counts.sends(number)
        self.last_round = round_number

    def is_nowhere(self, why: str) -> None:
        """Have no other address than before, if any, and why."""
        self.why = why

    def is_at(self, address: Peer) -> None:
        """Have an address; its flows begin there."""
        self.begin_again()
        self.address, self.why = address, ""

    def is_called(self, wanted: Wanted) -> None:
        """Have other labels at the same address."""
        self.wanted = wanted

    def moves(self, wanted: Wanted) -> None:
        """Be where it is said now, under the same name; the address is still to be known."""
        self.wanted = wanted
        self.begin_again()

    def want(self, flows: int) -> None:
        """Be probed from so many flows from now on, which are others."""
        self.counts.want(flows)
        self.counts.begin_again()
        self.losing = LosingFlows(flows)
        self.last_round = 0
        self.paths.begin_again()

    def begin_again(self) -> None:
        """Compare flows anew: they are others."""
        self.losing.begin_again()
        self.last_round = 0
        self.paths.begin_again()


def new_probed(wanted: Wanted, flows: int) -> Probed:
    """Begin to count for a peer."""
    return Probed(wanted, PeerCounts(flows), LosingFlows(flows))


Roll = dict[str, Probed]
"""Peers by name."""
