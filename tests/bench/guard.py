"""What the guard costs: python -m tests.bench.guard [ROUNDS [SECONDS]].

Three servers of ours that differ in the guard alone, and the C loop of recvmmsg and sendmmsg,
as it is and as one that asks for what a guard must know of each datagram. They are loaded in
turn as tests.bench.echo does it. Prints medians, and the median of each round's ratio to the
C loop. A second table has what refusing costs: servers that answer all, or nothing, of what comes
in bursts from 64 senders, 20,000 a second.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path
from statistics import median

from tests.arguments import Arguments, at_least, rounds_and_seconds
from tests.bench.echo import LOADS, Run, run
from tests.bench.process import Server, build, python, serving
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.guard.prefixes import LOOPBACK
from udpecho.guard.ratelimit import MAX_RATE
from udpecho.port.batch import Batch
from udpecho.server.server import EchoServer

MODULE = "tests.bench.guard"
C_LOOP = "C recvmmsg/sendmmsg"


class Unguarded(EchoServer):
    """Echoes whatever comes: the port's own cost."""

    def batchReceived(self, batch: Batch) -> None:
        batch.echo()


def server(kind: str) -> EchoServer:
    """Make the server of a kind."""
    if kind == "unguarded":
        return Unguarded()
    return EchoServer(guard=Guard(POLICIES[kind]))


POLICIES = {
    "exempt": Policy(),
    "limited": Policy(exempt=(), rate=MAX_RATE, burst=MAX_RATE),
    "denied": Policy(deny=LOOPBACK),
    "over the rate": Policy(exempt=(), rate=1, burst=1, slip=0),
}
KINDS = ("unguarded", "exempt", "limited")
ANSWERS_AND_REFUSALS = tuple(POLICIES)
BURSTS = (1, 8, 64)
RATE = 20_000
"""Datagrams a second: a server of ours has time left over, and takes each burst as it comes."""


def serve(kind: str, port: int) -> None:
    """Serve until killed."""
    from twisted.internet import reactor

    from udpecho.port.listen import listen_udp

    listen_udp(reactor, port, server(kind), "127.0.0.1")
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()


def main(rounds: int, seconds: float) -> None:
    """Run the comparisons and print them."""
    compare_with_c(rounds, seconds)
    print()
    compare_refusing(rounds, seconds)


def compare_refusing(rounds: int, seconds: float) -> None:
    """Compare what answering and refusing cost, by how many datagrams come at once."""
    print("| µs CPU a datagram, in bursts of |" + "".join(f" {size} |" for size in BURSTS))
    print("|---|" + "---|" * len(BURSTS))
    with ExitStack() as stack:
        servers = {
            kind: stack.enter_context(serving(python(MODULE, "serve", kind)))
            for kind in ANSWERS_AND_REFUSALS
        }
        senders = [stack.enter_context(bound(f"127.0.{each}.1")) for each in range(64)]
        took: dict[tuple[str, int], list[float]] = defaultdict(list)
        for turn in range(rounds + 1):
            for kind, size in product(servers, BURSTS):
                cpu = burden(servers[kind], senders, size, seconds)
                if turn:  # the first warms up
                    took[kind, size].append(cpu)
    for kind in servers:
        print(f"| {kind} |" + "".join(f" {median(took[kind, size]):.1f} |" for size in BURSTS))


def burden(server: Server, senders: Sequence[socket.socket], size: int, seconds: float) -> float:
    """Send bursts to a server; return the microseconds of its time that a datagram takes."""
    to = ("127.0.0.1", server.port)
    sent, before, began = 0, server.cpu(), time.monotonic()
    while time.monotonic() - began < seconds:
        for number in range(sent, sent + size):
            senders[number % len(senders)].sendto(bytes(64), to)
        sent += size
        for skt in senders:
            with suppress(BlockingIOError):
                while skt.recv(64):
                    pass
        while time.monotonic() - began < sent / RATE:
            pass
    time.sleep(0.05)
    return (server.cpu() - before) / sent * 1e6


def bound(host: str) -> socket.socket:
    """Open a sender that waits for nothing."""
    skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    skt.bind((host, 0))
    skt.setblocking(False)
    return skt


def compare_with_c(rounds: int, seconds: float) -> None:
    """Compare what the guard costs with the C loop."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load, yardstick = build("load.c", directory), build("echo_mmsg.c", directory)
        if load is None or yardstick is None:
            sys.exit("guard: expected a C compiler named cc, found none")
        servers = {
            C_LOOP: stack.enter_context(serving([yardstick])),
            f"{C_LOOP}, described": stack.enter_context(serving([yardstick, "described"])),
        }
        for kind in KINDS:
            servers[kind] = stack.enter_context(serving(python(MODULE, "serve", kind)))
        runs: dict[str, list[Run]] = {name: [] for name in servers}
        for turn in range(rounds + 1):
            for name, process in servers.items():
                result = run(load, process, LOADS[0], seconds)
                if turn:  # the first warms up
                    runs[name].append(result)
    print("| server | µs CPU a datagram | to the C loop |\n|---|---|---|")
    for name, theirs in runs.items():
        ratios = [mine.cpu / c.cpu for mine, c in zip(theirs, runs[C_LOOP], strict=True)]
        cpu = median(each.cpu for each in theirs)
        print(f"| {name} | {cpu:.2f} | {median(ratios):.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        arguments = Arguments(MODULE, __doc__)
        arguments.add_argument("serve")
        arguments.add_argument("kind", choices={*KINDS, *ANSWERS_AND_REFUSALS})
        arguments.add_argument("port", type=at_least(1))
        asked = arguments.parse_args()
        serve(asked.kind, asked.port)
    else:
        main(*rounds_and_seconds(MODULE, __doc__, "cc", "taskset"))
