"""Compare this tree with another, say that of before a change: python -m tests.bench.trees OTHER.

OTHER is the directory of another checkout. Its programs and ours run at once or in turn, pair
by pair, so that what else the machine does meets both alike; OTHER also runs beside itself,
which tells what such a comparison is worth on this machine. Each figure is the median of the
pairs' ratios: ours to OTHER, and OTHER to itself. Needs a C compiler; runs as anyone.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.arguments import Arguments, at_least
from tests.bench.echo import LOADS, Load, run
from tests.bench.process import LOAD_CORE, ROOT, SERVER_CORE, Server, build, free_port, serving

TREES = ("ours", "other", "other again")
HOSTS = 10_000
HOSTS_SECONDS = 4
BURST, TRAINS, LONE = LOADS


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure in each tree: microseconds, by the tree's name."""

    name: str
    measure: Callable[[str], float]


def command(tree: Path, module: str, *arguments: str) -> list[str | Path]:
    """Give the command that runs a module of a tree."""
    return ["env", f"PYTHONPATH={tree}", sys.executable, "-P", "-m", module, *arguments]


def loaded(program: Path, servers: dict[str, Server], load: Load) -> Callable[[str], float]:
    """Make a measurement of a server: CPU a datagram, or the round trip of a lone one."""

    def measure(tree: str) -> float:
        result = run(program, servers[tree], load, 1)
        return result.round_trip if load is LONE else result.cpu

    return measure


def asked(trees: dict[str, Path], port: int) -> Callable[[str], float]:
    """Make a measurement of MatchingEchoClient: CPU a request."""

    def measure(tree: str) -> float:
        asker = command(trees[tree], "tests.bench.askers", str(port), "1", "MatchingEchoClient")
        pinned = ["taskset", "-c", str(LOAD_CORE), *asker]
        done = subprocess.run(pinned, check=True, capture_output=True, text=True)
        [(took, _)] = json.loads(done.stdout).values()
        return float(median(took))

    return measure


def pinged(trees: dict[str, Path], targets: str) -> Callable[[str], float]:
    """Make a measurement of the ping: CPU a probe, its start included, of many hosts."""

    def measure(tree: str) -> float:
        options = ("-q", "-i1", f"-w{HOSTS_SECONDS}", "--targets", targets)
        pinned = ["taskset", "-c", str(LOAD_CORE), *command(trees[tree], "udpecho", "ping")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*pinned, *options], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return float(used) / (HOSTS * HOSTS_SECONDS) * 1e6

    return measure


def cases(trees: dict[str, Path], stack: ExitStack) -> list[Case]:
    """Start what is to be measured."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    programs = {name: build(f"{name}.c", directory) for name in ("load", "echo_addressed")}
    load, addressed = programs.values()
    if load is None or addressed is None:
        sys.exit("trees: expected a C compiler named cc, found none")

    def servers(module: str, *arguments: str) -> dict[str, Server]:
        return {
            name: stack.enter_context(serving(command(tree, module, *arguments)))
            for name, tree in trees.items()
        }

    echo = servers("tests.bench.servers", "udpecho")
    each = servers("tests.bench.servers", "udpecho, datagramReceived")
    limited = servers("tests.bench.guard", "serve", "limited")
    port = c_server(stack, addressed)
    targets = directory / "targets"
    targets.write_text("".join(f"127.66.{n // 250}.{n % 250 + 1}:{port}\n" for n in range(HOSTS)))
    return [
        Case(f"echo, {BURST.title}: CPU a datagram", loaded(load, echo, BURST)),
        Case(f"echo, {TRAINS.title}: CPU a datagram", loaded(load, echo, TRAINS)),
        Case(f"echo, {LONE.title}: round trip", loaded(load, echo, LONE)),
        Case(f"datagramReceived, {BURST.title}: CPU a datagram", loaded(load, each, BURST)),
        Case(f"datagramReceived, {LONE.title}: round trip", loaded(load, each, LONE)),
        Case(f"limited guard, {BURST.title}: CPU a datagram", loaded(load, limited, BURST)),
        Case("MatchingEchoClient: CPU a request", asked(trees, port)),
        Case(f"ping of {HOSTS:,} hosts: CPU a probe", pinged(trees, str(targets))),
    ]


def c_server(stack: ExitStack, program: Path) -> int:
    """Start a C echo server that answers from the address that was asked; give its port."""
    port = free_port()
    process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), program, str(port)])
    stack.callback(process.wait)
    stack.callback(process.kill)
    return port


def main() -> None:
    """Run the comparison and print it."""
    parser = Arguments("tests.bench.trees", __doc__)
    parser.add_argument("other", type=Path, metavar="OTHER")
    parser.add_argument("--pairs", type=at_least(1), default=10, metavar="N")
    arguments = parser.parse_args()
    parser.want("cc", "taskset")
    other = arguments.other.resolve()
    if not (other / "udpecho").is_dir():
        parser.error(f"expected a tree of udpecho, got {arguments.other}")
    trees = dict(zip(TREES, (ROOT, other, other), strict=True))
    print(f"{arguments.pairs} pairs\n\n| | ours | other | ours to other | other to itself |")
    print("|---|---|---|---|---|", flush=True)
    with ExitStack() as stack:
        for case in cases(trees, stack):
            for name in TREES:
                case.measure(name)  # the first warms up
            took: dict[str, list[float]] = {name: [] for name in TREES}
            for turn in range(arguments.pairs):
                for name in TREES if turn % 2 else reversed(TREES):
                    took[name].append(case.measure(name))
            ours, theirs, again = took.values()
            to_other = median(a / b for a, b in zip(ours, theirs, strict=True))
            to_itself = median(a / b for a, b in zip(again, theirs, strict=True))
            figures = f"{median(ours):.2f} µs | {median(theirs):.2f} µs"
            print(f"| {case.name} | {figures} | {to_other:.3f} | {to_itself:.3f} |", flush=True)


if __name__ == "__main__":
    main()
