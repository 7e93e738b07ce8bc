"""A soak of everything mixed: python -m tests.bench.soak [--minutes=10] [--seed=1]; needs root.

Between two namespaces, to a service with sockets of its own and to one that inherited its socket:
requests of ordinary clients, trains, storms of ICMP that claims their replies were refused, and
packets with any source, port, TTL, class, length and claim of a length, in no order and at any
rate. Beside them four processes serve one socket after a fork. Prints the servers' figures. Each
time that they are read their counters must add up. Fails if there is a traceback, if memory grows
by more than 2 MiB after the first quarter, if descriptors come and go, if fewer than half of an
ordinary client's requests are answered in time, or if a reply after a fork is not right.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import linear_regression

from tests.arguments import Arguments, at_least
from tests.live.forked import TOGETHER, Server
from tests.live.netns import Forger, Namespace, pair, why_not
from tests.live.packets import Peer, port_unreachable, udp_packet
from tests.live.program import Program, activated, python
from tests.live.witness import Client, Figures, MeasuredServer, client, serving

PORT, INHERITED = 9007, 9008
SAMPLE_SECONDS = 2.0
PORTS = (0, 7, 19, 53, 123, 1900, 11211, PORT)
IPV4 = ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "198.18.0.255")
IPV6 = ("::1", "::", "ff02::1", "fd00:db8::1", "::ffff:127.0.0.1", "fe80::1")
UDP_SEGMENT = 103  # linux/udp.h
TRAIN = 40
"""Datagrams of a train."""

MOST_GROWTH = 2048
"""KiB by which a service may grow after the first quarter: 50 bytes a datagram of a short soak.
0.3 MiB were seen in 24 s, while its caches fill, and as much in ten minutes."""

LEAST_ANSWERED = 0.5
"""The part of an ordinary client's requests that is answered in time; 0.91 was seen on a machine
with seven other things to do."""


@dataclass
class Soaked:
    """A service, where it is asked, and what it said of itself, and when."""

    name: str
    service: MeasuredServer
    addresses: list[Peer]
    samples: list[tuple[float, Figures]] = field(default_factory=list)


@dataclass
class Soak:
    """What is sent, and by whom."""

    forger: Forger
    ordinary: list[Client]
    trains: dict[bool, socket.socket]
    """The sockets that send trains, by "is it IPv6"."""

    forked: Server
    random: Random
    replies: Counter[str] = field(default_factory=Counter)
    """What the processes that share a socket answered."""

    def turn(self, soaked: list[Soaked]) -> None:
        """Send something of each kind, or not."""
        random = self.random
        to = random.choice(random.choice(soaked).addresses)
        packets = [random_packet(random, to) for _ in range(random.randrange(1, 200))]
        self.forger.send_packets(packets * random.choice((1, 1, 1, 20)))
        if random.random() < 0.2:
            self.forger.send_packets([refusal(random, to)] * random.randrange(1, 2000))
        if random.random() < 0.2:
            trains = self.trains[":" in to[0]]
            size = random.randrange(1, 1200)
            trains.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
            trains.sendto(random.randbytes(size * TRAIN - random.randrange(size)), to)
        random.choice(self.ordinary).ask()
        if random.random() < 0.05:
            self.replies += self.forked.ask(TOGETHER)


def random_packet(random: Random, to: Peer) -> bytes:
    """Write any packet to a server: often from a stranger, sometimes from one that can't be."""
    if random.random() < 0.5:
        amiss = random.choice(IPV4 if "." in to[0] else IPV6)
    elif "." in to[0]:
        amiss = f"{random.randrange(11, 100)}.{random.randrange(256)}.{random.randrange(256)}.9"
    else:
        amiss = f"2001:db8:{random.randrange(65536):x}:{random.randrange(65536):x}::9"
    port = random.choice(PORTS) if random.random() < 0.3 else random.randrange(65536)
    data = random.randbytes(random.choice((0, 1, 16, random.randrange(1400))))
    claim = random.randrange(65536) if random.random() < 0.1 else None
    ttl, tos = random.randrange(1, 256), random.randrange(256)
    return udp_packet(data, (amiss, port), to, ttl=ttl, tos=tos, length=claim)


def refusal(random: Random, server: Peer) -> bytes:
    """Claim that a reply of the server's was refused."""
    asker = "198.18.9.9" if "." in server[0] else "2001:db8::9"
    reply = udp_packet(random.randbytes(random.randrange(100)), server, (asker, 40000))
    return port_unreachable(reply, asker)


@contextmanager
def inheriting(at: Namespace, directory: Path) -> Iterator[MeasuredServer]:
    """Run a service that got its socket from its parent."""
    with at.socket(socket.AF_INET) as held:
        held.bind((at.ipv4, INHERITED))
        measured = python("-m", "tests.live.measured_server", "--listen=systemd:index=0")
        command = at.command(*activated(measured, "echo", [held]))
        with Program(command, directory, pass_fds=[held.fileno()]) as program:
            yield MeasuredServer(program)


