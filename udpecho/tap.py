"""twistd -n udpecho: its options, and the service made from them; wiring only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from twisted.application.service import Service
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.systemd import ListenFDs

from udpecho.options import Command, ip_address, listen, port_number
from udpecho.peer import format_peer
from udpecho.reactors import IDatagramReactor
from udpecho.service import LOOPBACK, EchoService, Listen, UdpAddress


class Options(Command):
    """Where the service listens."""

    synopsis = "[options]"
    longdesc = (
        "An echo service over UDP (RFC 862) that sends every datagram back to its sender. "
        "Unless told otherwise it listens on loopback only, at port 1060 of 127.0.0.1 and ::1. "
        "--listen may be repeated; without an interface it is all addresses of both families."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["port", "p", None, "Port to listen on (1060).", port_number("--port", lowest=0)],
        [
            "interface",
            "i",
            None,
            "Local address to listen on (127.0.0.1 and ::1); 0.0.0.0 or :: for all of one family.",
            ip_address("--interface"),
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["listens"] = []
        self._inherited = ListenFDs.fromEnvironment()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; twistd and twist would print all of their help around an error's one line."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"udpecho: {error}") from None

    def opt_listen(self, description: str) -> None:
        """Where to listen: udp:PORT[:interface=ADDRESS], systemd:index=N or systemd:name=NAME."""
        try:
            self["listens"].extend(listen(description, self._inherited))
        except ValueError as error:
            raise usage.UsageError(str(error)) from error

    opt_l = opt_listen

    def postOptions(self) -> None:
        """Let --port and --interface be the short form of one --listen."""
        port, interface = self["port"], self["interface"]
        if self["listens"]:
            if port is not None or interface is not None:
                raise usage.UsageError("expected --listen, or --port and --interface, got both")
        else:
            self["listens"] = _short_form(port, interface)


def _short_form(port: int | None, interface: str | None) -> list[Listen]:
    default = LOOPBACK[0].port
    port = default if port is None else port
    if interface is not None:
        return [UdpAddress(port, interface)]
    return [UdpAddress(port, each.interface, each.optional) for each in LOOPBACK]


def makeService(options: Any) -> Service:
    """Make the service; an address that can't be had ends the program with one line."""
    from twisted.internet import reactor

    log = Logger("udpecho")
    service = EchoService(cast(IDatagramReactor, reactor), options["listens"], log=log)
    try:
        service.bind()
    except CannotListenError as error:
        where = format_peer((error.interface or "*", error.port))
        raise SystemExit(
            f"udpecho: can't listen on {where}: {error.socketError.strerror}"
        ) from None
    return service
