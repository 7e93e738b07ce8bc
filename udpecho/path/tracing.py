"""One look at the paths of some flows: questions go out as the asker says, answers come back.

A question is a probe like a ping's, with 16 bytes that nobody can guess, sent from the flow's own
source port with a TTL that ends on the way. What is believed is what quotes those bytes.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from udpecho.errors import BadAddress
from udpecho.instrument import Instrument, ProbeSocket, SocketOptions, choose_instrument
from udpecho.instrument.probe import Arrival, Flow
from udpecho.instrument.stamps import Stamp
from udpecho.names import link_of, resolve_within
from udpecho.path.answers import Question
from udpecho.path.asking import Asker
from udpecho.path.defaults import FLOWS, LONGEST, MOST_HOPS
from udpecho.path.hops import Path, Paths
from udpecho.path.known import least
from udpecho.path.naming import RouterNames
from udpecho.path.questions import Questions, inquiry
from udpecho.path.returning import FAR_TTL, WayBack
from udpecho.path.sizing import Sizing
from udpecho.peer import Peer
from udpecho.reactors import AnyReactor, datagram_reactor, monotonic_clock
from udpecho.refusal import Refusal

SIZE = 56
"""Bytes of a question, as a ping's probe."""

MOST_DSCP = 63
"""The DSCP has six bits (RFC 2474)."""

PAUSE_NS = 50_000
"""For each flow: how long after all were looked at they are again, however much is answered. Such
a look takes about half of that."""


