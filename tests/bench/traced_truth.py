"""How true udpecho ping --trace is, whose traces go over the sockets that measure.

Run as root: python -m tests.bench.traced_truth [--probes N] [--interval S]. Four equal ways in
namespaces, 16 flows, one member of which drops all, beside a capture of the wire: by how much is
each round trip wrong, has each probe the fate that the wire shows, and is a stamp missing? 20 s.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from tests.arguments import Arguments, at_least
from tests.bench.paths import KINDS, faulty, serving
from tests.bench.ping_truth import OURS, share, udp_number, wrong
from tests.bench.wire import captured, departures, output_of, round_trips
from tests.live.ecmp import TARGET, Ecmp

PORTS = "40000-40015"
PROBES_ONLY = "udp port 7 and ip[8] > 32"
"""A capture without the questions of traces: those have small TTLs."""


@dataclass(frozen=True)
class Truth:
    """What was told and what the wire shows."""

    sent: int
    replied: int
    traced: int
    asked: int
    errors: list[float]
    untrue: int
    """Probes with another fate than the wire shows."""

    unstamped: int
    """Replies whose round trip rests on a stamp of the program's own."""


def measured(fabric: Ecmp, probes: int, interval: float) -> Truth:
    """Ping once."""
    faulty(fabric, KINDS["all"], "d")
    source = fabric.at["source"]
    options = [
        "--json",
        "--trace",
        "--flows=16",
        f"--sport={PORTS}",
        f"-c{probes}",
        f"-i{interval}",
    ]
    command = source.command(*OURS, *options, "-W1", f"{TARGET}:7")
    output, wire = captured(
        lambda: output_of(command, blocked=False),
        PROBES_ONLY,
        source.command("tcpdump", "-i", "to-r1"),
        TARGET,
    )
    lines = [json.loads(line) for line in output.splitlines()]
    [summary] = [line for line in lines if line["type"] == "summary"]
    told = {line["sequence"] - 1: line["rtt_ns"] for line in lines if line["type"] == "reply"}
    number = udp_number(0, "!I")
    left, came = departures(wire, number), round_trips(wire, number)
    came = {key: took for key, took in came.items() if key is not None and key < probes}
    hops = [hop for line in lines if line["type"] == "path" for hop in line["hops"]]
    return Truth(
        sum(key is not None and key < probes for key in left),
        len(came),
        sum(line["type"] == "path" for line in lines),
        sum(hop.get("asked", 0) for hop in hops),
        wrong(told, came),
        len(told.keys() ^ came.keys()),
        sum(count for clock, count in summary["clocks"].items() if clock != "kernel"),
    )


def main() -> None:
    """Measure, and print."""
    parser = Arguments("tests.bench.traced_truth", __doc__)
    parser.add_argument("--probes", type=at_least(16), default=20_000, metavar="N")
    parser.add_argument("--interval", type=at_least(0.0001), default=0.001, metavar="S")
    asked = parser.parse_args()
    parser.want("ip", "nft", "tcpdump", root=True)
    with serving(0) as fabric:
        found = measured(fabric, asked.probes, asked.interval)
    print(
        f"{found.sent} probes on the wire, {found.replied} replies; {found.traced} flows traced by "
        f"{found.asked} questions; error of an RTT: median {share(found.errors, 0.5):.1f}, p99 "
        f"{share(found.errors, 0.99):.1f}, most {max(found.errors):.1f} µs; untrue fates "
        f"{found.untrue}; stamps missing {found.unstamped}"
    )
    sys.exit(bool(found.untrue or found.unstamped))


if __name__ == "__main__":
    main()
