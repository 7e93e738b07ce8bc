"""How true and how fast is udpecho ping? Against a capture of the wire, and its peers' beside.

Run as root: python -m tests.bench.ping_truth [--rounds N] [--hosts-minutes N] [--no-wire]. It
makes two network namespaces joined by veth with an echo server in one, and in the other runs
udpecho ping, irtt and iputils' ping in turn while tcpdump captures; then 10,000 hosts. It prints
one table in Markdown. Of several rounds a figure is the median; beside it the least and the most.
"""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.arguments import Arguments, at_least
from tests.bench.wire import (
    ROOT,
    SERVER,
    Lossy,
    Packet,
    background,
    captured,
    departures,
    execute,
    inside,
    network,
    output_of,
    outside,
    round_trips,
)

PORT, IRTT_PORT = 1060, 2112

OURS = [sys.executable, "-P", "-m", "udpecho", "ping"]
PROBES, INTERVAL = 5000, 0.001
MANY = 10_000
COLUMNS = ("udpecho", "irtt", "iputils' ping")
NOTHING = "not measured"
WARM_UP = 15.0
"""Seconds until 10,000 hosts have replied and the probes of their first seconds are forgotten."""

C_SECONDS = 10
"""How long the C program probes them."""


@dataclass(frozen=True)
class Measured:
    """One run: by how much each round trip told was wrong, and each probe late, in µs."""

    errors: list[float]
    late: list[float]


@dataclass(frozen=True)
class Tool:
    """A prober: how it is run, what of the wire is its, and how both are read."""

    name: str
    command: list[str]
    what: str
    read: Callable[[str, list[Packet]], Measured]


def udp_number(at: int, code: str) -> Callable[[bytes], int | None]:
    """Make a reader of the number at a place of a UDP datagram's data."""
    number = struct.Struct(code)

    def read(data: bytes) -> int | None:
        return number.unpack_from(data, 8 + at)[0] if len(data) >= 8 + at + number.size else None

    return read


def wrong(told: dict[int, float], wire: dict[int, int]) -> list[float]:
    """Tell by how much what was told differs from the wire, in µs."""
    return [abs(rtt_ns - wire[key]) / 1000 for key, rtt_ns in told.items() if key in wire]


def late(left: dict[int, int], began_ns: int | None = None) -> list[float]:
    """Tell how long after its time each probe left, in µs.

    A tool that does not tell when its schedule began is taken to have been in time when it was
    nearest to it: in its favour.
    """
    early = {n: when - round(n * INTERVAL * 1e9) for n, when in left.items()}
    start = min(early.values()) if began_ns is None else began_ns
    return [(when - start) / 1000 for when in early.values()]


def read_udpecho(output: str, wire: list[Packet]) -> Measured:
    """Read our own: the number is the first of a probe, and the start tells the schedule."""
    lines = [json.loads(line) for line in output.splitlines()]
    told = {line["sequence"] - 1: line["rtt_ns"] for line in lines if line["type"] == "reply"}
    number = udp_number(0, "!I")
    return Measured(
        wrong(told, round_trips(wire, number)),
        late(departures(wire, number), lines[0]["unix_ns"]),
    )


def read_irtt(output: str, wire: list[Packet]) -> Measured:
    """Read irtt's: the number is at byte 12; its handshake has other flags and no number."""
    trips = json.loads(output[output.index("{") :])["round_trips"]
    told = {t["seqno"]: t["delay"]["rtt"] for t in trips if "rtt" in t.get("delay", {})}
    trips_only = [p for p in wire if len(p.data) >= 24 and p.data[11] in (0, 2)]
    number = udp_number(12, "<I")
    return Measured(
        wrong(told, round_trips(trips_only, number)), late(departures(trips_only, number))
    )


def read_iputils(output: str, wire: list[Packet]) -> Measured:
    """Read iputils' ping: the number is in ICMP's header, from 1."""
    lines = re.findall(r"icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms", output)
    told = {int(number): float(ms) * 1e6 for number, ms in lines}
    number = struct.Struct("!H")

    def key(data: bytes) -> int:
        return int(number.unpack_from(data, 6)[0])

    return Measured(wrong(told, round_trips(wire, key)), late(departures(wire, key)))


