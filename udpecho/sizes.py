"""How many bytes of data a datagram can have."""

MAX_IPV4_DATA = 65507
"""65535 bytes of IPv4 packet, less 20 of its header and 8 of UDP's (RFC 791, RFC 768)."""

MAX_IPV6_DATA = 65527
"""65535 bytes of IPv6 payload, which the IPv6 header is no part of, less 8 (RFC 8200)."""
