"""The reactor's resolver, with threads that nobody waits for.

Twisted's own asks in the reactor's thread pool, whose end waits for each question: with a dead
resolver that is ten seconds and more after all is said. What the process no longer wants to
know must not keep it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from threading import Thread
from typing import Any, Literal, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorFromThreads,
    IResolutionReceiver,
)
from zope.interface import implementer

AddressInfo = list[tuple[int, int, int, str, tuple[Any, ...]]]


def install_resolver(reactor: Any) -> None:
    """Have a reactor that has threads ask the system so."""
    has_threads: bool = IReactorFromThreads.providedBy(reactor)
    if has_threads:
        reactor.installNameResolver(DaemonResolver(reactor))


@implementer(IHostResolution)
class _Question:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Do nothing: getaddrinfo(3) can't be stopped."""


@implementer(IHostnameResolver)
class DaemonResolver:
    """Asks getaddrinfo(3), each time in a daemon thread; whoever asks bounds how many there are."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell the receiver the name's addresses, in the reactor."""
        transport = cast("Literal['TCP', 'UDP']", transportSemantics)
        kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
        wanted = set(addressTypes or (IPv4Address, IPv6Address))
        family = {
            frozenset({IPv4Address}): socket.AF_INET,
            frozenset({IPv6Address}): socket.AF_INET6,
        }.get(frozenset(wanted), socket.AF_UNSPEC)

        def tell(found: AddressInfo) -> None:
            for of, _, _, _, address in found:
                if of == socket.AF_INET:
                    resolutionReceiver.addressResolved(IPv4Address(transport, *address))
                elif of == socket.AF_INET6:
                    resolutionReceiver.addressResolved(IPv6Address(transport, *address))
            resolutionReceiver.resolutionComplete()

        def ask() -> None:
            found: Any = []
            try:
                found = socket.getaddrinfo(hostName, portNumber, family, kind)
            except (OSError, UnicodeError, ValueError):  # it has none, or can't be a name
                pass
            finally:
                self._reactor.callFromThread(tell, found)

        question = _Question(hostName)
        resolutionReceiver.resolutionBegan(question)
        Thread(target=ask, name=f"look-up of {hostName}"[:64], daemon=True).start()
        return question
