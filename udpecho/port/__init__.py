"""A UDP port that nothing from the network can close: reactor.listenUDP, done carefully."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Address",
    "Batch",
    "IBatchProtocol",
    "PortCounters",
    "UdpPort",
    "adopt",
    "adopt_udp",
    "encode",
    "leave_to_others",
    "listen_udp",
    "omit_path_mtu",
    "open_udp",
    "why_not_ours",
]

if TYPE_CHECKING:
    from udpecho.port.address import Address as Address
    from udpecho.port.address import encode as encode
    from udpecho.port.batch import Batch as Batch
    from udpecho.port.hooks import IBatchProtocol as IBatchProtocol
    from udpecho.port.hooks import PortCounters as PortCounters
    from udpecho.port.listen import adopt_udp as adopt_udp
    from udpecho.port.listen import listen_udp as listen_udp
    from udpecho.port.listen import why_not_ours as why_not_ours
    from udpecho.port.port import UdpPort as UdpPort
    from udpecho.port.sockets import adopt as adopt
    from udpecho.port.sockets import leave_to_others as leave_to_others
    from udpecho.port.sockets import omit_path_mtu as omit_path_mtu
    from udpecho.port.sockets import open_udp as open_udp
else:
    __getattr__ = Door(
        globals(),
        {
            "address": (
                "Address",
                "encode",
            ),
            "batch": ("Batch",),
            "hooks": (
                "IBatchProtocol",
                "PortCounters",
            ),
            "listen": (
                "adopt_udp",
                "listen_udp",
                "why_not_ours",
            ),
            "port": ("UdpPort",),
            "sockets": (
                "adopt",
                "leave_to_others",
                "omit_path_mtu",
                "open_udp",
            ),
        },
    )
