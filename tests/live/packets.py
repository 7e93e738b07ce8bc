"""UDP packets written out in full, as no socket would send them: any source, any checksum."""

from __future__ import annotations

import socket
import struct

from udpecho.guard.prefixes import pack_host

Peer = tuple[str, int]

_UDP = socket.IPPROTO_UDP


def checksum(data: bytes) -> int:
    """Sum up 16-bit words as RFC 1071 has it."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_packet(
    data: bytes, source: Peer, to: Peer, *, ttl: int = 64, tos: int = 0, length: int | None = None
) -> bytes:
    """Write an IPv4 or IPv6 packet with a UDP datagram; length is what its header claims."""
    here, there = pack_host(source[0]), pack_host(to[0])
    size = 8 + len(data)
    udp = struct.pack("!HHHH", source[1], to[1], size if length is None else length, 0) + data
    udp = udp[:6] + _udp_checksum(here, there, udp) + data
    if len(there) == 16:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, size, _UDP, ttl) + here + there + udp
    return _ipv4_header(here, there, size, _UDP, ttl, tos) + udp


def _ipv4_header(here: bytes, there: bytes, size: int, kind: int, ttl: int, tos: int) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + size, 0, 0, ttl, kind, 0) + here + there
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:]


def too_big(packet: bytes, source: str, mtu: int) -> bytes:
    """Write the message of a router to a packet's sender: it takes no more than mtu bytes.

    That is ICMP's type 3, code 4 (RFC 1191), and ICMPv6's type 2 (RFC 8201).
    """
    kind = (2, 0) if ":" in source else (3, 4)
    return _icmp(packet, source, kind, mtu)


def port_unreachable(packet: bytes, source: str) -> bytes:
    """Write the message of a host to a packet's sender: nobody listens there.

    That is ICMP's type 3, code 3 (RFC 792), and ICMPv6's type 1, code 4 (RFC 4443).
    """
    return _icmp(packet, source, (1, 4) if ":" in source else (3, 3), 0)


def time_exceeded(
    packet: bytes, source: str, extension: bytes = b"", *, says_where: bool = True
) -> bytes:
    """Write the message of a router to a packet's sender: its TTL ended there.

    That is ICMP's type 11 (RFC 792), and ICMPv6's type 3 (RFC 4443), with an extension upon a
    quotation filled up to 128 bytes, of which it says how long it is (RFC 4884), or does not.
    """
    ipv6 = ":" in source
    if not extension:
        return _icmp(packet, source, (3, 0) if ipv6 else (11, 0), 0)
    quoted = packet[:128].ljust(128, b"\0")
    where = 128 // 8 << 24 if ipv6 else 128 // 4 << 16
    return _icmp(
        quoted + extension, source, (3, 0) if ipv6 else (11, 0), where if says_where else 0
    )


def _icmp(packet: bytes, source: str, kind: tuple[int, int], mtu: int) -> bytes:
    router = pack_host(source)
    if len(router) == 4:
        body = struct.pack("!BBHI", *kind, 0, mtu) + packet[:548]
        body = body[:2] + checksum(body).to_bytes(2, "big") + body[4:]
        return _ipv4_header(router, packet[12:16], len(body), socket.IPPROTO_ICMP, 64, 0) + body
    body = struct.pack("!BBHI", *kind, 0, mtu) + packet[:1200]
    pseudo = router + packet[8:24] + struct.pack("!IHBB", len(body), 0, 0, socket.IPPROTO_ICMPV6)
    body = body[:2] + checksum(pseudo + body).to_bytes(2, "big") + body[4:]
    head = struct.pack("!IHBB", 6 << 28, len(body), socket.IPPROTO_ICMPV6, 64)
    return head + router + packet[8:24] + body


def is_udp(packet: bytes) -> bool:
    """Tell whether a packet is a whole UDP datagram over IPv4 or IPv6."""
    return len(packet) >= 28 and packet[9 if packet[0] >> 4 == 4 else 6] == _UDP


def udp_data(packet: bytes) -> bytes:
    """Take the data out of a packet."""
    return packet[_header(packet) + 8 :]


def flip_bit(packet: bytes, bit: int) -> bytes:
    """Flip a bit of the data, and make the checksum agree with what is then there."""
    changed = bytearray(packet)
    start = _header(packet)
    changed[start + 8 + bit // 8] ^= 1 << bit % 8
    here, there = (packet[12:16], packet[16:20]) if start == 20 else (packet[8:24], packet[24:40])
    changed[start + 6 : start + 8] = bytes(2)
    changed[start + 6 : start + 8] = _udp_checksum(here, there, bytes(changed[start:]))
    return bytes(changed)


def _header(packet: bytes) -> int:
    return (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40


def _udp_checksum(here: bytes, there: bytes, udp: bytes) -> bytes:
    """Sum up a datagram whose own checksum is 0 (RFC 768; RFC 8200, section 8.1)."""
    pseudo = here + there + struct.pack("!IHBB", len(udp), 0, 0, _UDP)
    return (checksum(pseudo + udp) or 0xFFFF).to_bytes(2, "big")
