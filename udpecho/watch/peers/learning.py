"""Who there is to probe: the sources of a configuration, asked again and again."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from udpecho.hosts import DEFAULT_PORT
from udpecho.watch.configuring.settings import PeerSource
from udpecho.watch.peers.again import Again
from udpecho.watch.peers.files import FileSource
from udpecho.watch.peers.membership import Membership
from udpecho.watch.peers.targets import LONGEST_LIST, Wanted, namesakes, wanted

if TYPE_CHECKING:  # each takes what many nodes don't need: twisted.names, twisted.web
    from udpecho.watch.peers.dns import DnsSource, Resolver, SystemResolver
    from udpecho.watch.peers.fetching import Fetch
    from udpecho.watch.peers.http import HttpSource


@dataclass(slots=True, eq=False)
class SourceState:
    """What a source of peers did so far, for whoever watches the watcher."""

    name: str
    """Its kind and what it is asked for, of hosts the first; no other source's."""

    peers: int = 0
    answers: int = 0
    failures: int = 0
    why: str = ""
    """Why it can't be asked now; empty if it can."""


def _hidden(peers: Sequence[Wanted]) -> str:
    """Say who is not probed, as one before in the same source has the name; nothing of nobody."""
    if not peers:
        return ""
    some = ", ".join([f"{each.name} at {each.host} port {each.port}" for each in peers[:3]])
    more = f" and {len(peers) - 3} more" if len(peers) > 3 else ""
    return f"not probed, as one before has the same name: {some}{more}"


class Learned:
    """Hears one source, until it is asked no more."""

    def __init__(
        self,
        number: int,
        state: SourceState,
        told: Callable[[int, Sequence[Wanted]], None],
        log: Logger,
    ) -> None:
        self.number = number
        self.state = state
        self._told = told
        self._log = log
        self._left_out = ""
        self._is_over = False

    @property
    def name(self) -> str:
        """What the source is called, by its peers, too."""
        return self.state.name

    def found(self, peers: Sequence[Wanted], left_out: str = "") -> None:
        """Hear whom it names; nobody is as good as no answer. The log has once why some are not."""
        if self._is_over:
            return
        whys = "; ".join(filter(None, [left_out, _hidden(namesakes(peers))]))
        if whys and whys != self._left_out:
            self._log.warn("peers: {name}: {why}", name=self.state.name, why=whys)
        self._left_out = whys
        if not peers:
            self.failed(f"{self.state.name} names nobody")
            return
        if self.state.why:
            self._log.info("peers: {name} answers again", name=self.state.name)
        self.state.why = ""
        self.state.answers += 1
        self.state.peers = len(peers)
        self._told(self.number, peers)

    def failed(self, why: str) -> None:
        """Hear that it can't be asked; the log has it once."""
        if self._is_over:
            return
        if why != self.state.why:
            self._log.warn("peers: {why}; those known stay for five minutes", why=why)
        self.state.why = why
        self.state.failures += 1
        self._told(self.number, ())

    def end(self) -> None:
        """Hear no more: a source whose question is cancelled may call that a failure."""
        self._is_over = True


@dataclass(frozen=True, slots=True, eq=False)
class AskedSource:
    """A source that is asked, or that has said all at its beginning."""

    hears: Learned
    begin: Callable[[], None]
    again: Again | None = None

    def end(self) -> None:
        """Ask no more."""
        self.hears.end()
        if self.again is not None:
            self.again.end()


def _is_successor(source: PeerSource, before: PeerSource) -> bool:
    """Tell whether a source only says otherwise what the peers of another are like."""
    return (source.kind, source.names) == (before.kind, before.names)


def _name_beside(taken: Container[str], source: PeerSource) -> str:
    """Name a source as no other is: the second of a kind and first name has #2 behind it."""
    name = f"{source.kind}:{source.names[0]}"
    names = (name if number == 1 else f"{name}#{number}" for number in count(1))
    return next(each for each in names if each not in taken)


