"""WatchService: a node of a mesh, as a Service for any MultiService."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.hosts import canonical_host
from udpecho.peer import Peer, format_peer, is_wildcard
from udpecho.reactors import AnyReactor, datagram_reactor, monotonic_clock
from udpecho.server import EchoService
from udpecho.watch.classes import in_classes
from udpecho.watch.configuring.rereading import Reloads
from udpecho.watch.configuring.settings import Config
from udpecho.watch.events.event import PeerReaddressed
from udpecho.watch.events.happenings import Events
from udpecho.watch.events.outlets import Outlets
from udpecho.watch.glancing import Glancing
from udpecho.watch.peers.choosing import Choosing
from udpecho.watch.peers.learning import Learning
from udpecho.watch.peers.membership import Membership
from udpecho.watch.peers.ourselves import is_own_address
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.peers.trust import check_sources
from udpecho.watch.pieces import in_pieces
from udpecho.watch.probed import Roll, new_probed
from udpecho.watch.reflecting import peers_rate, reflector_of
from udpecho.watch.remembering.hourglass import Hourglass
from udpecho.watch.runs import Runs

if TYPE_CHECKING:
    from udpecho.watch.peers.dns import Resolver
    from udpecho.watch.peers.fetching import Fetch

TICK_SECONDS = 1.0
"""How often it is seen who is silent, who has left, and which flows lose."""


class WatchService(Service):
    """A node: it reflects, and probes its peers without end."""

    def __init__(
        self,
        reactor: AnyReactor,
        config: Config,
        *,
        base: Path = Path(),
        reflector: EchoService | None = None,
        resolver: Resolver | None = None,
        fetch: Fetch | None = None,
        log: Logger | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Make a node; the paths in its configuration are within base.

        A reflector answers in place of one that the configuration tells of; resolver and fetch are
        asked in place of the system's DNS and of the web; wall tells the seconds since 1970. Raises
        BadConfig for a listen string that means nothing, and for https without its libraries.
        """
        self.config = config
        self.roll: Roll = {}
        """The peers that are probed, by name."""

        self.reloads = Reloads()
        self._reactor = datagram_reactor(reactor)
        self._seconds = monotonic_clock(self._reactor)
        self._log, self._wall = log or Logger(), wall
        self.events = Events(wall, self._log)
        self.outlets = Outlets(self._reactor, self.events, base, self._seconds, self._log)
        self.outlets.check(config.events)
        check_sources(config.peers)
        self.reflector = reflector or reflector_of(reactor, config.reflect, self._log)
        self.members = Membership(config.probe.interval, config.mesh.max_peers)
        self.choosing = Choosing(self.is_ours, self._is_our_port)
        self.learning = Learning(
            self._reactor, base, self.members, self._seconds, self._arrange, self._log,
            resolver=resolver, fetch=fetch,
        )  # fmt: skip
        self.runs = Runs(
            self._reactor, self.roll, self._addressed, self._probe_anew, self._log, self.events.tell
        )
        self.glancing = Glancing(self._reactor, self.roll, self.runs, self.events.tell, self._log)
        self.hourglass = Hourglass(self._reactor, wall, self.roll, self.runs.lateness, self._log)
        self._has_new_addresses = self._arrange_again = False
        self._arranging: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None

    # Its life.

    def privilegedStartService(self) -> None:
        """Open the reflector's sockets while the process may still have any port."""
        self.reflector.privilegedStartService()

    def startService(self) -> None:
        """Reflect, probe, and learn who there is. Raises what EchoService's start raises."""
        self.reflector.startService()
        super().startService()  # type: ignore[no-untyped-call]
        self.outlets.begin(self.config.events, self.config.node)
        self.runs.begin(self.config.probe, self.config.trace)
        self.learning.ask(self.learning.made(self.config.peers))
        self._tick()

    def stopService(self) -> Deferred[Any]:
        """Stop all; the Deferred fires when the last replies that can be expected were there."""
        super().stopService()  # type: ignore[no-untyped-call]
        self.learning.end()
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        if self._arranging is not None:
            self._arranging.cancel()
        self.runs.end()
        self.glancing.end()
        self.outlets.end()
        self.hourglass.end()
        stopped = self.reflector.stopService()
        return DeferredList([stopped, self.runs.ended()], consumeErrors=True)

    def reload(self, config: Config) -> None:
        """Go on by another configuration: peers that stay lose no probe and no counter.

        Raises ValueError if it asks for what only a restart can change. Whatever it raises, nothing
        has changed.
        """
        what = self.config.needs_restart(config)
        if what is not None:
            raise ValueError(f"{what} has changed: that needs a restart")
        self.outlets.check(config.events)
        check_sources(config.peers)
        sources = self.learning.made(config.peers) if self.running else {}
        before, self.config = self.config, config
        self.members.set_limits(config.probe.interval, config.mesh.max_peers)
        self.runs.tracing.set(config.trace)
        if self.running:
            self.outlets.begin(config.events, config.node)
            self.learning.ask(sources)
            if before.probe != config.probe:
                self._probe_anew()
            self._arrange()

    def is_healthy(self) -> bool:
        """Tell whether it does what it is for: it reflects and probes."""
        return self.is_ready() and self.runs.prober is not None

    def is_ready(self) -> bool:
        """Tell whether its sockets are open, whatever peers say."""
        return bool(self.running) and bool(self.reflector.addresses())

    def now_ns(self) -> int:
        """Tell the time by which it is judged who loses."""
        return round(self._seconds() * 1e9)

    def unix_seconds(self) -> float:
        """Tell the time by the wall clock, in seconds since 1970."""
        return self._wall()

    # Who is probed.

    def _probe_anew(self) -> None:
        """Probe by the configuration as it is now; who is probed stays so."""
        if self.running:
            for probed in self.roll.values():
                probed.want(self.config.probe.flows)
            self.runs.begin(self.config.probe, self.config.trace)
            self._arrange()

    def _arrange(self) -> None:
        """See who is to be probed, in pieces; and again if something changes meanwhile."""
        if self._arranging is not None:
            self._arrange_again = True
        elif self.running:
            self._arrange_again = False
            self._arranging = arranging = in_pieces(self._reactor, self._steps())
            arranging.addBoth(self._arranged)

    def _arranged(self, result: object) -> None:
        self._arranging = None
        if isinstance(result, Failure) and self.running:
            self._log.failure("peers could not be arranged", result)
        if self._arrange_again:
            self._arrange()

    def _steps(self) -> Iterator[None]:
        """Have those probed who are to be, step by step."""
        yield from self.choosing.look(self.members.named(self._seconds()), self.config.node)
        named = self.members.settle(self._seconds(), self._heard, self.choosing.ourselves)
        chosen: dict[str, Wanted] = {}
        for step in self.choosing.choose(named, self.config.node, self.config.mesh):
            chosen = chosen if step is None else step
            yield
        for step in in_classes(chosen, self.config.probe.dscp):
            chosen = chosen if step is None else step
            yield
        for name in [name for name in self.roll if self.roll[name].wanted != chosen.get(name)]:
            self._leave(name, chosen.get(name))
            yield
        for name, wanted in chosen.items():
            if name not in self.roll:
                self.roll[name] = new_probed(wanted, self.config.probe.flows)
            if self.runs.prober is not None and name not in self.runs.prober:
                self.runs.prober.join(name)
                yield
        yield from self._give_peers_their_rate()

    def _leave(self, name: str, now: Wanted | None) -> None:
        """Have a peer probed no more, or elsewhere: what was counted of it stays, by its name."""
        probed = self.roll[name]
        if now is not None and now.is_probed_as(probed.wanted):
            probed.is_called(now)
            return
        if self.runs.prober is not None and name in self.runs.prober:
            self.runs.prober.leave(name)
        if now is not None:
            probed.moves(now)
            return
        del self.roll[name]
        self.glancing.gone(name)

    def _addressed(self, name: str, peer: Peer, before: Peer | None) -> None:
        """Hear at which address a peer is probed, and was until now: it may be our own."""
        self._has_new_addresses = True
        if before is not None:
            self.events.tell(PeerReaddressed(name, format_peer(before), format_peer(peer)))
        if self.is_ours(peer) and self.choosing.found_ourselves(name):
            self._reactor.callLater(0, self._arrange)

    def is_ours(self, peer: Peer) -> bool:
        """Tell whether this node answers at an address and port."""
        at = {host for host, port in self.reflector.addresses() if port == peer[1]}
        return peer[0] in at or (
            any(map(is_wildcard, at)) and is_own_address(self._reactor, peer[0])
        )

    def _is_our_port(self, port: int) -> bool:
        return any(port == ours for _, ours in self.reflector.addresses())

    def _heard(self, name: str) -> float | None:
        """Tell when a peer was last heard, by the clock of all this.

        Of one that others probe and this node doesn't nothing is known: that it left is believed.
        """
        probed = self.roll.get(name)
        if probed is None:
            return self._seconds()
        if probed.counts.heard_ns is None or self.runs.prober is None:
            return None
        return self._seconds() - (self.runs.prober.now_ns() - probed.counts.heard_ns) / 1e9

    # As time goes by.

    def _tick(self) -> None:
        self._alarm = self._reactor.callLater(TICK_SECONDS, self._tick)
        if self.members.next() <= self._seconds() or self._has_new_addresses:
            self._arrange()
        prober = self.runs.prober
        if prober is not None:
            self.glancing.look(self.config.probe)
            self.runs.tracing.settle(prober.now_ns(), self.roll)
        self.hourglass.tick()

    def _give_peers_their_rate(self) -> Iterator[None]:
        """Let the guard answer peers four times what they are to send, by their addresses.

        Step by step, as they may be 10,000.
        """
        self._has_new_addresses = False
        addresses: dict[str, int] = {}
        for wanted in self.choosing.others():
            probed = self.roll.get(wanted.name)
            known = None if probed is None or probed.address is None else probed.address[0]
            address = known or canonical_host(wanted.host)
            if address is not None:
                addresses[address] = addresses.get(address, 0) + 1
            yield
        rate = peers_rate(self.config.probe, max(addresses.values(), default=1))
        self.reflector.set_peers(addresses, rate)
