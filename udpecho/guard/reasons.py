"""Why a datagram is not answered, and which ports and addresses are reason enough.

Data alone.
"""

from __future__ import annotations

import enum
from ipaddress import ip_network

from udpecho.guard.prefixes import Prefixes


class Reason(enum.Enum):
    """Why a datagram was not answered; the value is its name in log lines and counters."""

    __hash__ = object.__hash__  # an enum's own is Python, and a flood's reasons are all counted

    PORT_ZERO = "source port 0"
    OWN_PORT = "from an echo port of our own"
    SERVICE_PORT = "from a service's port"
    UNSPECIFIED_SOURCE = "unspecified source address"
    BROADCAST_SOURCE = "broadcast source address"
    MULTICAST_SOURCE = "multicast source address"
    MAPPED_SOURCE = "IPv4-mapped source address"
    BROADCAST = "sent to a broadcast address"
    MULTICAST = "sent to a multicast address"
    TTL_SPENT = "no hops left for a reply"
    NOT_WHOLE = "not received whole"
    DENIED = "not allowed"
    DISCARDED = "discarded"
    OVER_RATE = "over the rate"


RESERVED_PORTS = range(1, 1024)
"""No client sends from these, but services do, and a reply would reach one as a request: one
forged packet joins two of them for ever (echo to chargen: CVE-1999-0103; "Loop DoS" between
servers of today: CVE-2024-2169, whose finders advise to serve only ephemeral source ports).
FreeBSD's inetd refuses, in check_loop(), source ports of its own built-in services."""


REFLECTOR_PORTS = frozenset(
    {
        1434,  # MS SQL's browser
        1900,  # SSDP
        3702,  # WS-Discovery
        5353,  # multicast DNS
        5683,  # CoAP
        11211,  # memcached
        27015,  # Steam's servers
    }
)
"""Services above 1023 that answer strangers and are used to amplify floods (CISA's alert
TA14-017A lists most of the protocols). None lies where Linux takes ephemeral ports (32768 up)."""


BAD_SOURCES: Prefixes[Reason] = Prefixes(
    {
        # A datagram from an invalid source address must be discarded (RFC 1122, sections
        # 3.2.1.3 and 4.1.3.6; RFC 4291, sections 2.5.2 and 2.7). 0.0.0.0/8 is "this network":
        # no reply may be sent there (RFC 6890, table 1), though Linux has done so since 5.3.
        ip_network("0.0.0.0/8"): Reason.UNSPECIFIED_SOURCE,
        ip_network("224.0.0.0/4"): Reason.MULTICAST_SOURCE,
        ip_network("255.255.255.255/32"): Reason.BROADCAST_SOURCE,
        ip_network("::/128"): Reason.UNSPECIFIED_SOURCE,
        ip_network("ff00::/8"): Reason.MULTICAST_SOURCE,
        # On the wire only forgers use it: a dual-stack socket would send the reply over IPv4,
        # to loopback too (draft-itojun-v6ops-v4mapped-harmful).
        ip_network("::ffff:0:0/96"): Reason.MAPPED_SOURCE,
    }
)


BAD_DESTINATIONS: Prefixes[Reason] = Prefixes(
    {
        # One request would be answered by every host that hears it ("fraggle").
        ip_network("224.0.0.0/4"): Reason.MULTICAST,
        ip_network("255.255.255.255/32"): Reason.BROADCAST,
        ip_network("ff00::/8"): Reason.MULTICAST,
    }
)
