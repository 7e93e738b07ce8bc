"""How true is udpecho ping? Each round trip against a capture of the wire, and its peers' beside.

Run as root: python -m tests.bench.ping_truth [--hosts-minutes N]. It makes two network
namespaces joined by veth, an echo server (C) in one, and in the other runs udpecho ping, irtt
and iputils' ping while tcpdump captures. It prints one table of figures beside what is aimed at.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE, THERE = f"truth-a-{os.getpid()}", f"truth-b-{os.getpid()}"
SERVER = "198.18.0.1"
PORT = 1060
PROBES, INTERVAL = 5000, 0.001
MANY = 10_000

BLOCKED = """
import sys, time
from twisted.internet import reactor, task
from twisted.internet.defer import ensureDeferred
from udpecho.ping import prepare
from udpecho.record import Start, outcome_line, start_line

async def main(reactor):
    outcomes = []
    run = await prepare(reactor, [("{server}", {port})], count={probes}, interval={interval},
                        on_outcome=outcomes.append)
    block = task.LoopingCall(time.sleep, 0.02)
    block.start(0.1)
    summary = await run.start()
    block.stop()
    start = Start(run.plan, run.started.wall_ns, run.started.monotonic_ns)
    print(start_line(start), *(outcome_line(o, start) for o in outcomes), sep="", end="")
    print('{{"type":"end"}}')

task.react(lambda reactor: ensureDeferred(main(reactor)))
"""

Packet = tuple[int, bytes, bool]
"""When it was captured, in ns; the payload of UDP or ICMP; whether it went to the server."""


def inside(*command: str) -> list[str]:
    """Write the command line that runs a program where the prober is."""
    return ["ip", "netns", "exec", HERE, *command]


def execute(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment, **options
    )


@contextmanager
def background(*command: str, ready: float = 0.5) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program meanwhile."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(ready)
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def network() -> Iterator[None]:
    """Make the two namespaces; all of 10.66.0.0/16 is the server's too."""
    for command in (
        f"ip netns add {HERE}",
        f"ip netns add {THERE}",
        f"ip link add wire netns {HERE} type veth peer name wire netns {THERE}",
        f"ip -n {HERE} address add 198.18.0.2/24 dev wire",
        f"ip -n {THERE} address add {SERVER}/24 dev wire",
        f"ip -n {HERE} link set wire up",
        f"ip -n {THERE} link set wire up",
        f"ip -n {THERE} link set lo up",
        f"ip -n {THERE} route add local 10.66.0.0/16 dev lo",
        f"ip -n {HERE} route add 10.66.0.0/16 via {SERVER}",
    ):
        execute(*command.split())
    try:
        yield
    finally:
        for name in (HERE, THERE):
            execute("ip", "netns", "del", name)


def captured(run: Callable[[], str], what: str) -> tuple[str, list[Packet]]:
    """Run a prober while the wire is captured at its end."""
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/wire.pcap"
        options = ["--time-stamp-precision=nano", "-B", "65536", "-s", "128", "-U", "-w", file]
        with background(*inside("tcpdump", "-i", "wire", *options, what), ready=1.0):
            output = run()
            time.sleep(0.5)
        return output, list(packets(Path(file).read_bytes()))


def packets(pcap: bytes) -> Iterator[Packet]:
    """Read a nanosecond pcap file of Ethernet frames with IPv4 in them."""
    at = 24
    while at + 16 <= len(pcap):
        seconds, nanoseconds, length, _ = struct.unpack_from("=IIII", pcap, at)
        frame = pcap[at + 16 : at + 16 + length]
        to_server = frame[30:34] == bytes(map(int, SERVER.split(".")))
        yield seconds * 10**9 + nanoseconds, frame[42:], to_server
        at += 16 + length


def round_trips(wire: list[Packet], key: Callable[[bytes], Any]) -> dict[Any, int]:
    """Match requests and replies by a key of their payload; return ns for each."""
    sent: dict[Any, int] = {}
    times: dict[Any, int] = {}
    for when, payload, to_server in wire:
        if to_server:
            sent.setdefault(key(payload), when)
        elif key(payload) in sent:
            times.setdefault(key(payload), when - sent[key(payload)])
    return times


