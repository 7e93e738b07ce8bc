"""What a node of a mesh costs: python -m tests.bench.watch CASE... [--seconds N].

Run as root. The node is in one network namespace, its peers are in another, joined by veth: they
are a C program that answers from a thousand addresses, 1 to 32 ms away with --far, and one that
probes as our nodes do. Cases: few (32 peers of 16 flows), busy (1,000 of 10, which reflects, too),
scrapes (1,000 of 16), memory (1,000 of 10 with a day behind them; 32), reloads. Prints a table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.arguments import Arguments, at_least
from tests.bench.process import ROOT, build
from tests.bench.wire import background, inside, network, outside
from udpecho.watch.probing import FLOWS_AT_ONCE

PORT = 1060
NODE = "198.18.0.2"
GAP_US = 20
"""Microseconds between the probes of a peer that leave at one time, as the kernel stamps them."""

JOIN_SECONDS = 30.0
"""Until a thousand peers are probed, what was sent first is forgotten, and 32 paths are known."""

SCRAPER = """
import http.client, sys, time
until = time.monotonic() + float(sys.argv[1])
headers = dict(each.split(": ") for each in sys.argv[2:])
while time.monotonic() < until:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", 8060)
    connection.request("GET", "/metrics", headers=headers)
    body = connection.getresponse().read()
    print(len(body), time.monotonic() - began, flush=True)
    connection.close()
    time.sleep(max(0.0, began + 1.0 - time.monotonic()))
"""

ACCEPTS = {
    "plain": [],
    "gzip": ["Accept-Encoding: gzip"],
    "OpenMetrics": ["Accept: application/openmetrics-text"],
}


def config(peers: int, flows: int) -> str:
    """Write the configuration of a node that probes so many peers."""
    hosts = ", ".join(f'"10.66.{n // 250}.{n % 250 + 1}:{PORT}"' for n in range(peers))
    return f"""