def read_pace(output: str, wire: list[Packet]) -> Measured:
    """Read the C yardstick's, which measures no round trip."""
    return Measured([], late(departures(wire, udp_number(0, "!I")), int(output)))


def tools(folder: str) -> list[Tool]:
    """Return the tools that are installed, ours first."""
    interval, count = str(INTERVAL), str(PROBES)
    ours = ["--json", "-c", count, "-i", interval, f"{SERVER}:{PORT}"]
    found = [Tool("udpecho", inside(*OURS, *ours), f"udp port {PORT}", read_udpecho)]
    if shutil.which("irtt"):
        irtt = ["-i", f"{interval}s", "-d", f"{PROBES * INTERVAL:g}s", "-l", "64", "-Q", "-o", "-"]
        command = inside("irtt", "client", *irtt, f"{SERVER}:{IRTT_PORT}")
        found.append(Tool("irtt", command, f"udp port {IRTT_PORT}", read_irtt))
    if shutil.which("ping"):
        command = inside("ping", "-n", "-i", interval, "-c", count, SERVER)
        found.append(Tool("iputils' ping", command, "icmp", read_iputils))
    pace = inside(f"{folder}/pace", SERVER, str(PORT), count, str(round(INTERVAL * 1e9)))
    found.append(Tool("C", pace, f"udp port {PORT}", read_pace))
    return found


