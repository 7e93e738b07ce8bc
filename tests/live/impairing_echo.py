"""An echo server behind a TUN device that loses, doubles, delays, damages, and counts it.

Run as root, in a network namespace of its own: python -m tests.live.impairing_echo SEED. It
answers UDP to 198.18.1.0/24 and, on SIGTERM, prints its counts as JSON.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
from collections import Counter
from heapq import heappop, heappush

NAME = "impair0"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

LOSS, DOUBLE, DAMAGE, DELAY = 0.05, 0.05, 0.05, 0.05
QUIET = 0.1  # seconds: then no more requests come
BEHIND = 5
"""A delayed reply waits until this many later requests have had theirs, or until no more come: a
delay in seconds would be one by chance, on a machine that has other work."""


def checksum(data: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def answer(packet: bytes, data: bytes) -> bytes:
    """Make the IPv4 packet that answers a UDP packet with some data."""
    source, destination = packet[12:16], packet[16:20]
    ports = packet[22:24] + packet[20:22]
    length = struct.pack("!H", 8 + len(data))
    pseudo = destination + source + b"\0\x11" + length
    udp_sum = checksum(pseudo + ports + length + b"\0\0" + data) or 0xFFFF
    udp = ports + length + struct.pack("!H", udp_sum) + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    head_sum = checksum(head + destination + source)
    return head[:10] + struct.pack("!H", head_sum) + destination + source + udp


class Impairment:
    """What is done to each reply, by chance, and how often it was."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def replies(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return of each reply behind how many later requests it comes, and its data."""
        self.counts["seen"] += 1
        kind = self._random.random()
        for name, share in (("lost", LOSS), ("doubled", DOUBLE), ("damaged", DAMAGE)):
            if kind < share:
                self.counts[name] += 1
                if name == "lost":
                    return []
                if name == "doubled":
                    return [(0, data)] * 2
                place = self._random.randrange(len(data))
                damaged = data[place] ^ (1 << self._random.randrange(8))
                return [(0, data[:place] + bytes([damaged]) + data[place + 1 :])]
            kind -= share
        if kind < DELAY:
            self.counts["delayed"] += 1
            return [(BEHIND, data)]
        return [(0, data)]


def main() -> None:
    """Serve until SIGTERM."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", NAME.encode(), _IFF_TUN | _IFF_NO_PI))
    for command in (
        f"ip address add 198.18.1.1/24 dev {NAME}",
        f"ip link set {NAME} up txqueuelen 10000",
    ):
        subprocess.run(command.split(), check=True)
    impairment = Impairment(int(sys.argv[1]))
    waiting: list[tuple[int, int, bytes]] = []
    going = True

    def stop(*_: object) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    requests = replies = 0
    while going:
        more = select.select([tun], [], [], QUIET)[0]
        if more:
            packet = os.read(tun, 65535)
            if packet[0] >> 4 == 4 and packet[9] == 17:
                requests += 1
                for behind, data in impairment.replies(packet[28:]):
                    replies += 1
                    heappush(waiting, (requests + behind, replies, answer(packet, data)))
        while waiting and (waiting[0][0] <= requests or not more):
            os.write(tun, heappop(waiting)[2])
    print(json.dumps(impairment.counts), flush=True)


if __name__ == "__main__":
    main()
