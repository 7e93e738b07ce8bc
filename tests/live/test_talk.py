"""udpecho talk: many servers by hand, through a pipe and on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import resource
import select
import shlex
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.conftest import Start, bound, free_port, needs_our_port
from tests.live.program import PATIENCE, environment, run, udpecho
from tests.live.tmux import Tmux

Address = tuple[str, int]

on_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def talk(*options: str) -> list[str]:
    return udpecho("talk", *options)


def test_piped(server: Address, tmp_path: Path) -> None:
    """Each line is asked, and one line sums up when all have been answered."""
    where = f"127.0.0.1:{server[1]}"
    lines = f"{where} one\n{where} two words\n{where} \n"
    ended = run(talk(), tmp_path, stdin=lines.encode())
    assert (ended.returncode, ended.stderr) == (0, "")
    first, *replies, last = ended.stdout.splitlines()
    assert re.fullmatch(r"local \S+:\d+", first)
    told = sorted(re.sub(r"\d+\.\d+ ms", "T ms", line) for line in replies)
    assert told == [
        f"reply {where} 0 bytes T ms ''",
        f"reply {where} 3 bytes T ms 'one'",
        f"reply {where} 9 bytes T ms 'two words'",
    ]
    assert last == "3 requests, 3 replies, 0 timed out, 0 refused, 0 strangers"


def test_default_port(server: Address, tmp_path: Path) -> None:
    """A line that names no port asks that of --port; the last needs no line's end."""
    ended = run(talk(f"--port={server[1]}"), tmp_path, stdin=b"127.0.0.1 \xff\xfe")
    assert ended.returncode == 0, ended
    assert re.search(r"^reply \S+ 2 bytes \S+ ms '\\xff\\xfe'$", ended.stdout, re.M), ended


def test_no_input(tmp_path: Path) -> None:
    ended = run(talk(), tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("0 requests, 0 replies, 0 timed out, 0 refused, 0 strangers\n")


@needs_our_port("an unconnected port hears of no refusal")
def test_one_without_a_reply_is_status_1(server: Address, tmp_path: Path) -> None:
    """The others are answered all the same, and stderr says what happened to each."""
    dead = free_port()
    with bound() as silent:
        port = silent.getsockname()[1]
        lines = [f"127.0.0.1:{each} hi\n" for each in (server[1], port, dead)]
        options = ["--timeout=0.5", "--retries=0"]
        ended = run(talk(*options), tmp_path, stdin="".join(lines).encode())
    assert ended.returncode == 1
    assert ended.stdout.endswith("3 requests, 1 replies, 1 timed out, 1 refused, 0 strangers\n")
    assert sorted(ended.stderr.splitlines()) == sorted(
        [
            f"udpecho: no reply from 127.0.0.1:{port} to 1 attempt",
            f"udpecho: 127.0.0.1:{dead} refused",
        ]
    )


def test_wrong_lines_are_status_2(server: Address, tmp_path: Path) -> None:
    """A line that says nothing sensible is told so, and the next is still asked."""
    lines = f"nonsense\n127.0.0.1:x hi\n127.0.0.1:{server[1]} hi\n"
    ended = run(talk(), tmp_path, stdin=lines.encode())
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "udpecho: expected HOST[:PORT] MESSAGE, got 'nonsense'",
        "udpecho: HOST[:PORT]: expected a port from 1 to 65535, got 'x'",
    ]
    assert "1 requests, 1 replies" in ended.stdout


@needs_our_port("clients write to Twisted's port itself, which knows no scopes")
def test_a_scope_that_there_is_not_is_status_2(tmp_path: Path) -> None:
    """It ended in a traceback, and talk never."""
    ended = run(talk(), tmp_path, stdin=f"fe80::1%{2**32} hi\n".encode())
    assert ended.returncode == 2
    assert ended.stderr == f"udpecho: expected the name of a network interface, got '{2**32}'\n"


def test_what_is_too_long_to_send_is_status_2(tmp_path: Path) -> None:
    """No request was made of it, and yet a line was not sent."""
    ended = run(talk(), tmp_path, stdin=b"127.0.0.1 " + bytes(65508))
    assert ended.returncode == 2
    assert "65508 bytes do not fit" in ended.stderr


