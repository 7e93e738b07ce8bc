"""Two network namespaces joined by veth, and what a capture saw pass between them. Needs root."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE, THERE = f"truth-a-{os.getpid()}", f"truth-b-{os.getpid()}"
SERVER = "198.18.0.1"

STOPPED, RUNNING = 0.02, 0.08
"""Seconds for which a blocked program is stopped, and lives, in turn."""

PATIENCE = 120.0


@dataclass(frozen=True)
class Packet:
    """When it was captured, in ns since 1970; its bytes behind the IPv4 header; which way."""

    when: int
    data: bytes
    to_server: bool


class Lossy(RuntimeError):
    """The capture missed packets, so that nothing can be compared with it."""


def inside(*command: str) -> list[str]:
    """Write the command line that runs a program where the prober is."""
    return ["ip", "netns", "exec", HERE, *command]


def outside(*command: str) -> list[str]:
    """Write the command line that runs a program where the server is."""
    return ["ip", "netns", "exec", THERE, *command]


def execute(*command: str) -> None:
    """Run a program to its end."""
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def background(command: list[str], ready: float = 0.5) -> Iterator[subprocess.Popen[str]]:
    """Run a program meanwhile; what it says on standard error can be read afterwards."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            time.sleep(ready)
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended: {process.communicate()[1]}")
            yield process
        finally:
            process.terminate()


@contextmanager
def network() -> Iterator[None]:
    """Make the two namespaces; all of 10.66.0.0/16 is the server's too."""
    try:
        for command in (
            f"ip netns add {HERE}",
            f"ip netns add {THERE}",
            f"ip link add wire netns {HERE} type veth peer name wire netns {THERE}",
            f"ip -n {HERE} address add 198.18.0.2/24 dev wire",
            f"ip -n {THERE} address add {SERVER}/24 dev wire",
            f"ip -n {HERE} link set wire up",
            f"ip -n {THERE} link set wire up",
            f"ip -n {HERE} link set lo up",
            f"ip -n {THERE} link set lo up",
            f"ip -n {THERE} route add local 10.66.0.0/16 dev lo",
            f"ip -n {HERE} route add 10.66.0.0/16 via {SERVER}",
        ):
            execute(*command.split())
        yield
    finally:
        for name in (HERE, THERE):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def output_of(command: list[str], *, blocked: bool) -> str:
    """Run a prober to its end, stopped again and again if blocked; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, env=environment)
        until = time.monotonic() + PATIENCE
        try:
            while process.poll() is None:
                if time.monotonic() > until:
                    raise RuntimeError(f"{command} did not end")
                time.sleep(RUNNING)
                if blocked:
                    process.send_signal(signal.SIGSTOP)
                    time.sleep(STOPPED)
                    process.send_signal(signal.SIGCONT)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        if process.returncode:
            raise RuntimeError(f"{command} failed with {process.returncode}")
        out.seek(0)
        return out.read()


def captured(
    run: Callable[[], str], what: str, tcpdump_at: list[str] | None = None, server: str = SERVER
) -> tuple[str, list[Packet]]:
    """Run a prober while the wire is captured at its end, or as is said. Raises Lossy."""
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/wire.pcap"
        options = ["--time-stamp-precision=nano", "-B", "65536", "-s", "128", "-U", "-w", file]
        at = tcpdump_at or inside("tcpdump", "-i", "wire")
        with background([*at, *options, what], ready=1.0) as tcpdump:
            output = run()
            time.sleep(0.5)
            tcpdump.terminate()
            _, said = tcpdump.communicate()
        [missed] = re.findall(r"(\d+) packets dropped by kernel", said) or ["0"]
        if int(missed):
            raise Lossy(f"the capture missed {missed} packets")
        return output, list(packets(Path(file).read_bytes(), server))


def packets(pcap: bytes, server: str = SERVER) -> Iterator[Packet]:
    """Read a nanosecond pcap file of Ethernet frames with IPv4 in them, without options."""
    at = 24
    while at + 16 <= len(pcap):
        seconds, nanoseconds, length, _ = struct.unpack_from("=IIII", pcap, at)
        frame = pcap[at + 16 : at + 16 + length]
        to_server = frame[30:34] == bytes(map(int, server.split(".")))
        yield Packet(seconds * 10**9 + nanoseconds, frame[34:], to_server)
        at += 16 + length


def departures(wire: list[Packet], key: Callable[[bytes], Any]) -> dict[Any, int]:
    """Tell when each request left, by a key of its bytes."""
    left: dict[Any, int] = {}
    for packet in wire:
        if packet.to_server:
            left.setdefault(key(packet.data), packet.when)
    return left


def round_trips(wire: list[Packet], key: Callable[[bytes], Any]) -> dict[Any, int]:
    """Match requests and replies by a key of their bytes; return ns for each."""
    left = departures(wire, key)
    times: dict[Any, int] = {}
    for packet in wire:
        number = key(packet.data)
        if not packet.to_server and number in left:
            times.setdefault(number, packet.when - left[number])
    return times