def share(values: list[float], of: float) -> float:
    """Return a percentile by nearest rank."""
    return sorted(values)[max(0, -(-int(of * len(values)) // 1) - 1)]


def measure(tool: Tool, blocked: bool) -> Measured | None:
    """Run a tool once; None if the capture was of no use, or the tool failed, which is said."""
    try:
        run = lambda: output_of(tool.command, blocked=blocked)  # noqa: E731
        return tool.read(*captured(run, tool.what))
    except (Lossy, RuntimeError, ValueError, KeyError) as error:
        print(f"{tool.name}: {error!r}", file=sys.stderr, flush=True)
        return None


@dataclass
class Cell:
    """A figure of every round: the median and the 99th percentile of each."""

    rounds: list[tuple[float, float]] = field(default_factory=list)

    def add(self, values: list[float]) -> None:
        """Take a round's values."""
        if values:
            self.rounds.append((share(values, 0.5), share(values, 0.99)))

    def __str__(self) -> str:
        if not self.rounds:
            return NOTHING
        middles, high = zip(*self.rounds, strict=True)
        spread = f", {number(min(high))} to {number(max(high))}" if len(high) > 1 else ""
        return f"{number(median(high))}{spread} (median {number(median(middles))})"


def number(value: float) -> str:
    """Write microseconds with as many digits as mean something."""
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def wire_rows(folder: str, rounds: int) -> list[list[str]]:
    """Compare the tools with the wire, in turn, round by round; return rows of the table."""
    found = tools(folder)
    truth, blocked_truth, schedule = ({t.name: Cell() for t in found} for _ in range(3))
    server = outside("irtt", "server", "-b", f"{SERVER}:{IRTT_PORT}", "-i", "0")
    with background(server) if shutil.which("irtt") else nullcontext():
        for turn in range(rounds):
            for tool in found:
                if (measured := measure(tool, blocked=False)) is not None:
                    truth[tool.name].add(measured.errors)
                    schedule[tool.name].add(measured.late)
                if tool.read is read_pace:
                    continue
                if (measured := measure(tool, blocked=True)) is not None:
                    blocked_truth[tool.name].add(measured.errors)
                print(f"round {turn + 1}: {tool.name}", file=sys.stderr, flush=True)
    rows: list[tuple[str, str, dict[str, Cell]]] = [
        ("error of each RTT, 99th percentile, µs", "10", truth),
        ("the same, stopped 20 ms in every 100", "10", blocked_truth),
        ("send against schedule, 99th percentile, µs", "250", schedule),
    ]
    table = [
        [what, aim, *(str(cells.get(name, NOTHING)) for name in COLUMNS)]
        for what, aim, cells in rows
    ]
    table.append(["the same by a C program (timerfd, sendto)", "", str(schedule["C"]), "", ""])
    return table


def host_rows(minutes: float) -> list[list[str]]:
    """Probe 10,000 hosts once a second; watch the processor and the memory."""
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as file:
        file.writelines(f"10.66.{n // 250}.{n % 250 + 1}:{PORT}\n" for n in range(MANY))
        file.flush()
        seconds = 60 * minutes
        options = ["-q", "-w", str(round(WARM_UP + seconds) + 5), "--targets", file.name]
        with subprocess.Popen(
            inside(*OURS, *options),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        ) as process:
            time.sleep(WARM_UP)
            before, began = cpu_seconds(process.pid), time.monotonic()
            first = min(seconds, 60.0)
            time.sleep(max(0.0, first - WARM_UP))
            after_one = resident_mb(process.pid)
            time.sleep(max(0.0, seconds - first))
            after = resident_mb(process.pid)
            used = (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
            out, _ = process.communicate()
    [(sent, received, elapsed)] = re.findall(
        r"(\d+) packets transmitted, (\d+) received.* time (\d+)ms", out
    )
    rate = int(sent) / int(elapsed) * 1000
    alone = ["one host a process"] * 2
    cpu = f"{100 * used:.0f} % ({used / rate * 1e6:.0f} µs a probe, {rate:,.0f}/s"
    cpu += f", {int(sent) - int(received)} of {int(sent):,} lost)"
    memory = f"{after_one:.1f} and {after:.1f} MB ({100 * (after / after_one - 1):+.1f} %)"
    return [
        [f"{MANY:,} hosts once a second, CPU of one core", "40 %", cpu, *alone],
        [
            f"memory of that run after {first / 60:g} and {minutes:g} minutes",
            "±5 %",
            memory,
            *alone,
        ],
    ]


def c_hosts_row(folder: str) -> list[str]:
    """Probe the same hosts by a C program, which takes the stamps too, but counts nothing."""
    command = inside(f"{folder}/hosts", str(PORT), str(MANY), str(C_SECONDS))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sent, came = map(int, done.stdout.split())
    cpu = f"{100 * used / C_SECONDS:.0f} % ({used / sent * 1e6:.0f} µs a probe"
    return [
        "the same by a C program (sendto, recvmmsg)",
        "",
        f"{cpu}, {sent - came} of {sent:,} lost)",
        "",
        "",
    ]


def cpu_seconds(pid: int) -> float:
    """Read how long a process has run (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Read how much memory a process has."""
    [line] = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) / 1024


def main() -> None:
    """Measure, and print the table."""
    parser = Arguments("tests.bench.ping_truth", __doc__)
    parser.add_argument("--rounds", type=at_least(1), default=3, metavar="N")
    parser.add_argument("--hosts-minutes", type=at_least(0.0), default=0.0, metavar="N")
    parser.add_argument("--no-wire", action="store_true", help="measure the hosts only")
    arguments = parser.parse_args()
    parser.want("cc", "ip", "tcpdump", root=True)
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder, network():
        for name in ("echo_addressed", "hosts", "pace"):
            source = ROOT / f"tests/bench/yardsticks/{name}.c"
            execute("cc", "-O2", "-o", f"{folder}/{name}", str(source))
        with background(outside(f"{folder}/echo_addressed", str(PORT))):
            rows = [] if arguments.no_wire else wire_rows(folder, arguments.rounds)
            loads.append(os.getloadavg()[0])
            if arguments.hosts_minutes:
                cpu, memory = host_rows(arguments.hosts_minutes)
                rows += [cpu, c_hosts_row(folder), memory]
                loads.append(os.getloadavg()[0])
    print(
        f"Linux {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {' '.join(f'{load:.1f}' for load in loads)}; "
        f"{PROBES} probes, one every {INTERVAL * 1000:g} ms, {arguments.rounds} rounds\n"
    )
    print(f"| | aimed at | {' | '.join(COLUMNS)} |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(
        "\nOf several rounds the median, and the least and the most. irtt and ping don't tell\n"
        "their schedules: they are taken to have been in time once, and their probes to be due\n"
        "every interval from then on. What a TUN program did is counted in tests/live/test_ping.py."
    )


if __name__ == "__main__":
    main()
