"""A soak of everything mixed: python -m tests.bench.soak [--minutes=10] [--seed=1]; needs root.

Between two namespaces: requests of ordinary clients, and packets with any source, port, TTL,
class, length and claim of a length, in no order and at any rate. Prints the server's figures:
tracebacks, the slope of its memory after the first quarter, and its descriptors.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import linear_regression

from tests.arguments import Arguments, at_least
from tests.live.netns import Forger, pair, why_not
from tests.live.packets import Peer, udp_packet
from tests.live.witness import Client, Figures, MeasuredServer, client, serving

PORT = 9007
SAMPLE_SECONDS = 2.0
PORTS = (0, 7, 19, 53, 123, 1900, 11211, PORT)
IPV4 = ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "198.18.0.255")
IPV6 = ("::1", "::", "ff02::1", "fd00:db8::1", "::ffff:127.0.0.1", "fe80::1")


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


def soak(
    service: MeasuredServer,
    forger: Forger,
    ordinary: list[Client],
    servers: list[Peer],
    seconds: float,
    random: Random,
    now: Callable[[], float] = time.monotonic,
) -> list[tuple[float, Figures]]:
    """Send for this many seconds; return the server's figures and when it gave them."""
    samples: list[tuple[float, Figures]] = []
    began = due = now()
    while now() - began < seconds:
        to = random.choice(servers)
        packets = [random_packet(random, to) for _ in range(random.randrange(1, 200))]
        forger.send_packets(packets * random.choice((1, 1, 1, 20)))
        random.choice(ordinary).ask()
        time.sleep(random.random() * 0.02)
        if now() >= due:
            samples.append((now() - began, service.figures()))
            due += SAMPLE_SECONDS
    return samples


def report(samples: list[tuple[float, Figures]], ordinary: list[Client]) -> str:
    """Write what was seen as a few lines."""
    steady = samples[len(samples) // 4 :]
    slope = linear_regression([at / 60 for at, _ in steady], [f.resident_kib for _, f in steady])
    last = samples[-1][1]
    size = len(samples)
    quarters = [samples[-(-size * n // 4) - 1][1].resident_kib for n in (1, 2, 3, 4)]
    descriptors = {figures.descriptors for _, figures in samples}
    served = ", ".join(f"{each.answered} of {each.asked}" for each in ordinary)
    return "\n".join(
        (
            f"{samples[-1][0]:.0f} s, {last.received} datagrams, {last.echoed} echoed",
            f"unanswered: {last.unanswered}",
            f"send errors: {last.send_errors}",
            f"memory in KiB at the end of each quarter: {quarters}, "
            f"slope after the first {slope.slope:+.1f} a minute",
            f"descriptors: {sorted(descriptors)}",
            f"ordinary clients, answered in 100 ms: {served} (IPv4, IPv6)",
            f"worst gap of the 10 ms timer: {max(f.worst_gap_ms for _, f in samples):.1f} ms",
        )
    )


def main() -> None:
    """Soak a server for as long as was asked, and print the figures."""
    parser = Arguments("tests.bench.soak", __doc__)
    parser.add_argument("--minutes", type=at_least(0.01), default=10.0)
    parser.add_argument("--seed", type=at_least(0), default=1)
    asked = parser.parse_args()
    if why_not():
        parser.error(f"{why_not()}")
    with tempfile.TemporaryDirectory() as directory, pair() as (server, other):
        servers = [(server.ipv4, PORT), (server.ipv6, PORT)]
        with (
            serving(server, Path(directory), f"--listen=udp:{PORT}") as service,
            client(other, servers[0]) as ipv4,
            client(other, servers[1]) as ipv6,
            Forger(other, server) as forger,
        ):
            both = [ipv4, ipv6]
            random = Random(asked.seed)
            samples = soak(service, forger, both, servers, 60 * asked.minutes, random)
            service.stop()
            tracebacks = len(service.log_lines("Traceback"))
            print(report(samples, both))
            print(f"log: {len(service.log_lines(''))} lines, {tracebacks} tracebacks")


if __name__ == "__main__":
    main()
