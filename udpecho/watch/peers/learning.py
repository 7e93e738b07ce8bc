"""Who there is to probe: the sources of a configuration, asked again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from udpecho.hosts import DEFAULT_PORT
from udpecho.watch.configuring.settings import PeerSource
from udpecho.watch.peers.again import Again
from udpecho.watch.peers.files import FileSource
from udpecho.watch.peers.membership import Membership
from udpecho.watch.peers.targets import LONGEST_LIST, Wanted, wanted

if TYPE_CHECKING:  # each takes what many nodes don't need: twisted.names, twisted.web
    from udpecho.watch.peers.dns import DnsSource, Resolver, SystemResolver
    from udpecho.watch.peers.fetching import Fetch
    from udpecho.watch.peers.http import HttpSource


@dataclass(slots=True, eq=False)
class SourceState:
    """What a source of peers did so far, for whoever watches the watcher."""

    name: str
    peers: int = 0
    answers: int = 0
    failures: int = 0
    why: str = ""
    """Why it can't be asked now; empty if it can."""


class Learned:
    """Hears one source."""

    def __init__(
        self,
        number: int,
        state: SourceState,
        told: Callable[[int, Sequence[Wanted]], None],
        log: Logger,
    ) -> None:
        self._number = number
        self.state = state
        self._told = told
        self._log = log

    def found(self, peers: Sequence[Wanted]) -> None:
        """Hear whom it names; nobody is as good as no answer."""
        if not peers:
            self.failed(f"{self.state.name} names nobody")
            return
        if self.state.why:
            self._log.info("peers: {name} answers again", name=self.state.name)
        self.state.why = ""
        self.state.answers += 1
        self.state.peers = len(peers)
        self._told(self._number, peers)

    def failed(self, why: str) -> None:
        """Hear that it can't be asked; the log has it once."""
        if why != self.state.why:
            self._log.warn("peers: {why}; those known stay for five minutes", why=why)
        self.state.why = why
        self.state.failures += 1
        self._told(self._number, ())


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
        self._asking: dict[PeerSource, tuple[int, SourceState, Again | None]] = {}

    def set_sources(self, sources: Sequence[PeerSource]) -> None:
        """Ask these from now on; those that were asked before go on."""
        wanted_ones = dict.fromkeys(replace(each, where="") for each in sources)
        gone = [each for each in self._asking if each not in wanted_ones]
        for each in gone:
            number, _, again = self._asking.pop(each)
            if again is not None:
                again.end()
            self._members.drop([number])
        for each in wanted_ones:
            if each not in self._asking:
                self._begin(each)
        if gone:
            self._changed()

    def end(self) -> None:
        """Ask nobody any more."""
        for _, _, again in self._asking.values():
            if again is not None:
                again.end()
        if self._own_resolver is not None:
            self._own_resolver.end()
        self._asking.clear()

    def states(self) -> Iterator[SourceState]:
        """List what each source did."""
        return (state for _, state, _ in self._asking.values())

    def _begin(self, source: PeerSource) -> None:
        state = SourceState(f"{source.kind}:{source.names[0]}")
        hears = Learned(self._made, state, self._told, self._log)
        self._made += 1
        again = None
        self._asking[source] = self._made - 1, state, None
        if source.kind == "hosts":
            port, zone = source.port or DEFAULT_PORT, source.zone or ""
            hears.found([wanted(each, port, zone, "hosts") for each in source.names])
            return
        again = Again(self._reactor, self._source(source, hears).ask, self._log)
        self._asking[source] = self._made - 1, state, again
        again.begin()

    def _source(self, source: PeerSource, hears: Learned) -> FileSource | DnsSource | HttpSource:
        [name], port = source.names, source.port or DEFAULT_PORT
        if source.kind == "file":
            return FileSource(self._base / name, port, source.zone, hears)
        if source.kind == "http":
            return self._http(name, port, source.zone, hears)
        return self._dns(name, port, source.zone or "", hears)

    def _http(self, url: str, port: int, zone: str | None, hears: Learned) -> HttpSource:
        from udpecho.watch.peers.fetching import fetcher
        from udpecho.watch.peers.http import HttpSource

        self._fetch = self._fetch or fetcher(self._reactor, LONGEST_LIST)
        return HttpSource(url, port, zone, hears, self._fetch)

    def _dns(self, name: str, port: int, zone: str, hears: Learned) -> DnsSource:
        from udpecho.watch.peers.dns import DnsSource, SystemResolver, system_search_list

        if self._resolver is None:
            self._resolver = self._own_resolver = SystemResolver(self._reactor)
        return DnsSource(name, port, zone, hears, self._resolver, system_search_list())

    def _told(self, number: int, peers: Sequence[Wanted]) -> None:
        self._members.found(number, peers, self._seconds())
        self._changed()