[reflect]
listen = ["udp:{PORT}:interface={NODE}"]
rate = 1000000
[probe]
flows = {flows}
[[peers]]
hosts = [{hosts}]
[mesh]
fanout = "all"
[web]
listen = "tcp:8060:interface=127.0.0.1"
"""


@dataclass(frozen=True)
class Bench:
    """Where the programs are, and how long each case is measured."""

    folder: Path
    seconds: float
    join: float
    far: bool

    @contextmanager
    def node(self, peers: int, flows: int, warm: float) -> Iterator[Callable[[str], Any]]:
        """Run a node and its peers; give what asks it."""
        file = self.folder / f"node{peers}.toml"
        file.write_text(config(peers, flows))
        echo = "echo_far" if self.far else "echo_addressed"
        command = inside(sys.executable, "-P", "-m", "tests.bench.node", str(file))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (
            background(outside(str(self.folder / echo), str(PORT))),
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
            ) as process,
        ):
            asked, told = process.stdin, process.stdout
            assert asked is not None
            assert told is not None

            def ask(line: str) -> Any:
                asked.write(f"{line}\n")
                asked.flush()
                return json.loads(told.readline())

            try:
                time.sleep(warm)
                ask("figures")
                ask("figures")
                yield ask
            finally:
                asked.close()
                process.wait(60)

    def asking(self, rate: int, sources: int, seconds: float) -> subprocess.Popen[str]:
        """Have peers probe the node."""
        program = str(self.folder / "ask")
        numbers = (PORT, rate, round(seconds), sources, FLOWS_AT_ONCE, GAP_US)
        return subprocess.Popen(
            outside(program, NODE, *map(str, numbers)), stdout=subprocess.PIPE, text=True
        )

    def measure(self, ask: Callable[[str], Any], reflected: int = 0, sources: int = 1) -> Any:
        """Look for a while at what the node takes, probed so often a second."""
        if not reflected:
            time.sleep(self.seconds)
            return ask("figures")
        with self.asking(reflected, sources, self.seconds + 3):
            time.sleep(1)
            before = ask("figures")["reflected"]
            time.sleep(self.seconds)
            figures = ask("figures")
        return figures | {"reflected": figures["reflected"] - before}


def in_words(figures: Any) -> str:
    """Write what a node took."""
    seconds, sent = figures["seconds"], figures["sent"]
    share = figures["cpu"] / seconds
    late = " and ".join(f"{each:.2g}" for each in figures["late_ms"])
    words = f"{100 * share:.1f} % of a core, {sent / seconds:,.0f} probes a second"
    if figures["reflected"]:
        words += f", {figures['reflected'] / seconds:,.0f} reflected"
    words += f", {figures['cpu'] / max(sent, 1) * 1e6:.1f} µs a probe"
    words += f"; late by {late} ms (median, p99); turns: {figures['turns'] / seconds:,.0f} a second"
    lost = {fate: number for fate, number in figures["fates"].items() if fate != "replied"}
    words += f", the longest {figures['longest_cpu_ms']:.1f} ms of CPU"
    pauses = ", ".join(f"{each:.1f}" for each in figures["gc_ms"])
    words += f" (collections of garbage: {pauses}; {figures['gc']})"
    return f"{words}; {figures['kib'] / 1024:.0f} MiB; {lost}"


def few(bench: Bench) -> Iterator[tuple[str, str]]:
    """Probe 32 peers, and be probed by them."""
    with bench.node(32, 16, bench.join) as ask:
        yield "32 peers of 16 flows, one way", in_words(bench.measure(ask))
        yield "32 peers of 16 flows, both ways", in_words(bench.measure(ask, 512, 32))


def busy(bench: Bench) -> Iterator[tuple[str, str]]:
    """Probe 1,000 peers, and be probed by half of them."""
    with bench.node(1000, 10, bench.join) as ask:
        yield "1,000 peers of 10 flows, one way", in_words(bench.measure(ask))
        yield "and 5,000 a second reflected", in_words(bench.measure(ask, 5000, 500))


def scrapes(bench: Bench) -> Iterator[tuple[str, str]]:
    """Have 1,000 peers of 16 flows told once a second, beside the probes."""
    with bench.node(1000, 16, bench.join) as ask:
        yield "1,000 peers of 16 flows, no scrape", in_words(alone := bench.measure(ask))
        for name, headers in ACCEPTS.items():
            command = inside(sys.executable, "-c", SCRAPER, str(bench.seconds), *headers)
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures = ask("figures")
            rows = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
            rate = figures["sent"] / figures["seconds"]
            own = figures["cpu"] - figures["sent"] * alone["cpu"] / alone["sent"]
            size, took = rows[-1][0], sum(row[1] for row in rows) / len(rows)
            words = f"{1000 * own / len(rows):.0f} ms of CPU each, {size:,.0f} bytes in "
            words += f"{1000 * took:.0f} ms, at {rate:,.0f} probes a second"
            yield f"a {name} scrape each second", f"{words}; {in_words(figures)}"


def memory(bench: Bench) -> Iterator[tuple[str, str]]:
    """Have a day behind it."""
    for peers, flows, warm in ((1000, 10, bench.join), (32, 16, min(bench.join, 8.0))):
        with bench.node(peers, flows, warm) as ask:
            before = ask("figures")["kib"]
            full = ask("day")
            command = inside(sys.executable, "-c", SCRAPER, "2", *ACCEPTS["gzip"])
            subprocess.run(command, check=True, capture_output=True)
            after = ask("figures")["kib"]
            words = f"{before / 1024:.0f} MiB, with a day behind it {full['kib'] / 1024:.0f}"
            words += f", and scraped {after / 1024:.0f}"
            yield f"{peers:,} peers of {flows} flows", words


def reloads(bench: Bench) -> Iterator[tuple[str, str]]:
    """Have 50 of 100 peers come and go, 100 times."""
    few, many = bench.folder / "few.toml", bench.folder / "node100.toml"
    few.write_text(config(50, 4))
    with bench.node(100, 4, min(bench.join, 8.0)) as ask:
        took = 0.0
        for number in range(100):
            took += ask(f"reload {many if number % 2 else few}")["took"]
            time.sleep(bench.seconds / 100)
        time.sleep(4)
        ask("figures")
        figures = bench.measure(ask)
        yield (
            "100 reloads, 50 peers of 100 come and go",
            (f"{10 * took:.1f} ms of CPU each; then {in_words(figures)}"),
        )


CASES = {each.__name__: each for each in (few, busy, scrapes, memory, reloads)}


def main() -> None:
    """Measure what is asked for."""
    arguments = Arguments("tests.bench.watch", __doc__)
    arguments.add_argument("cases", nargs="+", choices=CASES, metavar="CASE")
    arguments.add_argument("--seconds", type=at_least(1.0), default=20.0)
    arguments.add_argument(
        "--join", type=at_least(1.0), default=JOIN_SECONDS, help="seconds before it is measured"
    )
    arguments.add_argument("--far", action="store_true", help="have peers be 1 to 32 ms away")
    asked = arguments.parse_args()
    arguments.want("ip", "cc", root=True)
    with tempfile.TemporaryDirectory() as folder, network():
        for source in ("echo_addressed.c", "echo_far.c", "ask.c"):
            build(source, Path(folder))
        bench = Bench(Path(folder), asked.seconds, asked.join, asked.far)
        print("| | |\n|---|---|")
        for case in asked.cases:
            for name, words in CASES[case](bench):
                print(f"| {name} | {words} |", flush=True)


if __name__ == "__main__":
    main()
