"""How long udpecho report takes over a record, and how much memory: python -m tests.bench.report.

Writes a record as ping --json does, into a pipe, so that no disk is measured and none needed:
10,000,000 probes unless another number is said; what follows are options of report. There is no
summary in it, so that report has to sum up by itself.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from udpecho.ping.plan import Plan, Target
from udpecho.show.record import Start, start_line

PROBES = 10_000_000
PERIOD_NS = 100_000
REPLIED = '"rtt_ns":%d,"clock":"kernel","size_bytes":56,"ttl":63,"from_address":"%s","from_port":%d'
LOST = (
    '"rtt_ns":null,"clock":null,"size_bytes":null,"ttl":null,"from_address":null,"from_port":null'
)
REPORT = [sys.executable, "-m", "udpecho", "report"]

MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
"""A small process between us and what is measured: a child's memory is as much as its parent's was
when it was made, at least (getrusage(2))."""


@dataclass(frozen=True)
class Took:
    """What a report took, and what it said."""

    seconds: float
    rss_mib: float
    status: int
    text: str


def record(probes: int, hosts: int = 1) -> Iterator[str]:
    """Write a record of so many probes, 1 % of them lost, up to where its ping was killed."""
    targets = tuple(Target(f"host{n}", (f"10.0.{n >> 8}.{n & 255}", 1060)) for n in range(hosts))
    plan = Plan(targets=targets, interval_ns=hosts * PERIOD_NS)
    yield start_line(Start(plan, 1_800_000_000 * 10**9))
    rng = random.Random(1)
    for number in range(probes):
        turn, host = divmod(number, hosts)
        sent_ns, rtt_ns = number * PERIOD_NS, 200_000 + rng.getrandbits(18)
        name, (address, port) = targets[host].name, targets[host].peer
        if number % 100 == 50:
            kind, came = "lost", LOST
        else:
            kind, came = "reply", REPLIED % (rtt_ns, address, port)
        yield (
            f'{{"type":"{kind}","at_ns":{sent_ns + rtt_ns},"target":"{name}",'
            f'"address":"{address}","port":{port},"source_port":40000,"sequence":{turn + 1},'
            f'"flow_sequence":{turn + 1},"sent_ns":{sent_ns},{came},"reason":null,'
            '"icmp_type":null,"icmp_code":null,"mtu_bytes":null}\n'
        )


def report(probes: int, *arguments: str, hosts: int = 1) -> Took:
    """Have a record reported as it is written; memory is the child's greatest."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-c", MEASURED, *REPORT, *arguments, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin as pipe:
        pipe.writelines(record(probes, hosts))
    text = child.stdout.read()
    assert child.stderr is not None
    *_, rss_kib = child.stderr.read().split()
    status = child.wait()
    return Took(time.monotonic() - began, int(rss_kib) / 1024, status, text)


def main() -> None:
    """Measure, and say what."""
    probes = int(sys.argv[1]) if len(sys.argv) > 1 else PROBES
    took = report(probes, *sys.argv[2:])
    print(took.text)
    each_us = took.seconds / probes * 1e6
    print(
        f"{probes:,} probes: {took.seconds:.0f} s ({each_us:.1f} µs each), {took.rss_mib:.0f} MiB"
    )


if __name__ == "__main__":
    main()
