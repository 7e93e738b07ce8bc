"""The echo server (RFC 862), and the service around it."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "LOOPBACK",
    "CannotStart",
    "EchoServer",
    "EchoService",
    "InheritedSocket",
    "Listen",
    "ServerCounters",
    "Spelling",
    "UdpAddress",
    "check_told_alone",
    "everywhere",
    "inherited_sockets",
    "listen",
    "mind_process",
    "one_line_if_not",
]

if TYPE_CHECKING:
    from udpecho.server.addresses import LOOPBACK as LOOPBACK
    from udpecho.server.addresses import InheritedSocket as InheritedSocket
    from udpecho.server.addresses import Listen as Listen
    from udpecho.server.addresses import UdpAddress as UdpAddress
    from udpecho.server.addresses import check_told_alone as check_told_alone
    from udpecho.server.addresses import everywhere as everywhere
    from udpecho.server.addresses import listen as listen
    from udpecho.server.process import CannotStart as CannotStart
    from udpecho.server.process import inherited_sockets as inherited_sockets
    from udpecho.server.process import mind_process as mind_process
    from udpecho.server.process import one_line_if_not as one_line_if_not
    from udpecho.server.server import EchoServer as EchoServer
    from udpecho.server.server import ServerCounters as ServerCounters
    from udpecho.server.service import EchoService as EchoService
    from udpecho.server.spelling import Spelling as Spelling
else:
    __getattr__ = Door(
        globals(),
        {
            "addresses": (
                "InheritedSocket",
                "LOOPBACK",
                "Listen",
                "UdpAddress",
                "check_told_alone",
                "everywhere",
                "listen",
            ),
            "process": (
                "CannotStart",
                "inherited_sockets",
                "mind_process",
                "one_line_if_not",
            ),
            "server": (
                "EchoServer",
                "ServerCounters",
            ),
            "service": ("EchoService",),
            "spelling": ("Spelling",),
        },
    )