class Learning:
    """The sources, and what they say."""

    def __init__(
        self,
        reactor: Any,
        base: Path,
        members: Membership,
        seconds: Callable[[], float],
        changed: Callable[[], None],
        log: Logger,
        *,
        resolver: Resolver | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        """Ask nobody yet. Files are within base; changed is called when a source said something."""
        self._reactor = reactor
        self._base = base
        self._members = members
        self._seconds = seconds
        self._changed = changed
        self._log = log
        self._resolver = resolver
        self._own_resolver: SystemResolver | None = None
        self._fetch = fetch
        self._made = 0
        self._asking: dict[PeerSource, AskedSource] = {}

    def made(self, sources: Sequence[PeerSource]) -> dict[PeerSource, AskedSource]:
        """Make what asks these, and nobody else; those that are asked now are among them.

        Nobody is asked yet, and if one can't be had, which raises, nothing has changed. One of the
        kind and names of one that is to go takes over its number and its name: whom that one named
        stays until this one has answered.
        """
        wanted_ones = dict.fromkeys(replace(each, where="") for each in sources)
        gone = {each: by for each, by in self._asking.items() if each not in wanted_ones}
        before: dict[PeerSource, Learned] = {}
        for source in [each for each in wanted_ones if each not in self._asking]:
            like = [each for each in gone if _is_successor(source, each)]
            if like:
                before[source] = gone.pop(like[0]).hears
        stay = [each.hears for source, each in self._asking.items() if source in wanted_ones]
        taken = {each.state.name for each in (*stay, *before.values())}
        made: dict[PeerSource, AskedSource] = {}
        for source in wanted_ones:
            if source in self._asking:
                made[source] = self._asking[source]
            elif source in before:
                made[source] = self._make(source, before[source].number, before[source].state)
            else:
                state = SourceState(_name_beside(taken, source))
                taken.add(state.name)
                made[source] = self._make(source, self._made, state)
                self._made += 1
        return made

    def ask(self, made: dict[PeerSource, AskedSource]) -> None:
        """Ask what was made from now on, and no other."""
        before, self._asking = self._asking, made
        for source in before.keys() - made.keys():
            before[source].end()
        dropped = {each.hears.number for each in before.values()}
        dropped -= {each.hears.number for each in made.values()}
        self._members.drop(dropped)
        for source in [each for each in made if each not in before]:
            made[source].begin()
        if dropped:
            self._changed()

    def end(self) -> None:
        """Ask nobody any more."""
        for each in self._asking.values():
            each.end()
        if self._own_resolver is not None:
            self._own_resolver.end()
        self._asking = {}

    def states(self) -> Iterator[SourceState]:
        """List what each source did."""
        return (each.hears.state for each in self._asking.values())

    def _make(self, source: PeerSource, number: int, state: SourceState) -> AskedSource:
        hears = Learned(number, state, self._told, self._log)
        if source.kind == "hosts":
            port, zone = source.port or DEFAULT_PORT, source.zone or ""
            peers = [wanted(each, port, zone, hears.name) for each in source.names]
            return AskedSource(hears, partial(hears.found, peers))
        again = Again(self._reactor, self._source(source, hears).ask, self._log)
        return AskedSource(hears, again.begin, again)

    def _source(self, source: PeerSource, hears: Learned) -> FileSource | DnsSource | HttpSource:
        [name], port = source.names, source.port or DEFAULT_PORT
        if source.kind == "file":
            return FileSource(self._reactor, self._base / name, port, source.zone, hears)
        if source.kind == "http":
            return self._http(name, port, source.zone, hears)
        return self._dns(name, port, source.zone or "", hears)

    def _http(self, url: str, port: int, zone: str | None, hears: Learned) -> HttpSource:
        from udpecho.watch.peers.fetching import fetcher
        from udpecho.watch.peers.http import HttpSource

        self._fetch = self._fetch or fetcher(self._reactor, LONGEST_LIST)
        return HttpSource(self._reactor, url, port, zone, hears, self._fetch)

    def _dns(self, name: str, port: int, zone: str, hears: Learned) -> DnsSource:
        from udpecho.watch.peers.dns import DnsSource, SystemResolver, system_search_list

        if self._resolver is None:
            self._resolver = self._own_resolver = SystemResolver(self._reactor)
        return DnsSource(name, port, zone, hears, self._resolver, system_search_list())

    def _told(self, number: int, peers: Sequence[Wanted]) -> None:
        self._members.found(number, peers, self._seconds())
        self._changed()