def share(values: list[float], of: float) -> float:
    """Return a percentile by nearest rank."""
    return sorted(values)[max(0, -(-int(of * len(values)) // 1) - 1)] if values else float("nan")


def errors(told: dict[Any, float], wire: dict[Any, int]) -> str:
    """Describe by how much what was told differs from the wire, in µs."""
    off = [abs(rtt_ns - wire[key]) / 1000 for key, rtt_ns in told.items() if key in wire]
    median, p99 = share(off, 0.5), share(off, 0.99)
    return f"median {median:.1f}  p99 {p99:.1f}  max {max(off):.1f} µs  ({len(off)} replies)"


def udpecho_ping(blocked: bool) -> Iterator[tuple[str, str]]:
    """Measure our own error, blocked for 20 ms in every 100 ms or not, and the schedule's."""
    if blocked:
        text = BLOCKED.format(server=SERVER, port=PORT, probes=PROBES, interval=INTERVAL)
        command = inside(sys.executable, "-c", text)
    else:
        options = ["--json", "-c", str(PROBES), "-i", str(INTERVAL), f"{SERVER}:{PORT}"]
        command = inside(sys.executable, "-m", "udpecho", "ping", *options)
    output, wire = captured(lambda: execute(*command).stdout, f"udp port {PORT}")
    lines = [json.loads(line) for line in output.splitlines()]
    told = {line["sequence"] - 1: line["rtt_ns"] for line in lines if line["type"] == "reply"}
    number = struct.Struct("!I")
    yield (
        "udpecho ping, blocked 20 ms in 100" if blocked else "udpecho ping",
        errors(told, round_trips(wire, lambda payload: number.unpack_from(payload)[0])),
    )
    if not blocked:
        began = lines[0]["unix_ns"]
        sent = {number.unpack_from(p)[0]: when for when, p, to_server in wire if to_server}
        late = [(when - began - n * INTERVAL * 1e9) / 1000 for n, when in sent.items()]
        yield (
            "udpecho ping, send against schedule",
            f"median {share(late, 0.5):.1f}  p99 {share(late, 0.99):.1f}  max {max(late):.1f} µs",
        )


def irtt() -> Iterator[tuple[str, str]]:
    """Measure irtt's error on the same path; the number is at byte 12 of its packets."""
    if shutil.which("irtt") is None:
        return
    server = ["ip", "netns", "exec", THERE, "irtt", "server", "-b", f"{SERVER}:2112", "-i", "0"]
    seconds = int(PROBES * INTERVAL)
    options = ["-i", "1ms", "-d", f"{seconds}s", "-l", "64", "-Q", "-o", "-", f"{SERVER}:2112"]
    with background(*server):
        output, wire = captured(
            lambda: execute(*inside("irtt", "client", *options)).stdout, "udp port 2112"
        )
    trips = json.loads(output[output.index("{") :])["round_trips"]
    told = {t["seqno"]: t["delay"]["rtt"] for t in trips if "rtt" in t.get("delay", {})}
    # Its handshake has other flags, and no number.
    trips_only = [p for p in wire if len(p[1]) >= 16 and p[1][3] in (0, 2)]
    number = struct.Struct("<I")
    yield "irtt", errors(told, round_trips(trips_only, lambda p: number.unpack_from(p, 12)[0]))


def iputils_ping() -> Iterator[tuple[str, str]]:
    """Measure iputils' ping, which asks the kernel itself; root may send every ms."""
    count = str(PROBES)
    command = inside("ping", "-n", "-i", str(INTERVAL), "-c", count, SERVER)
    output, wire = captured(lambda: execute(*command).stdout, "icmp")
    lines = re.findall(r"icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms", output)
    told = {int(number): float(ms) * 1e6 for number, ms in lines}
    # The capture cut 8 bytes of what it takes for a UDP header: of ICMP's, so its number too.
    sent: list[int] = []
    times: dict[Any, int] = {}
    for when, _, to_server in wire:
        if to_server:
            sent.append(when)
        elif len(times) < len(sent):
            times[len(times) + 1] = when - sent[len(times)]
    yield "iputils ping", errors(told, times)


def wire_rows() -> list[Iterator[tuple[str, str]]]:
    """Return what is compared with the wire."""
    return [udpecho_ping(False), udpecho_ping(True), irtt(), iputils_ping()]


def many_hosts(minutes: float) -> Iterator[tuple[str, str]]:
    """Probe 10,000 hosts once a second; watch the processor and the memory."""
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as file:
        file.writelines(f"10.66.{n // 250}.{n % 250 + 1}:{PORT}\n" for n in range(MANY))
        file.flush()
        options = ["-q", "-w", str(round(60 * minutes) + 5), "--targets", file.name]
        command = inside(sys.executable, "-m", "udpecho", "ping", *options)
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        time.sleep(10)  # it has found its hosts, and every one of them has replied
        before, began = cpu_seconds(process.pid), time.monotonic()
        time.sleep(max(0.0, 60 - 10))
        used = (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        after_one = resident_mb(process.pid)
        yield f"{MANY} hosts once a second, CPU of one core", f"{100 * used:.0f} %"
        time.sleep(max(0.0, 60 * (minutes - 1)))
        after = resident_mb(process.pid)
        yield (
            f"their memory after 1 and after {minutes:g} minutes",
            f"{after_one:.1f} and {after:.1f} MB ({100 * (after / after_one - 1):+.1f} %)",
        )
        out, _ = process.communicate()
        yield "their summary", next(line for line in out.splitlines() if "transmitted" in line)


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts-minutes", type=float, default=0.0, metavar="N")
    parser.add_argument("--no-wire", action="store_true", help="measure the hosts only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, network():
        echo = f"{folder}/echo"
        source = ROOT / "tests/bench/yardsticks/echo_addressed.c"
        execute("cc", "-O2", "-o", echo, str(source))
        with background("ip", "netns", "exec", THERE, echo, str(PORT)):
            rows = [] if arguments.no_wire else wire_rows()
            if arguments.hosts_minutes:
                rows.append(many_hosts(arguments.hosts_minutes))
            for measured in rows:
                for name, figure in measured:
                    print(f"{name:<44} {figure}", flush=True)


if __name__ == "__main__":
    main()
