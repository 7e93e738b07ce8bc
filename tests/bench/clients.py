"""Compare clients side by side: python -m tests.bench.clients [ROUNDS [SECONDS]].

Each keeps 64 requests outstanding at a C echo server on another core (see askers.py). A round
is a process in which all take turns, block by block; what is compared is neighbouring blocks.
CPU time for each request is that of the process, user and system. Prints two tables, in
Markdown, of medians: ratios, and where a request's time goes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.arguments import rounds_and_seconds
from tests.bench.process import LOAD_CORE, build, python, serving

OURS = "MatchingEchoClient"
MANY, FEW = f"{OURS}+100000", f"{OURS}+100"
COMPARED = (
    (OURS, "plain"),
    (OURS, "plain, timeout"),
    (OURS, "plain, our port"),
    (MANY, FEW),
)
"""Pairs, the first to be divided by the second. Plain is a dictionary of Deferreds on Twisted's
port; with a timeout, each has addTimeout(), as a program needs that must not wait for ever."""

TOGETHER = (
    (OURS, "plain", "plain, timeout", "plain, our port", "port alone", "Deferred alone"),
    (MANY, FEW),
)
"""Who shares a process."""

Figures = dict[str, tuple[list[float], list[float]]]
"""For each case, microseconds for a request of each block, and the kernel's share by rounds."""


def ask(cases: tuple[str, ...], port: int, seconds: float, figures: Figures) -> None:
    """Run these cases in one process, and add what they took."""
    arguments = python("tests.bench.askers", str(port), str(seconds), *cases)
    command = ["taskset", "-c", str(LOAD_CORE), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    for case, (took, share) in json.loads(done.stdout).items():
        blocks, shares = figures.setdefault(case, ([], []))
        blocks += took
        shares.append(share)


def ratios(figures: Figures) -> list[str]:
    """Write the table of ratios."""
    lines = ["| client | compared with | which takes for a request | ratio |", "|---|---|---|---|"]
    for first, second in ((OURS, OURS), *COMPARED):
        one, other = figures[first][0], figures[second][0]
        ratio = median(a / b for a, b in zip(one, other, strict=True))
        lines.append(
            f"| {title(first)} | {'itself' if first == second else title(second)}"
            f" | {median(other):.1f} µs CPU | {ratio:.2f} |"
        )
    return lines


def parts(figures: Figures) -> list[str]:
    """Write the table of where the time of a request of ours goes, beside plain's."""
    whole = {case: median(blocks) for case, (blocks, _) in figures.items()}
    kernel = whole["port alone"] * median(figures["port alone"][1])
    port = whole["port alone"] - kernel
    deferred = whole["Deferred alone"]
    rest = whole[OURS] - whole["port alone"] - deferred
    rows = (
        ("the kernel: sending, receiving, epoll", kernel),
        ("our port, in Python", port),
        ("a Deferred, from making it to its callback", deferred),
        ("matching, time-outs, counters, window", rest),
    )
    lines = [
        "| part of a request of MatchingEchoClient | CPU | of plain's whole |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {took:.1f} µs | {took / whole['plain']:.2f} |" for name, took in rows]
    return lines


def title(case: str) -> str:
    """Name a case, and how many requests it has pending besides."""
    name, _, pending = case.partition("+")
    return f"{name}, {int(pending):,} pending" if pending else name


def main(rounds: int, seconds: float) -> None:
    """Run the comparison, some seconds for each case in each round, and print it."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as directory:
        program = build("echo_plain.c", Path(directory))
        if program is None:
            sys.exit("clients: expected a C compiler named cc, found none")
        with serving([program]) as server:
            for _ in range(rounds):
                for cases in TOGETHER:
                    ask(cases, server.port, seconds, figures)
    print("\n".join([*ratios(figures), "", *parts(figures)]))


if __name__ == "__main__":
    main(*rounds_and_seconds("tests.bench.clients", __doc__, "cc", "taskset"))
