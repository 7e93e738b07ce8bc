"""How long until the first word and the first probe, as shares of what Python alone takes.

    python -m tests.bench.start [ROUNDS]

udpecho --version and bare udpecho are to take at most 3 times what python -c pass takes. The first
probe of udpecho ping HOST is laid beside python -c "from twisted.internet import reactor". All in
turn, the best third's slowest of each.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Sequence

from tests.arguments import Arguments, at_least
from tests.live.program import BIN, environment, python, udpecho

ROUNDS = 15


def main() -> None:
    """Measure, and print a table."""
    arguments = Arguments("tests.bench.start", __doc__)
    arguments.add_argument("rounds", type=at_least(1), nargs="?", default=ROUNDS, metavar="ROUNDS")
    rounds: int = arguments.parse_args().rounds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(20)
        runs = {
            "python -c pass": lambda: to_the_end(python("-c", "pass")),
            "python -c 'import argparse'": lambda: to_the_end(python("-c", "import argparse")),
            "udpecho --version": lambda: to_the_end(installed("--version")),
            "udpecho": lambda: to_the_end(installed()),
            "twisted.internet.reactor": lambda: to_the_end(
                python("-c", "from twisted.internet import reactor")
            ),
            "udpecho ping HOST, first probe": lambda: to_the_first_probe(silent),
        }
        took = measure(runs, rounds)
    for name, seconds in took.items():
        unit = took["python -c pass" if name in list(took)[:4] else "twisted.internet.reactor"]
        print(f"{name:32}{seconds * 1e3:8.1f} ms{seconds / unit:8.2f}")


def measure(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Run all in turn, so many times; give the seconds of each."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            took[name].append(run())
    return {name: sorted(each)[len(each) // 3] for name, each in took.items()}


def installed(*arguments: str) -> list[str]:
    """Write a command line of what pip has made, if that is there: python -m loads more."""
    script = BIN / "udpecho"
    return [str(script), *arguments] if script.exists() else udpecho(*arguments)


def to_the_end(command: Sequence[str]) -> float:
    """Give the seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run(
        command,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - began


def to_the_first_probe(silent: socket.socket) -> float:
    """Give the seconds from a ping's start until its first probe is here."""
    where = "{}:{}".format(*silent.getsockname())
    began = time.perf_counter()
    with subprocess.Popen(
        installed("ping", "-c1", "-W.01", where), env=environment(), stdout=subprocess.DEVNULL
    ):
        silent.recv(65536)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
