"""Who is to be probed, by what the sources say as time goes by: pure, and told the time.

A source that is dead, or says that there is nobody, is not believed at once: its last peers stay
for five minutes. One that a source names no more stays while it is silent, for as long: a headless
service forgets the dead first, who are just what there is to tell of. One that answers has only
left, and is gone when that is known. Where there is no room for all, who is named comes first, and
of the others who left last.

All times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice
from math import inf

from udpecho.watch.configuring.settings import MOST_PEERS
from udpecho.watch.peers.targets import Wanted

KEPT = 300.0
"""How long peers stay whose source is dead, or who left it while they were silent."""

INTERVALS = 2
"""Of probes, in which one that left is heard or not."""

Heard = Callable[[str], float | None]
"""When a peer, by its name, was last heard; None if never."""


@dataclass(slots=True)
class Said:
    """What one source said last, and since when it says nothing of use."""

    peers: dict[str, Wanted] = field(default_factory=dict)
    dumb_since: float | None = None


class Membership:
    """The peers to probe. Sources are numbered, and of two peers of one name the first counts."""

    def __init__(self, interval: float, most: int = MOST_PEERS) -> None:
        """Begin with nobody. Each is probed once in an interval, in seconds."""
        self._patience = INTERVALS * interval
        self._most = most
        self._said: dict[int, Said] = {}
        self._leaving: dict[str, tuple[Wanted, float]] = {}
        self._known: dict[str, Wanted] = {}
        self.left_out = 0
        """How many peers there are beyond the most that may be."""

    def set_limits(self, interval: float, most: int) -> None:
        """Probe as often, in seconds, and so many at most from now on."""
        self._patience = INTERVALS * interval
        self._most = most

    def found(self, source: int, peers: Sequence[Wanted], now: float) -> None:
        """Hear whom a source names; nobody is as good as no answer."""
        if not peers:
            self.failed(source, now)
            return
        said = self._said.setdefault(source, Said())
        said.peers = {}
        for each in peers:
            said.peers.setdefault(each.name, each)
        said.dumb_since = None

    def failed(self, source: int, now: float) -> None:
        """Hear that a source can't be asked."""
        said = self._said.setdefault(source, Said())
        if said.dumb_since is None:
            said.dumb_since = now

    def drop(self, sources: Iterable[int]) -> None:
        """Have sources no more; whom they named leaves."""
        for source in sources:
            self._said.pop(source, None)

    def settle(
        self, now: float, heard: Heard, ours: AbstractSet[str] = frozenset()
    ) -> dict[str, Wanted]:
        """Tell who is to be probed now, by name, and those that are ours, who take no room."""
        named = self.named(now)
        beyond = set(islice((name for name in named if name not in ours), self._most, None))
        self.left_out = len(beyond)
        chosen = {name: peer for name, peer in named.items() if name not in beyond}
        for name, peer in self._known.items():
            if name not in named and name not in self._leaving:
                self._leaving[name] = (peer, now)
        staying: dict[str, Wanted] = {}
        for name, (peer, since) in list(self._leaving.items()):
            if name in named or self._is_gone(since, now, heard(name)):
                del self._leaving[name]
            else:
                staying[name] = peer
        leaving = [name for name in staying if name not in ours]
        room = self._most - (len(named) - len(ours & named.keys()) - len(beyond))
        for name in leaving[: max(0, len(leaving) - room)]:
            del self._leaving[name], staying[name]  # the first of them left first
            self.left_out += 1
        self._known = chosen | staying
        return dict(self._known)

    def next(self) -> float:
        """Tell when it is to be settled again, at the latest; infinite if nothing is to come."""
        dumb = (
            said.dumb_since + KEPT
            for said in self._said.values()
            if said.dumb_since is not None and said.peers
        )
        leaving = (since + self._patience for _, since in self._leaving.values())
        return min([*dumb, *leaving], default=inf)

    def is_leaving(self, name: str) -> bool:
        """Tell whether no source names a peer any more."""
        return name in self._leaving

    def named(self, now: float) -> dict[str, Wanted]:
        """List whom the sources name, be there room for them or not."""
        named: dict[str, Wanted] = {}
        for _, said in sorted(self._said.items()):
            if said.dumb_since is not None and now - said.dumb_since >= KEPT:
                said.peers = {}
            for name, peer in said.peers.items():
                named.setdefault(name, peer)
        return named

    def _is_gone(self, since: float, now: float, heard: float | None) -> bool:
        """Tell whether one who left then is to be probed no more."""
        if now - since >= KEPT:
            return True
        answers = heard is not None and now - heard <= self._patience
        return answers and now - since >= self._patience
