"""What the guard costs: python -m tests.bench.guard [ROUNDS [SECONDS]].

Three servers of ours that differ in the guard alone, and the C loop of recvmmsg and sendmmsg,
as it is and as one that asks for what a guard must know of each datagram. They are loaded in
turn as tests.bench.echo does it. Prints medians, and the median of each round's ratio to the
C loop.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.arguments import Arguments, at_least, rounds_and_seconds
from tests.bench.echo import LOADS, Run, run
from tests.bench.process import build, python, serving
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.guard.ratelimit import MAX_RATE
from udpecho.port.batch import Batch
from udpecho.server.server import EchoServer

MODULE = "tests.bench.guard"
C_LOOP = "C recvmmsg/sendmmsg"


class Unguarded(EchoServer):
    """Echoes whatever comes: the port's own cost."""

    def batchReceived(self, batch: Batch) -> None:
        batch.echo()


def server(kind: str) -> EchoServer:
    """Make the server of a kind."""
    if kind == "unguarded":
        return Unguarded()
    limited = Policy(exempt=(), rate=MAX_RATE, burst=MAX_RATE)
    return EchoServer(guard=Guard(limited if kind == "limited" else Policy()))


KINDS = ("unguarded", "exempt", "limited")


def serve(kind: str, port: int) -> None:
    """Serve until killed."""
    from twisted.internet import reactor

    from udpecho.port.listen import listen_udp

    listen_udp(reactor, port, server(kind), "127.0.0.1")
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()


def main(rounds: int, seconds: float) -> None:
    """Run the comparison and print it."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load, yardstick = build("load.c", directory), build("echo_mmsg.c", directory)
        if load is None or yardstick is None:
            sys.exit("guard: expected a C compiler named cc, found none")
        servers = {
            C_LOOP: stack.enter_context(serving([yardstick])),
            f"{C_LOOP}, described": stack.enter_context(serving([yardstick, "described"])),
        }
        for kind in KINDS:
            servers[kind] = stack.enter_context(serving(python(MODULE, "serve", kind)))
        runs: dict[str, list[Run]] = {name: [] for name in servers}
        for turn in range(rounds + 1):
            for name, process in servers.items():
                result = run(load, process, LOADS[0], seconds)
                if turn:  # the first warms up
                    runs[name].append(result)
    print("| server | µs CPU a datagram | to the C loop |\n|---|---|---|")
    for name, theirs in runs.items():
        ratios = [mine.cpu / c.cpu for mine, c in zip(theirs, runs[C_LOOP], strict=True)]
        cpu = median(each.cpu for each in theirs)
        print(f"| {name} | {cpu:.2f} | {median(ratios):.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        arguments = Arguments(MODULE, __doc__)
        arguments.add_argument("serve")
        arguments.add_argument("kind", choices=KINDS)
        arguments.add_argument("port", type=at_least(1))
        asked = arguments.parse_args()
        serve(asked.kind, asked.port)
    else:
        main(*rounds_and_seconds(MODULE, __doc__, "cc", "taskset"))
