"""Is it the right segment that is named, and when? Long forms of tests/live/test_path.py.

Run as root: python -m tests.bench.paths all|part|even [--runs N] [--parallel N] [--limit MS]
[--seconds N] [--back]. Four equal ways in namespaces, 16 flows at 10 probes a second each, and a
member that drops all, or 5 % beside 1 % of even loss, or none beside 1 %; icmp_ratelimit as --limit
says. With --back it drops what comes back, and the server tells (--tell-paths): "right" then has
the direction, too. A run has source ports and a member of its own. docs/path.md has the figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from tests.arguments import Arguments, at_least
from tests.bench.wire import ROOT
from tests.live.ecmp import MEMBERS, TARGET, Ecmp, ecmp

SERVER = f"""
import sys
from twisted.internet import reactor
from udpecho import EchoServer, listen_udp
listen_udp(reactor, 7, EchoServer(tell_paths=len(sys.argv) > 1), "{TARGET}")
print("ready", flush=True)
reactor.run()
"""

PYTHON = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P"]
R1, R3 = [1, "10.9.0.2"], [1, "10.9.9.1"]
"""The routers next to the sender, and next to the target."""

INTERVAL = 0.1
EVEN = "numgen random mod 100 == 0 drop"
RECOVERY = 6.0
"""Seconds between runs where routers answer once a second: until they answer six at once again."""


@dataclass(frozen=True)
class Kind:
    """What a member does, how long a run lasts at most, and how long it goes on once named."""

    member: str | None
    even: bool
    seconds: float
    patience: float | None


KINDS = {
    "all": Kind("drop", False, 30, 4),
    "part": Kind("numgen random mod 100 < 5 drop", True, 120, 5),
    "even": Kind(None, True, 3600, None),
}


@contextmanager
def serving(limit: int, *, tells: bool = False) -> Iterator[Ecmp]:
    """Have our server behind four equal ways."""
    with ecmp(icmp_ratelimit=limit) as fabric:
        command = fabric.at["target"].command(*PYTHON, "-c", SERVER, *(["tell"] if tells else []))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            server.stdout.readline()
            try:
                yield fabric
            finally:
                server.terminate()


def faulty(fabric: Ecmp, kind: Kind, member: str, *, back: bool = False) -> None:
    """Have a member lose, and note the source ports that it forwards; all others lose no more."""
    there = f"ip daddr {TARGET} udp dport 7"
    wanted, port = (f"ip saddr {TARGET} udp sport 7", "dport") if back else (there, "sport")
    for each in MEMBERS:
        rules = "flush ruleset\n"
        if each == member:
            rules += (
                "table inet t { set ports { type inet_service; size 65535; flags dynamic; }\n"
                "chain forward { type filter hook forward priority 0;\n"
                f"{wanted} update @ports {{ udp {port} }}\n"
                + (f"{wanted} {kind.member}\n" if kind.member else "")
                + "}; }"
            )
        fabric.at[each].run("nft", rules)
    even = (
        f"table inet t {{ chain input {{ type filter hook input priority 0; {there} {EVEN}; }}; }}"
    )
    fabric.at["target"].run("nft", "flush ruleset\n" + (even if kind.even else ""))


def forwarded(fabric: Ecmp, member: str) -> list[int]:
    """Read which source ports a member saw."""
    listed = json.loads(fabric.at[member].run("nft", "-j", "list", "set", "inet", "t", "ports"))
    [found] = [each["set"] for each in listed["nftables"] if "set" in each]
    return sorted(each["elem"]["val"] if isinstance(each, dict) else each
                  for each in found.get("elem", []))  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run: who met the fault, and what was said when."""

    member: str
    met: list[int]
    said: dict[str, Any]
    back: bool = False

    @property
    def near(self) -> list[Any]:
        """The router before the members, as it answers."""
        return R3 if self.back else R1

    @property
    def address(self) -> list[Any]:
        """The member, as it answers."""
        number = MEMBERS.index(self.member) + 1
        return [2, f"10.9.{number + 4}.1" if self.back else f"10.9.{number}.2"]

    def named(self) -> float | None:
        """Tell how long after the first loss the right segment was named that stood to the end."""
        last = self.said["told"][-1] if self.said["told"] else {"state": "nothing"}
        if last["state"] != "named" or last["losing"] != self.met:
            return None
        if self.back and last["direction"] != "back":
            return None
        return float(last["after"]) if all(map(self.holds, last["segments"])) else None

    def behind(self) -> bool:
        """Tell whether it was also said behind whom they die."""
        [segment] = self.said["told"][-1]["segments"]
        return bool(segment[:3] == [self.near, None, self.address])

    def wrong(self) -> list[Any]:
        """List what was named, at any time, and has not the fault in it."""
        return [
            told
            for told in self.said["told"]
            if told["state"] in ("named", "candidates")
            and not any(map(self.holds, told["segments"]))
        ]

    def holds(self, segment: list[Any]) -> bool:
        """Tell whether the member lies in a segment."""
        after, before, *within = segment
        second = [each for each in (after, *within) if each is not None and each[0] == 2]
        return (
            after in (None, self.near, self.address)
            and (before is None or before[0] == 3)
            and all(each == self.address for each in second)
        )