class Look:
    """One look; made, then started once. Its instrument is its own, and closed at the end."""

    def __init__(
        self,
        instrument: Instrument,
        target: str,
        peer: Peer,
        *,
        flows: int = FLOWS,
        source_ports: Sequence[int] = (),
        most_hops: int = MOST_HOPS,
        size: int = SIZE,
        longest: float = LONGEST,
        heard: Callable[[str], None] | None = None,
        mtu: bool = False,
        dscp: int | None = None,
    ) -> None:
        """Plan a look at one target's paths, from this many source ports, or from those given.

        It ends after the longest seconds, whatever is still open. heard is called with the address
        of each router. With mtu each flow's path MTU is searched meanwhile.
        """
        self._instrument = instrument
        self._target, self._peer = target, peer
        self._ports = list(source_ports) or [0] * flows
        self._most_hops = most_hops
        self._longest_ns, self._heard = round(longest * 1e9), heard
        self._questions = Questions(size)
        self._mtu, self._dscp = mtu, dscp
        self._pause_ns = len(self._ports) * PAUSE_NS
        self._looked_ns = 0
        self._sizing: Sizing | None = None
        self._classes: defaultdict[int, dict[int, None]] = defaultdict(dict)
        self._sockets: list[tuple[ProbeSocket, Flow]] = []
        self._numbers: dict[int, int] = {}
        self._done: Deferred[Paths] = Deferred(lambda _: self._cut_short())
        self._ended = self._any_sent = False
        self.unsent: Counter[int] = Counter()
        """By errno, the questions that our own kernel would not send, as a filter may have it."""

        self.cut_short = False
        """Whether it was cancelled: more could have been known."""

    def start(self) -> Deferred[Paths]:
        """Open the sockets and begin.

        The Deferred fires with the paths when all is known that can be; cancelling it ends the
        look at once, with what there is. Raises OSError if there is no socket, and BadAddress
        for a scope that does not exist.
        """
        try:
            for number, port in enumerate(self._ports):
                socket = self._instrument.open(self._peer, connected=False, port=port)
                socket.expect(self._peer)
                self._sockets.append((socket, Flow(self._target, self._peer, socket.port)))
                self._numbers[socket.port] = number
        except (OSError, BadAddress):
            self._instrument.close()
            raise
        ports = [socket.port for socket, _ in self._sockets]
        self._asker = Asker(ports, most_hops=self._most_hops, far=True, heard=self._heard)
        self._back = WayBack(self._asker, most_hops=self._most_hops, heard=self._heard)
        for number, port in enumerate(ports):
            self._back.add(number, port)
        if self._mtu:
            self._sizing = Sizing(self._sockets)
        started = self._instrument.start(self)
        self._ends_ns = started.monotonic_ns + self._longest_ns
        self._instrument.wake_at(started.monotonic_ns)
        return self._done

    def paths(self) -> Paths:
        """Return what is known so far."""
        paths = tuple(map(self._path, self._asker.paths()))
        return Paths(self._target, self._peer, paths, dscp=self._dscp, tells=self._back.tells)

    # What the instrument tells.

    def due(self) -> bool:
        """Ask what may be asked, and ask to be woken for the next; what comes is told at once."""
        now_ns = self._instrument.now()
        self._looked_ns = now_ns
        while not self._ended and (question := self._asker.take(now_ns)) is not None:
            self._send(question, now_ns)
        while not self._ended and (question := self._back.take_back(now_ns)) is not None:
            self._send(question, now_ns)
        while not self._ended and (inquiry := self._back.take(now_ns)) is not None:
            self._inquire(*inquiry, now_ns)
        self._fail_if_none_was_sent()
        if self._sizing is not None and not self._ended:
            self._sizing.turn(now_ns)
        if not self._ended:
            self._wake_at(now_ns if (next_ns := self._next_ns(now_ns)) is None else next_ns)
        return True

    def caught_up(self) -> None:
        """End if nothing is left."""
        now_ns = self._instrument.now()
        if self._next_ns(now_ns) is None or now_ns >= self._ends_ns:
            self._end()

    def came(self, socket: ProbeSocket, arrivals: Sequence[Arrival], stamp: Stamp) -> None:
        """Note which questions the target answered."""
        number, now_ns = self._numbers[socket.port], stamp.monotonic_ns
        for data, peer, arrived_ns, _, traffic_class in arrivals:
            if peer != self._peer:
                continue
            asked = self._questions.find(data)
            if asked is not None:
                asked.came(arrived_ns, stamp, self._asker, self._back)
            elif not (
                self._back.takes(number, data, now_ns)
                or (self._sizing is not None and self._sizing.takes(data, arrived_ns, stamp))
            ):
                continue
            if traffic_class is not None:
                self._classes[number][traffic_class >> 2] = None
        self._wake_at(self._looked_ns + self._pause_ns)

    def refused(self, refusal: Refusal) -> None:
        """Note who said that a question ended there, or that it can't go on."""
        asked = self._questions.find(refusal.data)
        if asked is not None:
            asked.note(refusal, self._instrument.stamp(), self._asker)
            self._back.settled(asked.probe.header)
        elif self._sizing is not None and self._sizing.refused(refusal):
            pass
        elif refusal.port in self._numbers and refusal.to == self._peer and not refusal.data:
            number = self._numbers[refusal.port]
            _, flow = self._sockets[number]
            now = self._instrument.stamp()
            self._questions.note_by_time(flow, number, refusal, now, self._asker)
        else:
            return  # it is nobody's, and anyone may send as many as they like
        self._wake_at(self._looked_ns + self._pause_ns)

    # The look.

    def _send(self, question: Question, now_ns: int) -> None:
        socket, flow = self._sockets[question.flow]
        probe, payload = self._questions.ask(question, flow, now_ns)
        self._back.sent(probe.header, question, now_ns)
        failed = socket.send_hop(probe, payload, question.ttl or FAR_TTL)
        if failed:
            self.unsent[failed] += 1
        else:
            self._any_sent = True

    def _fail_if_none_was_sent(self) -> None:
        """End with the reason if our own kernel lets nothing out; what it lets tells the rest."""
        if self.unsent and not self._any_sent:
            failed = next(iter(self.unsent))
            self._end(Failure(OSError(failed, os.strerror(failed))))

    def _inquire(self, number: int, about: bytes, now_ns: int) -> None:
        """Ask the target what became of a probe: one that can't be sent is asked again."""
        socket, flow = self._sockets[number]
        socket.send_hop(*inquiry(flow, about, now_ns), FAR_TTL)

    def _wake_at(self, due_ns: int) -> None:
        """Have due() called then: after answers soon, but all flows are not looked at for each."""
        if not self._ended:
            self._instrument.wake_at(min(self._ends_ns, due_ns))

    def _cut_short(self) -> None:
        self.cut_short = not self._ended
        self._end()

    def _next_ns(self, now_ns: int) -> int | None:
        """Tell when there is something to do; None: never."""
        sizing_ns = None if self._sizing is None else self._sizing.next_ns(now_ns)
        return least(self._asker.next_ns(now_ns), self._back.next_ns(now_ns), sizing_ns)

    def _path(self, path: Path) -> Path:
        """Add what is not the asker's."""
        mtu = None if self._sizing is None else self._sizing.mtu(path.flow)
        return replace(self._back.path(path), mtu=mtu, dscp_back=tuple(self._classes[path.flow]))

    def _end(self, failure: Failure | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        closed = self._instrument.close()
        result = failure or self.paths()
        closed.addBoth(lambda _: None if self._done.called else self._done.callback(result))


async def trace(
    reactor: AnyReactor,
    target: tuple[str, int],
    *,
    flows: int = FLOWS,
    source_ports: Sequence[int] = (),
    most_hops: int = MOST_HOPS,
    ipv6: bool | None = None,
    source: str | None = None,
    device: str | None = None,
    clock: Literal["kernel", "user"] = "kernel",
    longest: float = LONGEST,
    names: bool = False,
    mtu: bool = False,
    dscp: int | None = None,
    on_start: Callable[[Look], None] = lambda _: None,
) -> Paths:
    """Find the paths of flows to a host, given by name or address and port.

    As many flows (source ports) are looked at as are said, or those that are given; at most this
    many hops. Questions leave from the address source, or through the interface device. After
    the longest seconds, the host's look-up among them, there is what is known by then; so there
    is on a cancellation, once on_start was called. With names routers are looked up by address
    meanwhile; a resolver that is silent makes it no longer. With mtu each flow's path MTU is
    searched (RFC 8899); with a dscp all is sent so, and with which the answers came back is told.
    Raises ResolveFailed, BadAddress, ValueError, or OSError for what this system can't do.
    """
    datagrams = datagram_reactor(reactor)
    begun = (seconds := monotonic_clock(datagrams))()
    link = link_of(source, device)
    peer = await resolve_within(datagrams, *target, longest, ipv6=ipv6, interface=link)
    router_names = RouterNames(datagrams) if names else None
    if dscp is not None and not 0 <= dscp <= MOST_DSCP:
        raise ValueError(f"dscp: expected 0 to {MOST_DSCP}, got {dscp!r}")
    options = SocketOptions(
        source=source,
        device=device,
        traffic_class=None if dscp is None else dscp << 2,
        hears_class=dscp is not None,
        mtu_discovery="probe" if mtu else None,
    )
    instrument = choose_instrument(datagrams, options, size=SIZE, stamps=clock == "kernel")
    look = Look(
        instrument,
        target[0],
        peer,
        flows=flows,
        source_ports=source_ports,
        most_hops=most_hops,
        longest=longest - (seconds() - begun),
        heard=None if router_names is None else router_names.ask,
        mtu=mtu,
        dscp=dscp,
    )
    done = look.start()
    on_start(look)
    found = await done
    return found if router_names is None else await _named(found, router_names)


async def _named(found: Paths, names: RouterNames) -> Paths:
    """Give the names that are known soon; a cancellation gives those that are known now."""
    with suppress(CancelledError):
        await names.settled()
    return replace(found, names=dict(names.known))