def test_who_still_owes(start: Start) -> None:
    """An empty line shows it; a stranger is named; what comes late ends the waiting."""
    with bound() as silent, bound() as stranger:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        talking = start(talk("--timeout=20"), stdin=subprocess.PIPE)
        stdin = talking.process.stdin
        assert stdin is not None
        stdin.write(f"\n{where} hello\n\n".encode())
        stdin.flush()
        data, client = silent.recvfrom(99)
        talking.wait_for(rf"^pending none\npending {where}$")
        stranger.sendto(b"lie", client)
        talking.wait_for(rf"^stranger 127\.0\.0\.1:{stranger.getsockname()[1]} 3 bytes 'lie'$")
        stdin.close()
        with pytest.raises(subprocess.TimeoutExpired):
            talking.wait(0.3)  # the end of input is not the end of waiting
        silent.sendto(data, client)
        assert talking.wait() == 0
    assert talking.output.endswith("1 requests, 1 replies, 0 timed out, 0 refused, 1 strangers\n")


def test_interrupted(start: Start) -> None:
    """Ctrl-C sums up at once; what was outstanding is no success."""
    with bound() as silent:
        talking = start(talk("--timeout=20"), stdin=subprocess.PIPE)
        assert talking.process.stdin is not None
        talking.process.stdin.write(f"127.0.0.1:{silent.getsockname()[1]} hi\n".encode())
        talking.process.stdin.flush()
        silent.recv(99)
        talking.signal(signal.SIGINT)
        assert talking.wait() == 2
    assert talking.output.endswith("1 requests, 0 replies, 0 timed out, 0 refused, 0 strangers\n")
    assert talking.errors == ""


