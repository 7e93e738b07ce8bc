"""EchoService: an echo server on each of its addresses, as a Service for any MultiService."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import deferLater
from twisted.logger import Logger

from udpecho.columns import Columns
from udpecho.errors import PortUnavailable
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.peer import format_peer, is_loopback
from udpecho.port import UdpPort, adopt_udp, leave_to_others, listen_udp, why_not_ours
from udpecho.reactors import AnyReactor, datagram_reactor, monotonic_clock
from udpecho.server.addresses import (
    LOOPBACK,
    Listen,
    UdpAddress,
    bind,
    check_told_alone,
    doing_without,
    trial,
)
from udpecho.server.server import EchoServer, ServerCounters
from udpecho.server.spelling import OPTIONS, Spelling
from udpecho.server.teller import Teller


class _Served(EchoServer):
    """A server that tells its service when its port is gone, whoever closed it."""

    def __init__(self, gone: Callable[[EchoServer], None], *options: Any, **named: Any) -> None:
        super().__init__(*options, **named)
        self._gone = gone

    def stopProtocol(self) -> None:
        """Tell the service."""
        self._gone(self)


class EchoService(Service):
    """The echo service. It starts, stops and starts again; a stop answers what is queued.

    Works with a privileged start (twistd binds before it drops its privileges) and without.
    Starting raises CannotListenError when an address can't be had and, before anything is
    opened, PortUnavailable where our own port can't serve an address beyond loopback.
    """

    lost: Deferred[None]
    """Fires with None when its last socket is gone though nobody stopped it: then it answers no
    more, and its owner decides. Each start after that has another. It never fails."""

    def __init__(
        self,
        reactor: AnyReactor,
        listens: Sequence[Listen] = LOOPBACK,
        policy: Policy | None = None,
        log: Logger | None = None,
        *,
        stock_port: bool = False,
        tell_paths: bool = False,
        guard: Guard | None = None,
        spelling: Spelling = OPTIONS,
    ) -> None:
        """Make the service; stock_port permits Twisted's own port beyond loopback, if ours can't.

        A guard decides in place of one by the policy; spelling has the options to name in the log.

        With tell_paths it answers questions about what became of probes (docs/path.md), in place
        of echoing them. Raises ValueError where another process has the port, too, which would be
        asked of what this one has seen.

        Where that serves, nobody sees which datagrams were broadcast, and loops end by the rate
        alone: our port refuses the first, and answers with one hop fewer than it was asked with.
        """
        self._stock_port = stock_port
        self._reactor = datagram_reactor(reactor)
        self._listens = tuple(listens)
        self._now = monotonic_clock(self._reactor)
        self._log = log or Logger()
        self._spelling = spelling
        # One: a source's rate is what it asks of all addresses.
        self._guard = guard or Guard(policy)
        if tell_paths:
            check_told_alone(self._listens)
        self._teller = tell_paths and Teller(self._guard.policy)
        self._bound: list[tuple[Listen, socket.socket]] = []
        self._ports: list[UdpPort] = []
        self._shared: set[UdpPort] = set()  # those ports which other processes may have, too
        self._process = 0  # which opened them
        self._servers: dict[UdpPort, EchoServer] = {}  # whose ports are open, or closing
        self._ended = ServerCounters()  # what those did whose ports are closed
        self.lost = Deferred()

    def bind(self) -> None:
        """Take the addresses before the service starts, to learn early that one can't be had.

        Raises what starting raises.
        """
        if self._bound or self._ports or not IReactorFDSet.providedBy(self._reactor):
            return
        if not self._stock_port:
            for listen in self._listens:
                with doing_without(listen):
                    _want_our_port(listen, self._spelling)
        try:
            for listen in self._listens:
                with doing_without(listen):
                    self._bound.append((listen, bind(listen)))
        except CannotListenError:
            self._unbind()
            raise

    def privilegedStartService(self) -> None:
        """Open the sockets while the process may still have any port."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._open()

    def startService(self) -> None:
        """Open the sockets, if there was no privileged start."""
        super().startService()  # type: ignore[no-untyped-call]
        self._open()

    def stopService(self) -> Deferred[None]:
        """Answer what is queued, for 250 ms at most, then close; fires when all is closed."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._unbind()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._ports:
            await deferLater(self._reactor, 0)  # whoever restarts it meanwhile keeps its sockets
        if self._ports and not self.running:
            await self._close()
            self._log.info("udpecho has stopped: {counts}", counts=self.counters().in_words())
        for port in self._servers.keys() - set(self._ports):  # an earlier stop closes these
            await port.stopListening()

    def _close(self) -> Deferred[Any]:
        ports, self._ports = self._ports, []
        return DeferredList([Deferred.fromCoroutine(self._close_port(port)) for port in ports])

    async def _close_port(self, port: UdpPort) -> None:
        if port in self._shared and os.getpid() == self._process:  # a fork's has it still
            with suppress(OSError):  # it has lost its socket
                leave_to_others(port.getHandle())  # or what comes while it closes would be lost
        self._shared.discard(port)
        await port.stopListening()
        self._ended += self._servers.pop(port).counters()

    def _port_gone(self, server: EchoServer) -> None:
        """Do without a port, if it is nobody's doing that it is gone."""
        port = next((each for each in self._ports if self._servers[each] is server), None)
        if port is None or not self.running:
            return
        self._ports.remove(port)
        self._shared.discard(port)
        self._ended += self._servers.pop(port).counters()
        host = port.getHost()
        left = ", ".join(map(format_peer, self.addresses()))
        self._log.error(
            "udpecho has lost its socket at {address}, and {rest}",
            address=format_peer((host.host, host.port)),
            rest=f"still answers at {left}" if left else "answers no more",
        )
        self._reactor.callLater(0, self._tell_if_lost)  # when its address is free again

    def _tell_if_lost(self) -> None:
        if self.running and not self._ports and not self.lost.called:
            self.lost.callback(None)

    def counters(self) -> ServerCounters:
        """Count what all its servers have done, since the service was made."""
        return sum((server.counters() for server in self._servers.values()), self._ended)

    def set_peers(self, addresses: Iterable[str], rate: int) -> None:
        """Give each of these addresses a rate of its own, in tokens a second (see the guard)."""
        self._guard.set_peers(addresses, rate)

    def listen_in(self, hear: Callable[[Columns], bool]) -> None:
        """Have this told of each batch that comes to what is open now (see EchoServer)."""
        for server in self._servers.values():
            server.listen_in(hear)

    def addresses(self) -> list[tuple[str, int]]:
        """List the addresses and ports that are open."""
        hosts = [port.getHost() for port in self._ports]
        return [(host.host, host.port) for host in hosts]

    def _open(self) -> None:
        if self._ports:
            return
        if self.lost.called:
            self.lost = Deferred()
        self.bind()
        try:
            self._listen()
        except Exception:
            self._close()
            raise
        finally:
            self._unbind()
        addresses = self.addresses()
        self._log.info(
            "udpecho answers at {addresses}{hint}",
            addresses=", ".join(map(format_peer, addresses)),
            hint=self._hint() if all(is_loopback(host) for host, _ in addresses) else "",
        )

    def _hint(self) -> str:
        return f", this machine only; to serve the network: {self._spelling.listen}"

    def _listen(self) -> None:
        self._process = os.getpid()
        for listen, skt in self._bound:
            server = self._new_server()
            port = adopt_udp(self._reactor, skt.fileno(), server)
            self._opened(port, server)
            if isinstance(listen, UdpAddress) and listen.reuse_port:
                self._shared.add(port)
        if IReactorFDSet.providedBy(self._reactor):
            return
        for listen in self._listens:
            assert isinstance(listen, UdpAddress), "this reactor has no descriptors"
            server = self._new_server()
            with doing_without(listen):
                port = listen_udp(self._reactor, listen.port, server, listen.interface)
                self._opened(port, server)

    def _new_server(self) -> EchoServer:
        now, log, guard, teller = self._now, self._log, self._guard, self._teller
        return _Served(self._port_gone, now, log, guard, tell_paths=teller, spelling=self._spelling)

    def _opened(self, port: UdpPort, server: EchoServer) -> None:
        self._ports.append(port)
        self._servers[port] = server

    def _unbind(self) -> None:
        for _, skt in self._bound:
            skt.close()
        self._bound.clear()


def _want_our_port(listen: Listen, spelling: Spelling) -> None:
    """Raise PortUnavailable for what our own port can't serve, and no other should."""
    with trial(listen) as (host, skt):
        why = None if is_loopback(host) else why_not_ours(skt)
    if why is not None:
        raise PortUnavailable(
            f"udpecho's own port can't serve {host} ({why}), and Twisted's would answer broadcasts,"
            f" loop with other servers and stand still under floods; {spelling.stock_port} permits"
            " it"
        )
