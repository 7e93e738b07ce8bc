"""A node as twistd runs it: a start that fails is one line, and SIGHUP has its file read again."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger
from twisted.python.systemd import ListenFDs

from udpecho.server import CannotStart, mind_process, one_line_if_not
from udpecho.watch.collecting import Collecting
from udpecho.watch.configuring.settings import STANDARD_OUTPUT
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.serving import node_service


class NodeService(MultiService):
    """A node in a process of its own: a start that fails ends the program with one line."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        Collecting(reactor).setServiceParent(self)  # type: ignore[no-untyped-call]

    def privilegedStartService(self) -> None:
        """Open the sockets while the process may still have any port."""
        with one_line_if_not():
            super().privilegedStartService()  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """Open the sockets, if there was no privileged start."""
        with one_line_if_not():
            super().startService()  # type: ignore[no-untyped-call]


def node_process(
    reactor: Any, file: str, inherited: ListenFDs, log: Logger, events_file: str | None = None
) -> Service:
    """Make a node of a mesh from its file; raises CannotStart, with one line, if it can't be.

    events_file is where events go, whatever the file says; "-" is standard output.
    """
    if events_file is not None and events_file != STANDARD_OUTPUT:
        events_file = str(Path(events_file).absolute())  # not within the directory of the other
    service = NodeService(reactor)
    try:
        node, reading = node_service(
            service, reactor, Path(file), socket.gethostname(), inherited, log, events_file
        )
    except BadConfig as error:
        raise CannotStart(f"udpecho: {error}") from None
    with one_line_if_not():
        node.reflector.bind()
    if IReactorCore.providedBy(reactor):  # else there is no process, but a network in memory
        mind_process(reactor, node.reflector, log, reading.read_again)
    return service
