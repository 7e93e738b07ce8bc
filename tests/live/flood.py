"""A flood from forged sources, at a steady rate, by a process of its own.

python -m tests.live.flood ORDER, an ORDER in JSON, prints "ready", and at its end how many
datagrams it sent and in how many seconds.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.live.netns import Namespace, link_address
from tests.live.packets import Peer, port_unreachable, udp_packet
from tests.live.program import Program, python

_SLICE = 0.002  # seconds: what is due in one is sent at once


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent: this many datagrams of a size, at a rate.

    They claim to come from source, or from this many prefixes that begin with its own: of 24 bits
    over IPv4, of 56 over IPv6. Or they are messages of source that it got no datagram from to.
    """

    source: Peer
    to: Peer
    size: int
    rate: int
    number: int
    prefixes: int = 1
    icmp: bool = False


class Flood:
    """A flood that is under way."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def wait(self) -> tuple[int, float]:
        """Wait for its end; return how many datagrams it sent, and in how many seconds."""
        assert self._program.wait() == 0, self._program.errors
        sent, seconds = json.loads(self._program.output.splitlines()[-1])
        return int(sent), float(seconds)

    def over(self) -> bool:
        """Tell whether it has ended."""
        return self._program.process.poll() is not None


@contextmanager
def flooding(at: Namespace, to: Namespace, directory: Path, order: Order) -> Iterator[Flood]:
    """Flood a namespace from another, until the order is done or the context is left."""
    link = {"interface": at.interface, "hardware": to.do(lambda: link_address(to.interface))}
    command = python("-m", "tests.live.flood", json.dumps(asdict(order) | link))
    with Program(at.command(*command), directory) as program:
        program.wait_for("^ready$")
        yield Flood(program)


def packets(order: Order) -> Iterator[bytes]:
    """Write the packets, for ever."""
    packet = udp_packet(bytes(order.size), order.source, order.to)
    if order.icmp:
        reply = udp_packet(bytes(order.size), order.to, order.source)
        return itertools.repeat(port_unreachable(reply, order.source[0]))
    if order.prefixes == 1:
        return itertools.repeat(packet)
    return (_from_many_ipv6 if packet[0] >> 4 == 6 else _from_many_ipv4)(packet, order.prefixes)


def _from_many_ipv6(packet: bytes, prefixes: int) -> Iterator[bytes]:
    """Change a source's first 64 bits, and its last 16 so that UDP's sum stays (RFC 6296)."""
    changing = bytearray(packet)
    first, last = struct.unpack("!Q6xH", packet[8:24])
    while True:
        for prefix in range(first, first + (prefixes << 8), 1 << 8):
            struct.pack_into("!Q6xH", changing, 8, prefix, (first + last - prefix) % 0xFFFF)
            yield bytes(changing)


def _from_many_ipv4(packet: bytes, prefixes: int) -> Iterator[bytes]:
    """Change the source and the header's sum; none has a UDP checksum."""
    changing = bytearray(packet)
    changing[26:28] = bytes(2)
    words = struct.unpack("!10H", packet[:20])
    rest = sum(words) - words[5] - words[6] - words[7]  # all but the checksum and the source
    (first,) = struct.unpack("!I", packet[12:16])
    while True:
        for source in range(first, first + (prefixes << 8), 1 << 8):
            total = rest + (source >> 16) + (source & 0xFFFF)
            total = (total & 0xFFFF) + (total >> 16)
            total = (total & 0xFFFF) + (total >> 16)
            struct.pack_into("!HI", changing, 10, ~total & 0xFFFF, source)
            yield bytes(changing)


def send(order: Order, interface: str, hardware: str) -> tuple[int, float]:
    """Send them; return how many, and in how many seconds."""
    kind, target = (
        0x0800 if "." in order.to[0] else 0x86DD,
        bytes.fromhex(hardware.replace(":", "")),
    )
    stream = packets(order)
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as skt:
        print("ready", flush=True)
        began = time.monotonic()
        while sent < order.number:
            due = min(int((time.monotonic() - began) * order.rate), order.number) - sent
            for _ in range(due):
                skt.sendto(next(stream), (interface, kind, 0, 0, target))
            sent += due
            time.sleep(_SLICE)
    return sent, time.monotonic() - began


def main(text: str) -> None:
    """Flood as an order in JSON has it."""
    given = json.loads(text)
    link = {name: given.pop(name) for name in ("interface", "hardware")}
    source, to = tuple(given.pop("source")), tuple(given.pop("to"))
    print(json.dumps(send(Order(source=source, to=to, **given), **link)))


if __name__ == "__main__":
    main(sys.argv[1])
