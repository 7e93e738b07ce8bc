"""What others may have told a socket, before it was ours: options that are to be off. No Twisted.

Some have the kernel say more of each datagram than a record has room for, some fill the error
queue, some change what a datagram is. Those that say how it is to travel (TTL, TOS, buffers, path
MTU discovery) stay as they are.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from udpecho.kernel.layout import (
    IP_RECVERR,
    IPV6_RECVERR,
    SO_TIMESTAMPING,
    SO_TIMESTAMPNS,
    SOL_UDP,
    UDP_GRO,
    UDP_SEGMENT,
)

_SOCKET = (
    29,  # SO_TIMESTAMP
    34,  # SO_PASSSEC
    SO_TIMESTAMPNS,
    SO_TIMESTAMPING,
    40,  # SO_RXQ_OVFL
    41,  # SO_WIFI_STATUS
    60,  # SO_ZEROCOPY
    63,  # SO_TIMESTAMP_NEW
    64,  # SO_TIMESTAMPNS_NEW
    65,  # SO_TIMESTAMPING_NEW
    75,  # SO_RCVMARK
    82,  # SO_RCVPRIORITY
)
_IPV4 = (
    6,  # IP_RECVOPTS
    7,  # IP_RETOPTS
    IP_RECVERR,
    18,  # IP_PASSSEC
    20,  # IP_RECVORIGDSTADDR
    23,  # IP_CHECKSUM
    25,  # IP_RECVFRAGSIZE
    26,  # IP_RECVERR_RFC4884
)
_IPV6 = (
    2,  # IPV6_2292PKTINFO
    3,  # IPV6_2292HOPOPTS
    4,  # IPV6_2292DSTOPTS
    5,  # IPV6_2292RTHDR
    8,  # IPV6_2292HOPLIMIT
    11,  # IPV6_FLOWINFO
    IPV6_RECVERR,
    31,  # IPV6_RECVERR_RFC4884
    53,  # IPV6_RECVHOPOPTS
    56,  # IPV6_RECVRTHDR
    58,  # IPV6_RECVDSTOPTS
    60,  # IPV6_RECVPATHMTU
    74,  # IPV6_RECVORIGDSTADDR
    77,  # IPV6_RECVFRAGSIZE
)
_UDP = (
    1,  # UDP_CORK: nothing would leave
    100,  # UDP_ENCAP: the kernel would keep what it takes for its own
    UDP_SEGMENT,  # what is longer would leave in pieces
    UDP_GRO,
)

_PEEK_OFFSET = socket.SOL_SOCKET, 42, -1


def describe_nothing(skt: socket.socket) -> None:
    """Turn off what a socket of ours does not have on; what this kernel lacks is off.

    An error queue that is turned off is emptied.
    """
    for level, options in (
        (socket.SOL_SOCKET, _SOCKET),
        (socket.IPPROTO_IP, _IPV4),  # of an IPv6 socket that takes IPv4, too
        (socket.IPPROTO_IPV6, _IPV6 if skt.family == socket.AF_INET6 else ()),
        (SOL_UDP, _UDP),
    ):
        for option in options:
            with suppress(OSError):
                skt.setsockopt(level, option, 0)
    with suppress(OSError):
        skt.setsockopt(*_PEEK_OFFSET)
