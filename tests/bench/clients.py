"""Compare clients side by side: python -m tests.bench.clients [ROUNDS [SECONDS]].

Each keeps 64 requests outstanding at a C echo server on another core (see askers.py). They run
in turns, round after round. CPU time for each request is that of the client's process, user and
system. Prints one table, in Markdown, of the medians, with the ratio to what each is compared
with: that of each round, and then the median.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.process import LOAD_CORE, build, python, serving

ROW = "| {} | {} | {:.1f} µs CPU | {:,.0f}/s | {:.2f} |"


@dataclass(frozen=True, slots=True)
class Case:
    """A client, and how many requests it has pending besides that nobody answers."""

    name: str
    pending: int = 0

    @property
    def title(self) -> str:
        """Name both."""
        return f"{self.name}, {self.pending:,} pending" if self.pending else self.name


OURS = Case("MatchingEchoClient")
COMPARED = (
    (OURS, Case("plain")),
    (OURS, Case("plain, timeout")),
    (OURS, Case("plain, our port")),
    (Case(OURS.name, 100_000), Case(OURS.name, 100)),
)
"""Pairs, the first to be divided by the second. Plain is a dictionary of Deferreds on Twisted's
port; with a timeout, each has addTimeout(), as a program needs that must not wait for ever."""


def ask(case: Case, port: int, seconds: float) -> tuple[float, float]:
    """Run a client once; return microseconds for each request, and requests a second."""
    arguments = (case.name, str(port), str(seconds), str(case.pending))
    command = ["taskset", "-c", str(LOAD_CORE), *python("tests.bench.askers", *arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    replies, cpu = done.stdout.split()
    return float(cpu), float(replies) / seconds


def table(figures: dict[Case, list[tuple[float, float]]]) -> list[str]:
    """Write the lines of the table."""

    def middle(case: Case, which: Callable[[tuple[float, float]], float]) -> float:
        return median(map(which, figures[case]))

    lines = []
    for first, second in COMPARED:
        rounds = zip(figures[first], figures[second], strict=True)
        ratio = median(one[0] / other[0] for one, other in rounds)
        names = [
            f"{c.name}, {c.pending:,} pending" if c.pending else c.name for c in (first, second)
        ]
        cpu, rate = middle(second, lambda f: f[0]), middle(second, lambda f: f[1])
        lines.append(ROW.format(names[0], names[1], cpu, rate, ratio))
    cpu, rate = middle(OURS, lambda f: f[0]), middle(OURS, lambda f: f[1])
    return [ROW.format(OURS.name, "itself", cpu, rate, 1), *lines]


def main(rounds: int = 7, seconds: float = 1.0) -> None:
    """Run the comparison and print it."""
    cases = dict.fromkeys(case for pair in COMPARED for case in pair)
    figures: dict[Case, list[tuple[float, float]]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as directory:
        program = build("echo_plain.c", Path(directory))
        if program is None:
            sys.exit("clients: expected a C compiler named cc, found none")
        with serving([program]) as server:
            for _ in range(rounds):
                for case in cases:
                    figures[case].append(ask(case, server.port, seconds))
    print("| client | compared with | which takes for a request | rate | ratio |")
    print("|---|---|---|---|---|")
    print("\n".join(table(figures)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(float, sys.argv[2:3]))
