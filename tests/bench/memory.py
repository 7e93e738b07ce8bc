"""What the network in memory costs: python -m tests.bench.memory [DATAGRAMS [HOSTS]].

A protocol sends so many datagrams of 64 bytes, a hundred each millisecond, over a link to one
that counts them: on Twisted's port and with each option of a link, and on ours. Then each of
so many hosts asks an echo server, and is answered. Each case runs in a process of its own, by
CPU time; 'MiB' is its largest memory. Nothing leaves the process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from tests.arguments import Arguments, at_least
from udpecho import EchoServer, listen_udp
from udpecho.testing import Bursts, MemoryHost, MemoryNetwork

MODULE = "tests.bench.memory"
DATA = bytes(64)
AT_ONCE = 100
SERVER = ("192.0.2.1", 7)

LINKS: dict[str, dict[str, Any]] = {
    "a delay": {},
    "jitter": {"jitter": 0.01},
    "loss": {"loss": 0.1},
    "bursts": {"bursts": Bursts(0.02, 0.25)},
    "an MTU": {"mtu": 1500},
    "hops": {"hops": 3},
    "a rate": {"rate": 92 * AT_ONCE * 1000},
    "all of these": {
        "jitter": 0.01,
        "loss": 0.1,
        "bursts": Bursts(0.02, 0.25),
        "mtu": 1500,
        "hops": 3,
        "rate": 92 * AT_ONCE * 1000,
    },
}


class Counting(DatagramProtocol):
    """Counts what it is given."""

    def __init__(self) -> None:
        self.heard = 0

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.heard += 1


Listen = Callable[[MemoryHost, int, DatagramProtocol], Any]
PORTS: dict[str, Listen] = {
    "Twisted's port": MemoryHost.listenUDP,
    "our port": listen_udp,
}


def send(number: int, listen: Listen, **options: Any) -> int:
    """Send so many over a link, and return how many were heard."""
    net = MemoryNetwork(seed=1)
    server, client = net.host("192.0.2.1"), net.host("192.0.2.2")
    net.link(client, server, delay=0.01, **options)
    heard = Counting()
    listen(server, 7, heard)
    write = listen(client, 0, DatagramProtocol()).write
    for _ in range(number // AT_ONCE):
        for _ in range(AT_ONCE):
            write(DATA, SERVER)
        net.advance(0.001)
    net.advance(1)
    return heard.heard


def ask(number: int) -> int:
    """Have so many hosts ask a server over a link each, and return how many were answered."""
    net = MemoryNetwork(seed=1)
    server = net.host("192.0.2.1")
    listen_udp(server, 7, EchoServer(), receive_buffer=10**9)
    asked: list[Counting] = []
    for index in range(number):
        host = net.host(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}")
        net.link(host, server, delay=0.01)
        asking = Counting()
        host.listenUDP(0, asking).write(DATA, SERVER)
        asked.append(asking)
    net.advance(1)
    return sum(each.heard for each in asked)


def measure(case: str, number: int) -> None:
    """Run a case here, and print its row."""
    begun = time.process_time()
    port, _, link = case.partition(", ")
    heard = send(number, PORTS[port], **LINKS[link]) if port in PORTS else ask(number)
    cpu = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {case} | {heard:,} | {cpu / number * 1e6:.1f} µs | {cpu:.1f} s | {memory:,.0f} |")


def main() -> None:
    """Run each case in a process of its own."""
    arguments = Arguments(MODULE, __doc__)
    arguments.add_argument(
        "datagrams", type=at_least(AT_ONCE), nargs="?", default=1_000_000, metavar="DATAGRAMS"
    )
    arguments.add_argument("hosts", type=at_least(1), nargs="?", default=10_000, metavar="HOSTS")
    arguments.add_argument("--case", help="run this case alone, and here")
    asked = arguments.parse_args()
    if asked.case is not None:
        measure(asked.case, asked.datagrams)
        return
    print(
        f"| {asked.datagrams:,} datagrams over | heard | each | CPU | MiB |\n|---|---|---|---|---|"
    )
    cases = [f"Twisted's port, {link}" for link in LINKS]
    cases += [f"our port, {link}" for link in ("a delay", "jitter", "all of these")]
    numbers = dict.fromkeys(cases, asked.datagrams) | {"hosts that ask": asked.hosts}
    for case, number in numbers.items():
        sys.stdout.flush()
        command = [sys.executable, "-m", MODULE, str(max(number, AT_ONCE)), "--case", case]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
