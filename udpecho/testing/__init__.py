"""UDP in memory: hosts that any DatagramProtocol runs on unchanged, time moved by hand.

    >>> from twisted.internet.protocol import DatagramProtocol
    >>> from udpecho import listen_udp
    >>> from udpecho.testing import MemoryNetwork
    >>> class Echo(DatagramProtocol):
    ...     def datagramReceived(self, data, peer):
    ...         self.transport.write(data, peer)
    >>> class Notebook(DatagramProtocol):
    ...     def __init__(self):
    ...         self.heard = []
    ...     def datagramReceived(self, data, peer):
    ...         self.heard.append((data, peer))

    >>> net = MemoryNetwork(seed=1)
    >>> server = net.host("192.0.2.1", "2001:db8::1", names=["echo.example"])
    >>> client = net.host("192.0.2.2")
    >>> link = net.link(client, server, delay=0.02, jitter=0.005, loss=0.01)
    >>> port = listen_udp(server, 7, Echo())
    >>> notebook = Notebook()
    >>> socket = listen_udp(client, 50000, notebook)

    >>> sent = socket.write(b"hello", ("192.0.2.1", 7))
    >>> net.forge(b"lie", source=("203.0.113.66", 7), to=("192.0.2.2", 50000))
    >>> net.advance(0.1)
    >>> notebook.heard
    [(b'lie', ('203.0.113.66', 7)), (b'hello', ('192.0.2.1', 7))]
    >>> [(datagram.data, datagram.fate.value) for datagram in net.record]
    [(b'hello', 'delivered'), (b'lie', 'delivered'), (b'hello', 'delivered')]

A host is what a protocol takes for its reactor: IReactorUDP, IReactorTime and
IReactorPluggableNameResolver. It also provides IDatagramSockets, so that listen_udp gives
udpecho's own port there; its listenUDP gives Twisted's. Both stand over sockets in memory that
keep Linux's rules; the tests of these rules also run against real sockets. Some are seldom
expected:

- A datagram waits in the receive queue until the host's next turn, so that none is ever
  delivered inside write; over a link without delay the next turn is advance(0).
- Of datagrams that are written at one instant, the first leaves at once from udpecho's own port,
  and the others when the turn ends; from Twisted's each leaves at once.
- 127.0.0.0/8 and ::1 belong to every host, and what is sent there stays in it.
- One datagram too many for the receive buffer is dropped: the record tells, and counters().

Of Twisted's port alone:

- What was queued before connect() is delivered after it.
- Only a connected socket hears of a refusal, and perhaps inside its next write, which then
  sends nothing. Otherwise its protocol's connectionRefused is called, or its port closes:
  Twisted's reactors differ (see MemoryNetwork.host).
- A socket bound to the wildcard answers from its host's first address, whichever was asked.
- A socket bound to "::" takes IPv4's port too, and knows IPv4 peers as ::ffff:192.0.2.1.
- A datagram longer than maxPacketSize is cut.

There is no broadcast to a subnet alone, and no limit on how often a host refuses by ICMP; routers
(net.router) have Linux's.
"""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Bursts",
    "Datagram",
    "Datagrams",
    "DemoFault",
    "Fate",
    "Fault",
    "LeafAndSpine",
    "MemoryHost",
    "MemoryLink",
    "MemoryNetwork",
    "MemoryPort",
    "MemoryRouter",
    "Record",
    "ScriptedPeer",
    "Step",
    "UdpMixin",
    "demo_fabric",
    "duplicate",
    "leaf_and_spine",
    "refuse",
    "reply",
    "silence",
]

if TYPE_CHECKING:
    from udpecho.testing.fabric import DemoFault as DemoFault
    from udpecho.testing.fabric import LeafAndSpine as LeafAndSpine
    from udpecho.testing.fabric import demo_fabric as demo_fabric
    from udpecho.testing.fabric import leaf_and_spine as leaf_and_spine
    from udpecho.testing.faults import Bursts as Bursts
    from udpecho.testing.host import MemoryHost as MemoryHost
    from udpecho.testing.host import MemoryPort as MemoryPort
    from udpecho.testing.link import MemoryLink as MemoryLink
    from udpecho.testing.network import MemoryNetwork as MemoryNetwork
    from udpecho.testing.record import Datagram as Datagram
    from udpecho.testing.record import Datagrams as Datagrams
    from udpecho.testing.record import Fate as Fate
    from udpecho.testing.record import Fault as Fault
    from udpecho.testing.record import Record as Record
    from udpecho.testing.router import MemoryRouter as MemoryRouter
    from udpecho.testing.script import ScriptedPeer as ScriptedPeer
    from udpecho.testing.script import Step as Step
    from udpecho.testing.script import duplicate as duplicate
    from udpecho.testing.script import refuse as refuse
    from udpecho.testing.script import reply as reply
    from udpecho.testing.script import silence as silence
    from udpecho.testing.trial_mixin import UdpMixin as UdpMixin
else:
    __getattr__ = Door(
        globals(),
        {
            "fabric": (
                "DemoFault",
                "LeafAndSpine",
                "demo_fabric",
                "leaf_and_spine",
            ),
            "faults": ("Bursts",),
            "host": (
                "MemoryHost",
                "MemoryPort",
            ),
            "link": ("MemoryLink",),
            "network": ("MemoryNetwork",),
            "record": (
                "Datagram",
                "Datagrams",
                "Fate",
                "Fault",
                "Record",
            ),
            "router": ("MemoryRouter",),
            "script": (
                "ScriptedPeer",
                "Step",
                "duplicate",
                "refuse",
                "reply",
                "silence",
            ),
            "trial_mixin": ("UdpMixin",),
        },
    )