def run(fabric: Ecmp, kind: Kind, number: int, seconds: float, *, back: bool = False) -> Run:
    """Do one."""
    member = MEMBERS[number % len(MEMBERS)]
    faulty(fabric, kind, member, back=back)
    first = 20_000 + 16 * number
    watch = ["-m", "tests.bench.watched", TARGET, "7", str(first), str(seconds), str(INTERVAL)]
    patience = [] if kind.patience is None else [str(kind.patience)]
    plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    command = fabric.at["source"].command(*plain, *PYTHON, *watch, *patience)
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if ended.returncode or ended.stderr:
        raise RuntimeError(ended.stderr)
    return Run(member, forwarded(fabric, member), json.loads(ended.stdout), back)


def runs(
    kind: Kind, count: int, parallel: int, limit: int, seconds: float, *, back: bool = False
) -> Iterator[Run]:
    """Do so many, some at a time."""
    fabrics: SimpleQueue[Ecmp] = SimpleQueue()

    def one(number: int) -> Run:
        fabric = fabrics.get()
        try:
            return run(fabric, kind, number, seconds, back=back)
        finally:
            time.sleep(RECOVERY if limit and count > 1 else 0)
            fabrics.put(fabric)

    with ThreadPoolExecutor(parallel) as threads:
        made = [serving(limit, tells=back) for _ in range(parallel)]
        try:
            for each in made:
                fabrics.put(each.__enter__())
            yield from threads.map(one, range(count))
        finally:
            for each in made:
                each.__exit__(None, None, None)


def main() -> None:
    """Measure, and print."""
    parser = Arguments("tests.bench.paths", __doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--runs", type=at_least(1), default=1, metavar="N")
    parser.add_argument("--parallel", type=at_least(1), default=1, metavar="N")
    parser.add_argument("--limit", type=at_least(0), default=0, metavar="MS")
    parser.add_argument("--seconds", type=at_least(1.0), default=None, metavar="N")
    parser.add_argument("--back", action="store_true")
    asked = parser.parse_args()
    parser.want("ip", "nft", "setpriv", root=True)
    kind = KINDS[asked.kind]
    counts: Counter[str] = Counter()
    times = []
    seconds = asked.seconds or kind.seconds
    parallel = min(asked.runs, asked.parallel)
    for each in runs(kind, asked.runs, parallel, asked.limit, seconds, back=asked.back):
        counts["runs"] += 1
        counts["met by a flow"] += bool(each.met) and len(each.met) < 16
        took = each.named() if kind.member else None
        counts["right"] += took is not None
        counts["with behind"] += took is not None and each.behind()
        counts["wrong"] += bool(each.wrong()) if kind.member else bool(each.said["told"] and any(
            told["segments"] for told in each.said["told"]))  # fmt: skip
        times += [took] if took is not None else []
        if took is None or each.wrong():
            print(each.member, each.met, json.dumps(each.said), file=sys.stderr, flush=True)
    print(
        asked.kind,
        *(["back"] if asked.back else []),
        f"icmp_ratelimit={asked.limit}",
        *(f"{n} {what}," for what, n in counts.items()),
    )
    times.sort()
    if times:
        middle, high = times[len(times) // 2], times[-1 - len(times) // 100]
        most = f"median {middle:.1f}, p99 {high:.1f}, most {times[-1]:.1f}"
        print(f"seconds after the first loss: {most}")


if __name__ == "__main__":
    main()
