"""Processes under measurement: built, pinned to a core, and their CPU time and memory read."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
YARDSTICKS = Path(__file__).parent / "yardsticks"

SERVER_CORE, LOAD_CORE = 0, 1


def build(source: str, directory: Path) -> Path | None:
    """Compile a yardstick with the system's compiler, if there is one for its language."""
    compiler = shutil.which("rustc" if source.endswith(".rs") else "cc")
    if compiler is None:
        return None
    program = directory / Path(source).stem
    level = ["-C", "opt-level=3"] if source.endswith(".rs") else ["-O2"]
    subprocess.run([compiler, *level, "-o", program, YARDSTICKS / source], check=True)
    return program


def free_port() -> int:
    """Find a UDP port of loopback that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as skt:
        skt.bind(("127.0.0.1", 0))
        port: int = skt.getsockname()[1]
        return port


class Server:
    """A server process that has said that it is ready."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._clock = (~process.pid << 3) | 2  # clock_getcpuclockid(3)
        self._pid = process.pid
        self.port = port

    def cpu(self) -> float:
        """Read the seconds of CPU time, of user and system, that it has used."""
        return time.clock_gettime(self._clock)

    def resident(self) -> int:
        """Read its resident memory, in KiB."""
        return resident_kib(self._pid)


def resident_kib(process: int | str) -> int:
    """Read a process's resident memory, in KiB; "self" is who asks."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@contextmanager
def serving(command: list[str | Path]) -> Iterator[Server]:
    """Run a server on a free port and its core, and kill it at the end."""
    port = free_port()
    pinned = ["taskset", "-c", str(SERVER_CORE), *command, str(port)]
    with subprocess.Popen(pinned, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError(f"{command} did not start")
            yield Server(process, port)
        finally:
            process.kill()


def python(module: str, *arguments: str) -> list[str | Path]:
    """Give the command that runs a module of ours, and no other code of the directory."""
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", module, *arguments]
