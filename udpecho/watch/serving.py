"""A node as a process runs it: with its file, which is read again, and what it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.systemd import ListenFDs
from twisted.web.server import Site

from udpecho.peer import format_peer
from udpecho.reactors import monotonic_clock
from udpecho.watch.configuring.access import files_of
from udpecho.watch.configuring.rereading import Rereading, config_of
from udpecho.watch.configuring.settings import Config, WebSettings
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.events.event import ReloadRefused
from udpecho.watch.node import WatchService
from udpecho.watch.pages.mesh_rows import MeshRows
from udpecho.watch.pages.others import Others
from udpecho.watch.peers.files import why_unread
from udpecho.watch.reflecting import reflector_of
from udpecho.watch.web.front import site_of
from udpecho.watch.web.gate import Gate, read_password_file
from udpecho.watch.web.hashing import Hashing, missing_extra


class WebService(Service):
    """Listens at the endpoints of [web] listen."""

    def __init__(
        self, reactor: Any, web: WebSettings, site: Site, log: Logger | None = None
    ) -> None:
        """Read the endpoints; the log is told where it listens. Raises BadConfig."""
        self._site = site
        self._log = log
        self._web = web
        self._endpoints = []
        for text in web.listen:
            try:
                _check_files(text)
                self._endpoints.append(serverFromString(reactor, text))
            except Exception as error:  # whatever an endpoint's parser makes of it
                raise BadConfig(f"{web.where}: [web] listen: {text!r}: {_why(error)}") from None
        self._ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """Listen while the process may still have any port. Raises CannotListenError."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._listen()

    def startService(self) -> None:
        """Listen, if there was no privileged start."""
        super().startService()  # type: ignore[no-untyped-call]
        self._listen()

    def stopService(self) -> Deferred[Any]:
        """Take no more connections; the Deferred fires when all ports are closed."""
        super().stopService()  # type: ignore[no-untyped-call]
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(each.stopListening) for each in ports])

    def addresses(self) -> list[Any]:
        """List where it listens."""
        return [each.getHost() for each in self._ports]

    def _listen(self) -> None:
        if self._ports:
            return
        failures: list[Failure] = []
        for endpoint in self._endpoints:
            endpoint.listen(self._site).addCallbacks(self._ports.append, failures.append)
        for failure in failures:  # Twisted's endpoints listen at once, or fail at once
            failure.raiseException()
        if self._log is not None:
            for text, port in zip(self._web.listen, self._ports, strict=True):
                self._log.info("pages and metrics are at {where}", where=_url(text, port.getHost()))


def _url(endpoint: str, address: Any) -> str:
    """Write what is to be asked, where an endpoint listens."""
    if isinstance(address, IPv4Address | IPv6Address):
        scheme = "https" if endpoint.startswith("ssl:") else "http"
        return f"{scheme}://{format_peer((address.host, address.port))}/"
    return endpoint


def _check_files(endpoint: str) -> None:
    """Raise OSError or ValueError for what is no file: a pipe would be waited for."""
    files = files_of(endpoint)
    if files:
        from twisted.internet.ssl import Certificate as _  # noqa: F401  # or a file would be told
    for each in files:
        if not S_ISREG(Path(each).stat().st_mode):
            raise ValueError(f"{each}: expected a file, got what is none")


def _why(error: Exception) -> str:
    """Word in a line why an endpoint can't be."""
    if isinstance(error, ImportError):
        return missing_extra(error)
    if isinstance(error, OSError) and error.filename is not None:
        return why_unread(error.filename, error)
    if type(error).__module__.startswith("OpenSSL"):
        said = re.search(r"'([^']+)'\)\]$", str(error))  # its last reason
        got = f"what is none: {said[1]}" if said else "what is none"
        return f"expected a key and its certificate in PEM, got {got}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def node_service(
    every: MultiService,
    reactor: Any,
    path: Path,
    host: str,
    inherited: ListenFDs | None,
    log: Logger,
    events_file: str | None = None,
) -> tuple[WatchService, Rereading]:
    """Make all of a node from its file, within a service; host is its name unless it says another.

    events_file is where events go whatever the file says. Raises BadConfig.
    """

    def heeding(config: Config) -> Config:
        if events_file is None:
            return config
        return replace(config, events=replace(config.events, file=events_file))

    config = heeding(config_of(path, host))
    base = path.absolute().parent
    reflector = reflector_of(reactor, config.reflect, log, inherited)
    node = WatchService(reactor, config, base=base, reflector=reflector, log=log)
    others = Others(reactor, node, base)
    others.check(config.mesh)
    hashing = Hashing(reactor)
    listed = read_password_file(config.web, base)
    gate = Gate(listed, hashing.check, monotonic_clock(reactor), log)

    def take(config: Config) -> None:
        others.check(config.mesh)
        listed = gate.read(config.web, base)
        node.reload(heeding(config))
        if gate.put(listed):  # a page that somebody looks at would go on to be told
            site.hang_up()

    site = site_of(reactor, node, log, MeshRows(node, others), gate)
    reading = Rereading(
        reactor, path, host, take, node.reloads, log,
        lambda why: node.events.tell(ReloadRefused(why)), gate.has_changed,
    )  # fmt: skip
    web = WebService(reactor, config.web, site, log)
    for each in (node, others, reading, hashing, web):
        each.setServiceParent(every)  # type: ignore[no-untyped-call]
    return node, reading