@contextmanager
def forking(directory: Path) -> Iterator[Server]:
    """Run four processes that have one socket, on loopback."""
    with ExitStack() as stack:

        def start(command: list[str], **options: int) -> Program:
            return stack.enter_context(Program(command, directory, stdin=options["stdin"]))

        server = Server(start, "select", "ours", 4)
        stack.callback(server.end)
        yield server


def soak(
    doing: Soak,
    soaked: list[Soaked],
    seconds: float,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Send for this many seconds, and ask for the figures meanwhile."""
    began = due = now()
    while now() - began < seconds:
        doing.turn(soaked)
        time.sleep(doing.random.random() * 0.02)
        if now() >= due:
            for each in soaked:
                each.samples.append((now() - began, each.service.figures()))
            due += SAMPLE_SECONDS


def report(soaked: Soaked) -> str:
    """Write what was seen of a service as a few lines."""
    samples = soaked.samples
    steady = samples[len(samples) // 4 :]
    slope = linear_regression([at / 60 for at, _ in steady], [f.resident_kib for _, f in steady])
    last = samples[-1][1]
    size = len(samples)
    quarters = [samples[-(-size * n // 4) - 1][1].resident_kib for n in (1, 2, 3, 4)]
    descriptors = {figures.descriptors for _, figures in samples[:-1]}  # the last is of its end
    return "\n".join(
        (
            f"{soaked.name}: {samples[-1][0]:.0f} s, {last.received} datagrams, "
            f"{last.echoed} echoed; {size} times counted, each time exactly",
            f"  unanswered: {last.unanswered}",
            f"  send errors: {last.send_errors}",
            f"  memory in KiB at the end of each quarter: {quarters}, "
            f"slope after the first {slope.slope:+.1f} a minute",
            f"  descriptors: {sorted(descriptors)}",
            f"  worst gap of the 10 ms timer: {max(f.worst_gap_ms for _, f in samples):.1f} ms",
            f"  log: {len(soaked.service.log_lines(''))} lines, "
            f"{len(soaked.service.log_lines('Traceback'))} tracebacks",
        )
    )


def amiss(replies: Counter[str]) -> Iterator[str]:
    """Name what the processes that share a socket did but answer right."""
    for outcome, times in replies.items():
        if times and outcome != "right":
            yield f"after a fork: {times} {outcome}"


def faults(soaked: list[Soaked]) -> Iterator[str]:
    """Name what must not be: a traceback, memory that grows, descriptors that come and go."""
    for each in soaked:
        if each.service.log_lines("Traceback|Unhandled"):
            yield f"{each.name}: a traceback"
        served = [figures for _, figures in each.samples[:-1]]  # the last is of its end
        grown = served[-1].resident_kib - served[len(served) // 4].resident_kib
        if grown > MOST_GROWTH:
            yield f"{each.name}: {grown} KiB more after the first quarter"
        if len({figures.descriptors for figures in served}) > 1:
            yield f"{each.name}: its descriptors are not constant"
        if not served[-1].echoed:
            yield f"{each.name}: it answered nothing"


def unserved(ordinary: list[Client]) -> Iterator[str]:
    """Name the clients that hardly got an answer."""
    for each in ordinary:
        if each.answered < LEAST_ANSWERED * each.asked:
            yield f"an ordinary client: {each.answered} of {each.asked} answered in time"


def main() -> None:
    """Soak the servers for as long as was asked, and print the figures."""
    parser = Arguments("tests.bench.soak", __doc__)
    parser.add_argument("--minutes", type=at_least(0.01), default=10.0)
    parser.add_argument("--seed", type=at_least(0), default=1)
    asked = parser.parse_args()
    if why_not():
        parser.error(f"{why_not()}")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, other = stack.enter_context(pair())
        addresses = [(server.ipv4, PORT), (server.ipv6, PORT)]
        service = stack.enter_context(serving(server, directory, f"--listen=udp:{PORT}"))
        inherited = stack.enter_context(inheriting(server, directory))
        soaked = [
            Soaked("sockets of its own", service, addresses),
            Soaked("an inherited socket", inherited, [(server.ipv4, INHERITED)]),
        ]
        asking = [*addresses, (server.ipv4, INHERITED)]
        ordinary = [stack.enter_context(client(other, to)) for to in asking]
        families = {False: socket.AF_INET, True: socket.AF_INET6}
        trains = {ipv6: stack.enter_context(other.socket(f)) for ipv6, f in families.items()}
        forger = stack.enter_context(Forger(other, server))
        forked = stack.enter_context(forking(directory))
        doing = Soak(forger, ordinary, trains, forked, Random(asked.seed))
        soak(doing, soaked, 60 * asked.minutes)
        for each in soaked:
            each.samples.append((60 * asked.minutes, each.service.stop()))
            print(report(each))
        served = ", ".join(f"{each.answered} of {each.asked}" for each in ordinary)
        print(f"ordinary clients, answered in time: {served} (IPv4, IPv6, inherited)")
        print(f"four processes after a fork: {dict(doing.replies)}")
        if wrong := [*faults(soaked), *unserved(ordinary), *amiss(doing.replies)]:
            raise SystemExit(f"soak: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
