"""A program run by a test: what it prints, how it ends, and no way to outlive the test."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from tests.workshop.census import STOCK_OPENED

ROOT = Path(__file__).resolve().parents[2]
COUNTING = Path(__file__).with_name("counting")
BIN = Path(sys.executable).parent

TWIST = str(BIN / "twist")

LIKE_SYSTEMD = """
import fcntl, os, sys
names, fds, command = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in fds]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""

PATIENCE = 20.0
"""Seconds to wait for what should take a fraction of one, on a machine with other work."""


def python(*arguments: str) -> list[str]:
    """Write a command line that runs this Python, on no code of the working directory."""
    return [sys.executable, "-P", *arguments]


def twistd(*arguments: str) -> list[str]:
    """Write a command line of twistd in the foreground, without a file for its pid."""
    return [str(BIN / "twistd"), "--nodaemon", "--pidfile=", *arguments]


def udpecho(*arguments: str) -> list[str]:
    """Write a command line of the udpecho command."""
    return python("-m", "udpecho", *arguments)


def environment(**extra: str) -> dict[str, str]:
    """Return an environment in which this tree's udpecho is found, installed or not."""
    counting = str(COUNTING) if STOCK_OPENED in os.environ else None
    path = os.pathsep.join(filter(None, [str(ROOT), counting, os.environ.get("PYTHONPATH")]))
    # What this run of pytest was asked for is not for another that a program makes.
    ours = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return {**ours, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **extra}


def activated(command: list[str], names: str, sockets: Sequence[socket.socket]) -> list[str]:
    """Write the command line of a parent that hands sockets down as systemd does."""
    fds = ",".join(str(skt.fileno()) for skt in sockets)
    return python("-c", LIKE_SYSTEMD, names, fds, *command)


class Program:
    """A process whose output can be waited for; leaving the context ends it."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._output, _ = tempfile.mkstemp(prefix="stdout-", dir=cwd)
        self._errors, _ = tempfile.mkstemp(prefix="stderr-", dir=cwd)
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment() if env is None else env,
            stdin=stdin,
            stdout=self._output,
            stderr=self._errors,
            pass_fds=pass_fds,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(PATIENCE)
        if self.process.stdin is not None:
            self.process.stdin.close()
        os.close(self._output)
        os.close(self._errors)

    @property
    def output(self) -> str:
        """What it has written to stdout so far."""
        return _read(self._output)

    @property
    def errors(self) -> str:
        """What it has written to stderr so far."""
        return _without_notice(_read(self._errors))

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait until its output, or else what it says on stderr, has the pattern."""
        end = time.monotonic() + patience
        while True:
            ended = self.process.poll() is not None
            for text in (self.output, self.errors):
                match = re.search(pattern, text, re.MULTILINE)
                if match:
                    return match
            if ended or time.monotonic() > end:
                state = f"status {self.process.returncode}" if ended else "still running"
                raise AssertionError(
                    f"{self.process.args!r}, {state}, did not say {pattern!r}:\n"
                    f"{self.output}{self.errors}"
                )
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return its exit status."""
        return self.process.wait(patience)

    def stop(self) -> None:
        """End it as an operator does, by SIGTERM; Twisted's programs shut down, then die of it."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        assert status in (0, -signal.SIGTERM), f"{status}\n{self.output}{self.errors}"


def _read(fd: int) -> str:
    return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")


def run(
    command: Sequence[str], cwd: Path, *, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is text, its input bytes."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env=environment() if env is None else env,
        input=stdin,
        capture_output=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    return subprocess.CompletedProcess(
        ended.args, ended.returncode, ended.stdout.decode(), _without_notice(ended.stderr.decode())
    )


def _without_notice(errors: str) -> str:
    """Leave out that Twisted's port serves, where the whole suite is run over it."""
    if os.environ.get("UDPECHO_STOCK_PORT") != "1":
        return errors
    return re.sub(r"(?m)^udpecho: Twisted's UDP port serves instead of .*\n", "", errors)
