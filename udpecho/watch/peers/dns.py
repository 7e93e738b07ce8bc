"""Peers that DNS names: all addresses of a name, or its SRV records, again when their TTL is over.

By twisted.names, since the system's resolver tells no TTL. Short names are looked for as
resolv.conf(5) says.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.base import BasePort
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as NoAnswer
from twisted.internet.udp import Port
from twisted.names import client
from twisted.names.dns import AAAA, SRV, A, DNSDatagramProtocol, RRHeader
from twisted.names.error import DNSNameError, DomainError
from twisted.python.failure import Failure

from udpecho.peer import format_peer
from udpecho.shown import harmless
from udpecho.watch.peers.again import Hears
from udpecho.watch.peers.search_names import SearchList, read_search_list
from udpecho.watch.peers.targets import Wanted, wanted

SHORTEST_TTL = 5.0
"""Seconds that an answer is taken for true, at least."""

RETRIES = (5.0, 10.0, 20.0, 30.0)
"""Seconds until a server that doesn't answer is asked again."""

TIMEOUTS = (1, 2, 4)
"""Seconds that each attempt waits for an answer."""

RESOLV_CONF = Path("/etc/resolv.conf")

Answers = tuple[list[RRHeader], list[RRHeader], list[RRHeader]]


class Resolver(Protocol):
    """What we ask of a resolver: twisted.names' IResolver has it."""

    def lookupAddress(self, name: str, timeout: Sequence[int]) -> Deferred[Answers]:
        """Ask for A records."""

    def lookupIPV6Address(self, name: str, timeout: Sequence[int]) -> Deferred[Answers]:
        """Ask for AAAA records."""

    def lookupService(self, name: str, timeout: Sequence[int]) -> Deferred[Answers]:
        """Ask for SRV records."""


class _DnsQuestion(DNSDatagramProtocol):
    """A question: what can't be sent (there is no way to the server) goes unanswered."""

    noisy = False

    def writeMessage(self, message: Any, address: Any) -> None:
        """Send it; else it is asked again when nothing has come."""
        with suppress(OSError):
            super().writeMessage(message, address)


class _QuietPort(Port):
    """A port for one question: Twisted's own has a line in the log whenever it is closed."""

    def connectionLost(self, reason: object = None) -> None:
        """Do what Port does but for that."""
        self._realPortNumber = None
        BasePort.connectionLost(self, reason)
        self.protocol.doStop()
        self.socket.close()
        del self.socket, self.fileno
        if hasattr(self, "d"):
            self.d.callback(None)
            del self.d


class SystemResolver(client.Resolver):
    """Asks the servers of resolv.conf(5), and looks there for changes."""

    def __init__(self, reactor: Any) -> None:
        """Ask nothing yet."""
        super().__init__(resolv=str(RESOLV_CONF), reactor=reactor)  # type: ignore[no-untyped-call]

    def _connectedProtocol(self, interface: str = "") -> DNSDatagramProtocol:
        """Open a socket for one question, at a port that the kernel chooses."""
        protocol = _DnsQuestion(self, reactor=self._reactor)  # type: ignore[no-untyped-call]
        port = _QuietPort(0, protocol, interface, reactor=self._reactor)  # type: ignore[no-untyped-call]
        port.startListening()  # type: ignore[no-untyped-call]
        return protocol

    def end(self) -> None:
        """Look for changes no more."""
        if self._parseCall is not None and self._parseCall.active():
            self._parseCall.cancel()


def system_search_list() -> SearchList:
    """Read where this system looks for short names."""
    try:
        return read_search_list(RESOLV_CONF.read_text("utf-8", "replace"))
    except OSError:
        return SearchList()


class DnsSource:
    """A name, and the peers that DNS has for it."""

    def __init__(
        self,
        name: str,
        port: int,
        zone: str,
        hears: Hears,
        resolver: Resolver,
        search: SearchList,
    ) -> None:
        """Ask nothing yet. A name that begins with _ is one of SRV records (RFC 2782)."""
        self._name = name
        self._port = port
        self._zone = zone
        self._hears = hears
        self._names = search.names(name)
        kinds = {SRV: resolver.lookupService}
        if not name.startswith("_"):
            kinds = {A: resolver.lookupAddress, AAAA: resolver.lookupIPV6Address}
        self._kinds = kinds
        self._last: dict[tuple[str, int], list[RRHeader]] = {}
        """What was known of each name and kind."""

        self._failures = 0

    async def ask(self) -> float:
        """Look the name up; return when to ask again, in seconds."""
        for name in self._names:
            results = await DeferredList(
                [look_up(name, TIMEOUTS) for look_up in self._kinds.values()], consumeErrors=True
            )
            records, why = self._records(name, results)
            if why is not None:
                delay = RETRIES[min(self._failures, len(RETRIES) - 1)]
                self._failures += 1
                if not records:
                    self._hears.failed(f"DNS does not tell of {self._name}: {why}")
                    return delay
                self._hears.found(*self._peers(records))
                return delay
            if records:
                self._failures = 0
                self._hears.found(*self._peers(records))
                return max(SHORTEST_TTL, min(float(each.ttl or 0) for each in records))
        self._last.clear()
        self._hears.failed(f"DNS has nobody by the name {self._name}")
        return SHORTEST_TTL

    def _records(
        self, name: str, results: Sequence[tuple[bool, Any]]
    ) -> tuple[list[RRHeader], str | None]:
        """Collect what was found; of a kind whose question failed, what was known before.

        Nothing, if all failed: then it is the server that can't be asked.
        """
        records: list[RRHeader] = []
        why, failed = None, 0
        for kind, (is_answer, result) in zip(self._kinds, results, strict=True):
            if is_answer:
                self._last[name, kind] = [each for each in result[0] if each.type == kind]
            elif result.check(DNSNameError):
                self._last[name, kind] = []
            else:
                why = _why(result)
                failed += 1
            records += self._last.get((name, kind), [])
        return records if failed < len(self._kinds) else [], why

    def _peers(self, records: list[RRHeader]) -> tuple[list[Wanted], str]:
        """Name each peer, SRV's by its target, others by address and port; and why some are none.

        One bad record leaves out no other's.
        """
        peers, bad = [], []
        for host, port in map(self._host_and_port, records):
            if host and port:  # else "not available", says RFC 2782
                try:
                    peers.append(
                        wanted(format_peer((host, port)), port, self._zone, self._hears.name)
                    )
                except ValueError as error:
                    bad.append(harmless(str(error)))
        why = f"{len(bad)} of {len(records)} left out: {min(bad)}" if bad else ""
        return sorted(peers, key=lambda each: each.name), why

    def _host_and_port(self, record: RRHeader) -> tuple[str, int]:
        payload: Any = record.payload
        if record.type == SRV:
            return payload.target.name.decode("ascii", "backslashreplace"), payload.port
        family = socket.AF_INET if record.type == A else socket.AF_INET6
        return socket.inet_ntop(family, payload.address), self._port


def _why(failure: Failure) -> str:
    """Word why a question has no answer."""
    error = failure.value
    if isinstance(error, DomainError) and error.args:
        return f"it answers {type(error).__name__.removeprefix('DNS')}"
    return "no answer" if failure.check(NoAnswer) else harmless(str(error)) or "no answer"
