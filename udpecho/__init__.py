"""UDP done carefully, on Twisted: an echo service, three clients, a network in memory.

Flows, each one way:

answer   kernel -> port -> guard (may it be answered?) -> server -> kernel
ask      caller -> client -> pending (who owes us a reply) -> port -> kernel, and back
"""

from udpecho.doors import Door

TYPE_CHECKING = False  # as in typing, whose import takes longer than all of ours

__all__ = [
    "Address",
    "BadAddress",
    "Batch",
    "ClientClosed",
    "ClientCounters",
    "ConnectedEchoClient",
    "DatagramTooLong",
    "EchoClient",
    "EchoServer",
    "EchoService",
    "Guard",
    "IBatchProtocol",
    "InheritedSocket",
    "MatchingEchoClient",
    "Peer",
    "PeerReplaced",
    "Policy",
    "PortClosed",
    "PortCounters",
    "PortUnavailable",
    "Reason",
    "Refusal",
    "Refused",
    "Reply",
    "ReplyTimeout",
    "ResolveFailed",
    "SendFailed",
    "ServerCounters",
    "StockPortOnly",
    "Stranger",
    "UdpAddress",
    "UdpEchoError",
    "UdpPort",
    "WrongFamily",
    "adopt_udp",
    "everywhere",
    "listen_udp",
]

__version__ = "0.1.0"

if TYPE_CHECKING:
    from udpecho.client.asking import Stranger as Stranger
    from udpecho.client.client import ConnectedEchoClient as ConnectedEchoClient
    from udpecho.client.client import EchoClient as EchoClient
    from udpecho.client.client import MatchingEchoClient as MatchingEchoClient
    from udpecho.client.counting import ClientCounters as ClientCounters
    from udpecho.client.request import Reply as Reply
    from udpecho.errors import BadAddress as BadAddress
    from udpecho.errors import ClientClosed as ClientClosed
    from udpecho.errors import DatagramTooLong as DatagramTooLong
    from udpecho.errors import PeerReplaced as PeerReplaced
    from udpecho.errors import PortClosed as PortClosed
    from udpecho.errors import PortUnavailable as PortUnavailable
    from udpecho.errors import Refused as Refused
    from udpecho.errors import ReplyTimeout as ReplyTimeout
    from udpecho.errors import ResolveFailed as ResolveFailed
    from udpecho.errors import SendFailed as SendFailed
    from udpecho.errors import StockPortOnly as StockPortOnly
    from udpecho.errors import UdpEchoError as UdpEchoError
    from udpecho.errors import WrongFamily as WrongFamily
    from udpecho.guard.guard import Guard as Guard
    from udpecho.guard.policy import Policy as Policy
    from udpecho.guard.reasons import Reason as Reason
    from udpecho.peer import Peer as Peer
    from udpecho.port.address import Address as Address
    from udpecho.port.batch import Batch as Batch
    from udpecho.port.hooks import IBatchProtocol as IBatchProtocol
    from udpecho.port.hooks import PortCounters as PortCounters
    from udpecho.port.listen import adopt_udp as adopt_udp
    from udpecho.port.listen import listen_udp as listen_udp
    from udpecho.port.port import UdpPort as UdpPort
    from udpecho.refusal import Refusal as Refusal
    from udpecho.server.addresses import InheritedSocket as InheritedSocket
    from udpecho.server.addresses import UdpAddress as UdpAddress
    from udpecho.server.addresses import everywhere as everywhere
    from udpecho.server.server import EchoServer as EchoServer
    from udpecho.server.server import ServerCounters as ServerCounters
    from udpecho.server.service import EchoService as EchoService
else:
    __getattr__ = Door(
        globals(),
        {
            "client.asking": ("Stranger",),
            "client.counting": ("ClientCounters",),
            "client.client": (
                "ConnectedEchoClient",
                "EchoClient",
                "MatchingEchoClient",
            ),
            "client.request": ("Reply",),
            "errors": (
                "BadAddress",
                "ClientClosed",
                "DatagramTooLong",
                "PeerReplaced",
                "PortClosed",
                "PortUnavailable",
                "Refused",
                "ReplyTimeout",
                "ResolveFailed",
                "SendFailed",
                "StockPortOnly",
                "UdpEchoError",
                "WrongFamily",
            ),
            "guard.guard": ("Guard",),
            "guard.policy": ("Policy",),
            "guard.reasons": ("Reason",),
            "peer": ("Peer",),
            "refusal": ("Refusal",),
            "port.address": ("Address",),
            "port.batch": ("Batch",),
            "port.hooks": (
                "IBatchProtocol",
                "PortCounters",
            ),
            "port.listen": (
                "adopt_udp",
                "listen_udp",
            ),
            "port.port": ("UdpPort",),
            "server.addresses": (
                "InheritedSocket",
                "UdpAddress",
                "everywhere",
            ),
            "server.server": (
                "EchoServer",
                "ServerCounters",
            ),
            "server.service": ("EchoService",),
        },
    )