@contextmanager
def unread(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Address]]:
    """Start talk with an output that nobody reads beyond its first line, which tells where."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        talk(), cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=writing,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    try:
        port = os.read(reading, 99).decode().strip().rpartition(":")[2]
        yield process, reading, ("127.0.0.1", int(port))
    finally:
        process.kill()
        process.communicate()
        os.close(reading)


def flood(where: Address, count: int) -> None:
    """Send so many datagrams of 1,000 bytes, 5,000 a second."""
    with bound() as stranger:
        began = time.monotonic()
        for number in range(count):
            stranger.sendto(bytes(1000), where)
            if number % 50 == 0:
                time.sleep(max(0.0, began + number / 5000 - time.monotonic()))


def resident(pid: int) -> int:
    """Tell how many bytes of memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_nobody_reads_is_bounded(tmp_path: Path) -> None:
    """It grew by 20 MB a second; now it says how many lines it has left out, to the line."""
    with unread(tmp_path) as (talking, reading, where):
        flood(where, 2000)
        before = resident(talking.pid)
        flood(where, 10_000)
        assert resident(talking.pid) - before < 4 << 20
        talking.send_signal(signal.SIGINT)
        time.sleep(0.3)  # it sums up while all is full still
        with open(reading, "rb", closefd=False) as out:
            text = out.read().decode()
        assert talking.wait(PATIENCE) == 0
    shown = text.count("stranger 127.0.0.1:")
    left_out = sum(map(int, re.findall(r"^udpecho: (\d+) lines left out$", text, re.MULTILINE)))
    [counted] = re.findall(r"(\d+) strangers$", text, re.MULTILINE)
    assert left_out > 5000
    assert shown + left_out == int(counted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_nobody_reads(number: signal.Signals, tmp_path: Path) -> None:
    with unread(tmp_path) as (talking, _, where):
        flood(where, 2000)
        talking.send_signal(number)
        assert talking.wait(PATIENCE) == (0 if number == signal.SIGINT else -number)
        assert talking.stderr is not None
        assert b"Traceback" not in talking.stderr.read()


class Terminal:
    """A program on a terminal of 60 columns, and what a person would see there."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(TERM="xterm"),
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        self._written = b""

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._ours)
        os.close(self.theirs)

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def screen(self) -> list[str]:
        """Show the lines as the terminal would, after its carriage returns and clearings."""
        while select.select([self._ours], [], [], 0)[0]:
            self._written += os.read(self._ours, 65536)
        lines = [""]
        for part in re.split(r"(\r\n|\n|\r\x1b\[K|\r)", self._written.decode(errors="replace")):
            if part in ("\r\n", "\n"):
                lines.append("")
            elif part == "\r\x1b[K":
                lines[-1] = ""
            elif part != "\r":
                lines[-1] += part
        return lines

    def wait_for(self, *last: str) -> None:
        """Wait until the last lines match these patterns."""
        end = time.monotonic() + PATIENCE
        while True:
            shown = self.screen()[-len(last) :]
            if len(shown) == len(last) and all(map(re.fullmatch, last, shown)):
                return
            if time.monotonic() > end:
                raise AssertionError(f"expected {last}, got {self.screen()}")
            time.sleep(0.02)


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C is a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    shown = Terminal(talk("--timeout=20"), tmp_path)
    yield shown
    shown.close()


def test_terminal(terminal: Terminal, server: Address) -> None:
    """It prompts; a line that is being typed stays whole while a reply is printed above it."""
    where = f"127.0.0.1:{server[1]}"
    terminal.wait_for(r"local \S+:\d+", "> ")
    terminal.type(f"{where} hello\r".encode())
    terminal.wait_for(f"> {where} hello", rf"reply {where} 5 bytes \S+ ms 'hello'", "> ")
    with bound() as silent:
        slow = f"127.0.0.1:{silent.getsockname()[1]}"
        terminal.type(f"{slow} later\r{where} half a l".encode())
        data, client = silent.recvfrom(99)
        terminal.wait_for(f"> {slow} later", f"> {where} half a l")
        silent.sendto(data, client)
        typing = f"> {where} half a l"
        terminal.wait_for(rf"reply {slow} 5 bytes \S+ ms 'later'", typing)
        terminal.type(b"x\x7fine\r")
        terminal.wait_for(f"{typing}ine", rf"reply {where} 11 bytes \S+ ms 'half a line'", "> ")
    terminal.type(b"\r")
    terminal.wait_for("> ", "pending none", "> ")
    terminal.type(b"\x04")
    assert terminal.process.wait(PATIENCE) == 0
    terminal.wait_for("3 requests, 3 replies, 0 timed out, 0 refused, 0 strangers", "")
    assert termios.tcgetattr(terminal.theirs) == terminal.before


@on_tmux
@pytest.mark.parametrize("shell", [["bash", "--norc", "-i"], ["sh", "-i"]])
def test_terminal_stopped_and_resumed(shell: list[str], server: Address) -> None:
    """While it is stopped the terminal is the shell's; then its own again, and keys show once."""
    where = f"127.0.0.1:{server[1]}"
    with Tmux(shell, 200, PS1="$ ") as tmux:
        tmux.keys(shlex.join(talk()), "Enter")
        tmux.wait_for(lambda shown: shown[-1:] == [">"])
        tmux.keys("C-z")
        tmux.wait_for(lambda shown: "Stopped" in " ".join(shown))
        tmux.keys("stty -a | tr -d '\\n'", "Enter")
        shown = tmux.wait_for(lambda shown: any("icanon" in line for line in shown))
        assert "-icanon" not in " ".join(shown)
        tmux.keys("clear; fg", "Enter")
        tmux.wait_for(lambda shown: shown[-1:] == [">"])
        tmux.keys(f"{where} hello", "Enter")
        shown = tmux.wait_for(lambda shown: any("reply" in line for line in shown))
        asked, replied = (line for line in shown if "hello" in line)
        assert asked == f"> {where} hello"
        assert replied.startswith(f"reply {where}")


def test_terminal_continued(terminal: Terminal, server: Address) -> None:
    """After a SIGSTOP, which leaves no time to give the terminal back."""
    where = f"127.0.0.1:{server[1]}"
    terminal.wait_for(r"local \S+:\d+", "> ")
    typing = termios.tcgetattr(terminal.theirs)
    terminal.process.send_signal(signal.SIGSTOP)
    os.waitpid(terminal.process.pid, os.WUNTRACED)
    termios.tcsetattr(terminal.theirs, termios.TCSANOW, terminal.before)
    os.write(terminal.theirs, b"[1]+ Stopped\r\n")
    terminal.process.send_signal(signal.SIGCONT)
    terminal.wait_for(r".*Stopped", "> ")
    assert termios.tcgetattr(terminal.theirs) == typing
    terminal.type(f"{where} hello\r".encode())
    terminal.wait_for(f"> {where} hello", rf"reply {where} 5 bytes \S+ ms 'hello'", "> ")


def test_terminal_interrupted(terminal: Terminal) -> None:
    """Ctrl-C sums up and leaves the terminal as it was."""
    with bound() as silent:
        terminal.wait_for(r"local \S+:\d+", "> ")
        terminal.type(f"127.0.0.1:{silent.getsockname()[1]} hi\rhalf".encode())
        silent.recv(99)
        terminal.type(b"\x03")
        assert terminal.process.wait(PATIENCE) == 2
    terminal.wait_for(r".*1 requests, 0 replies, 0 timed out, 0 refused, 0 strangers", "")
    assert "Traceback" not in "".join(terminal.screen())
    assert termios.tcgetattr(terminal.theirs) == terminal.before
