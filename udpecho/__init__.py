"""UDP done carefully, on Twisted: an echo service, three clients, a network in memory.

Flows, each one way:

answer   kernel -> port -> guard (may it be answered?) -> server -> kernel
ask      caller -> client -> pending (who owes us a reply) -> port -> kernel, and back
"""

__version__ = "0.1.0"

from udpecho.address import Address
from udpecho.asking import ClientCounters, Stranger
from udpecho.batch import Batch
from udpecho.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.errors import (
    BadAddress,
    ClientClosed,
    DatagramTooLong,
    PeerReplaced,
    PortClosed,
    Refused,
    ReplyTimeout,
    ResolveFailed,
    SendFailed,
    UdpEchoError,
    WrongFamily,
)
from udpecho.guard import Guard, Reason
from udpecho.hooks import IBatchProtocol, PortCounters
from udpecho.peer import Peer
from udpecho.policy import Policy
from udpecho.port import adopt_udp, listen_udp
from udpecho.request import Reply
from udpecho.server import EchoServer, ServerCounters
from udpecho.service import EchoService, InheritedSocket, UdpAddress, everywhere

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
    "Reason",
    "Refused",
    "Reply",
    "ReplyTimeout",
    "ResolveFailed",
    "SendFailed",
    "ServerCounters",
    "Stranger",
    "UdpAddress",
    "UdpEchoError",
    "WrongFamily",
    "adopt_udp",
    "everywhere",
    "listen_udp",
]
