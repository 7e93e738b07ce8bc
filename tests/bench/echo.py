"""Compare echo servers side by side: python -m tests.bench.echo [ROUNDS [SECONDS]].

All servers run at once, on one core; each in its turn is loaded from another, round after
round, so that what else the machine does meets them alike. CPU time for each datagram is that
of the server's process, user and system. Prints one table, in Markdown, of the medians, with
the ratio to ours: that of each round, and then the median.
"""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.arguments import rounds_and_seconds
from tests.bench.process import LOAD_CORE, Server, build, python, serving

OURS = "udpecho"


@dataclass(frozen=True, slots=True)
class Load:
    """A way to load a server; see yardsticks/load.c."""

    title: str
    outstanding: int
    segments: int = 1
    peers: frozenset[str] | None = None
    """Who is loaded so besides us; everyone, if None."""


LOADS = (
    Load("64 bytes, 256 outstanding", 256),
    Load("trains of 64, 512 outstanding", 512, 64, frozenset({"C recvfrom/sendto", "Twisted"})),
    Load("64 bytes, 1 outstanding", 1),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of loading a server once."""

    cpu: float
    """Microseconds for each datagram."""

    rate: float
    """Datagrams a second."""

    lost: int
    round_trip: float
    """Microseconds, the median; 0 with more than one outstanding."""


def commands(directory: Path) -> dict[str, list[str | Path]]:
    """List the servers that can run here."""
    here: dict[str, list[str | Path]] = {OURS: python("tests.bench.servers", OURS)}
    for name, source in (
        ("C recvmmsg/sendmmsg", "echo_mmsg.c"),
        ("C recvfrom/sendto", "echo_plain.c"),
        ("Rust std", "echo_std.rs"),
    ):
        program = build(source, directory)
        if program is not None:
            here[name] = [program]
            if source == "echo_mmsg.c":
                here[f"{name}, described"] = [program, "described"]
    for name in ("Twisted", "udpecho, datagramReceived", "asyncio"):
        here[name] = python("tests.bench.servers", name)
    if importlib.util.find_spec("uvloop"):
        here["uvloop"] = python("tests.bench.servers", "uvloop")
    return here


def run(program: Path, server: Server, load: Load, seconds: float) -> Run:
    """Load a server once."""
    numbers = (server.port, seconds, load.outstanding, 64, load.segments)
    before = server.cpu()
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), program, *map(str, numbers)],
        check=True,
        capture_output=True,
        text=True,
    )
    cpu = server.cpu() - before
    echoed, took, lost, round_trip = map(float, done.stdout.split())
    return Run(cpu / max(echoed, 1) * 1e6, echoed / took, int(lost), round_trip)


def table(load: Load, runs: dict[str, list[Run]], memory: dict[str, int]) -> list[str]:
    """Write the lines of one load's part of the table."""
    lines = []
    timed = load.outstanding == 1
    for name, theirs in runs.items():
        pairs = list(zip(runs[OURS], theirs, strict=True))
        if timed:
            ratio = median(ours.round_trip / other.round_trip for ours, other in pairs)
            figure = f"{median(run.round_trip for run in theirs):.1f} µs round trip"
        else:
            ratio = median(ours.cpu / other.cpu for ours, other in pairs)
            figure = f"{median(run.cpu for run in theirs):.2f} µs CPU"
        rate = f"{median(run.rate for run in theirs):,.0f}/s"
        lost = sum(run.lost for run in theirs)
        cells = (load.title, name, figure, rate, str(lost), f"{ratio:.2f}", f"{memory[name]:,}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main(rounds: int, seconds: float) -> None:
    """Run the comparison and print it."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = build("load.c", directory)
        if program is None:
            sys.exit("echo: expected a C compiler named cc, found none")
        servers = {
            name: stack.enter_context(serving(command))
            for name, command in commands(directory).items()
        }
        lines = []
        for load in LOADS:
            chosen = [n for n in servers if load.peers is None or n == OURS or n in load.peers]
            runs: dict[str, list[Run]] = {name: [] for name in chosen}
            for turn in range(rounds + 1):
                for name in chosen:
                    result = run(program, servers[name], load, seconds)
                    if turn:  # the first warms up
                        runs[name].append(result)
            memory = {name: servers[name].resident() for name in chosen}
            lines += table(load, runs, memory)
    kernel, python_version = platform.release(), platform.python_version()
    print(f"Linux {kernel}, Python {python_version}; {rounds} rounds of {seconds:g} s\n")
    print("| load | server | median | rate | lost | ours to it | resident KiB |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main(*rounds_and_seconds("tests.bench.echo", __doc__, "cc", "taskset"))
