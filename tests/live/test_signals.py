"""Signals, whenever they come and however the program was started: what is said, and the status."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.conftest import Start, bound
from tests.live.deadline import within
from tests.live.program import BIN, PATIENCE, environment, python, udpecho

SUMMARY = r"^\d+ packets transmitted, \d+ received"
INT, TERM, HUP, QUIT = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT


@contextmanager
def silent() -> Iterator[str]:
    """Open a socket that answers nothing, and tell where."""
    with bound() as skt:
        yield f"127.0.0.1:{skt.getsockname()[1]}"


def command(name: str, where: str) -> list[str]:
    """Write a command line that goes on until a signal ends it."""
    arguments = {
        "ping": ["-i.05", where],
        "send": ["--timeout=60", where, "hello"],
        "talk": [],
        "report": ["-"],
        "path": ["--flows=2", where],
        "watch": ["-q", "--web=0", where],
    }
    return udpecho(name, *arguments[name])


def before_our_first_line(errors: str) -> bool:
    """Tell whether a traceback is Python's own: it was still on its way to __main__'s first line.

    python -c pass, interrupted as early, prints one as well.
    """
    files = re.findall(r'^  File "(.*?)"', errors, re.MULTILINE)
    ours = [Path(file).name for file in files if "/udpecho/" in file]
    return errors.endswith("KeyboardInterrupt\n") and {*ours} <= {"__init__.py", "doors.py"}


@pytest.mark.parametrize("number", [INT, TERM, HUP])
@pytest.mark.parametrize("name", ["ping", "send", "talk", "report", "path", "watch"])
def test_at_the_start(name: str, number: signal.Signals, tmp_path: Path) -> None:
    """Before there is anything to sum up it dies as by the signal, without a word."""
    with silent() as where:
        for milliseconds in range(0, 501, 50 if number == INT else 125):
            process = subprocess.Popen(
                command(name, where), cwd=tmp_path, env=environment(), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            time.sleep(milliseconds / 1000)
            process.send_signal(number)
            out, errors = communicate(process)
            seen = f"after {milliseconds} ms: status {process.returncode}\n{out}{errors}"
            if process.returncode == -number:
                quiet = re.fullmatch("(udpecho: interrupted.*\n)?", errors)
                assert quiet or before_our_first_line(errors), seen
            elif out == "":  # Python's own, not yet imported enough to leave by the signal
                assert before_our_first_line(errors), seen
            else:
                assert number == INT, seen
                assert process.returncode in (0, 1, 2), seen
                assert "Traceback" not in errors, seen


def communicate(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end of a process whose input stays open until then."""
    stdin, process.stdin = process.stdin, None
    assert stdin is not None
    try:
        return process.communicate(timeout=PATIENCE)
    finally:
        stdin.close()


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_ping_sums_up(number: signal.Signals, start: Start) -> None:
    """And then ends as by the signal, but for SIGINT, whose status is the run's."""
    pinging = start(udpecho("ping", "-w60", "-i.05"))
    pinging.wait_for("icmp_seq=2 ")
    pinging.signal(number)
    assert pinging.wait() == (0 if number == INT else -number)
    assert re.search(SUMMARY, pinging.output, re.M)
    assert "Traceback" not in pinging.errors


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_talk_sums_up(number: signal.Signals, start: Start) -> None:
    talking = start(udpecho("talk"), stdin=subprocess.PIPE)
    talking.wait_for("^local ")
    talking.signal(number)
    assert talking.wait() == (0 if number == INT else -number)
    assert talking.output.endswith("0 requests, 0 replies, 0 timed out, 0 refused, 0 strangers\n")
    assert talking.errors == ""


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_send_says_that_it_was_interrupted(number: signal.Signals, start: Start) -> None:
    with silent() as where:
        asking = start(command("send", where))
        asking.wait_for("^local ")
        asking.signal(number)
        assert asking.wait() == (2 if number == INT else -number)
    assert asking.errors == "udpecho: interrupted\n"


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_path_shows_what_is_known(number: signal.Signals, start: Start) -> None:
    with bound() as skt:
        skt.settimeout(PATIENCE)
        where = f"127.0.0.1:{skt.getsockname()[1]}"
        looking = start(udpecho("path", where))
        skt.recv(2048)
        looking.signal(number)
        assert looking.wait() == (1 if number == INT else -number)
    assert looking.output.startswith(f"16 flows to {where}\n")
    assert looking.errors == "udpecho: interrupted: this is what is known so far\n"


IN_THE_BACKGROUND = """
{udpecho} ping -i.05 >out 2>errors &
until grep -q icmp_seq=2 out; do sleep .05; done
kill -{signal} $!
wait $!
echo $?
"""


@pytest.mark.parametrize(("number", "status"), [(INT, 0), (TERM, 143), (HUP, 129)])
def test_behind_a_scripts_back(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """There a shell has SIGINT and SIGQUIT ignored: as iputils' ping, it sums up all the same."""
    program = " ".join(udpecho())
    text = IN_THE_BACKGROUND.format(udpecho=program, signal=number.name.removeprefix("SIG"))
    done = subprocess.run(
        ["sh", "-c", text], cwd=tmp_path, env=environment(), capture_output=True, text=True,
        timeout=3 * PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout == f"{status}\n"
    assert re.search(SUMMARY, (tmp_path / "out").read_text(), re.M)


def test_nohup(start: Start) -> None:
    """What was to survive the terminal's end survives it."""
    pinging = start(["nohup", *udpecho("ping", "-w60", "-i.05")])
    pinging.wait_for("icmp_seq=2 ")
    pinging.signal(HUP)
    last = len(re.findall("icmp_seq", pinging.output))
    pinging.wait_for(f"icmp_seq={last + 5} ")
    pinging.signal(INT)
    assert pinging.wait() == 0


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_twice_within_a_moment_is_once(number: signal.Signals, start: Start) -> None:
    """timeout(1) sends it to its child, and then to the whole group."""
    pinging = start(udpecho("ping", "-w60", "-i.05"))
    pinging.wait_for("icmp_seq=2 ")
    pinging.signal(number)
    pinging.signal(number)
    assert pinging.wait() == (0 if number == INT else -number)
    assert re.search(SUMMARY, pinging.output, re.M)
    assert "Traceback" not in pinging.errors


def test_timeout(tmp_path: Path) -> None:
    with silent() as where:
        done = subprocess.run(
            ["timeout", "3", *udpecho("ping", "-i.05", where)],
            cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
    assert done.returncode == 124
    assert done.stderr == ""


@contextmanager
def writing_to_nobody(*words: str, number: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a ping whose output's pipe is full and stays so, and send it a signal."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(
        udpecho(*words), env=environment(), stdin=subprocess.DEVNULL, stdout=writing,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    try:
        end = time.monotonic() + PATIENCE
        held = [0, 1]
        while (
            held[-1] < 2048 or len(set(held[-6:])) > 1
        ):  # for half a second nothing has found room
            assert time.monotonic() < end
            time.sleep(0.1)
            held.append(int.from_bytes(fcntl.ioctl(reading, termios.FIONREAD, bytes(4)), "little"))
        process.send_signal(number)
        yield process
    finally:
        process.kill()
        process.communicate()
        os.close(reading)


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_when_nobody_reads_what_it_says(number: signal.Signals) -> None:
    """It can't sum up; it ends all the same, in silence."""
    with writing_to_nobody("ping", "-w60", "-i.001", "--json", number=number) as process:
        assert process.wait(PATIENCE) == -number
        assert process.stderr is not None
        errors = process.stderr.read().decode()
    assert errors.count("\n") <= 1
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [INT, TERM])
def test_the_second_ends_it_at_once(number: signal.Signals, start: Start) -> None:
    """Where a reply has taken 2 s, it waits for others for 4 s and more."""
    with bound() as slow:
        pinging = start(udpecho("ping", "-W60", f"127.0.0.1:{slow.getsockname()[1]}"))
        probe, who = slow.recvfrom(99)
        time.sleep(2)
        slow.sendto(probe, who)
        pinging.wait_for("icmp_seq=1 ")
        slow.recv(99)
        pinging.signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            pinging.wait(0.3)
        pinging.signal(number)
        with within(3):
            assert pinging.wait() == -number
    assert not re.search(SUMMARY, pinging.output, re.M)
    assert pinging.errors == ""


def test_sigquit_tells_each_time(start: Start) -> None:
    pinging = start(udpecho("ping", "-w60", "-i.05"))
    for number in (2, 8, 14):
        pinging.wait_for(f"icmp_seq={number} ")
        pinging.signal(QUIT)
        pinging.wait_for(rf"(?:\d+/\d+ packets, 0% loss.*\n[^\0]*){{{number // 6 + 1}}}")
    pinging.signal(INT)
    assert pinging.wait() == 0


def test_sigquit_tells_of_a_request_and_of_a_talk(start: Start) -> None:
    with silent() as where:
        asking = start(command("send", where))
        asking.wait_for("^local ")
        asking.signal(QUIT)
        asking.wait_for(f"^udpecho: no reply yet from {where}$")
    talking = start(udpecho("talk"), stdin=subprocess.PIPE)
    talking.wait_for("^local ")
    talking.signal(QUIT)
    talking.wait_for("^udpecho: 0 requests, 0 replies")


def test_a_terminals_signals_leave_its_own_server_alone(start: Start) -> None:
    """Ctrl-C and SIGQUIT's key reach all that run in a terminal: the server answers to the end."""
    pinging = start(["setsid", "--wait", *udpecho("ping", "-w60", "-i.05")])
    pinging.wait_for("icmp_seq=2 ")
    [child] = children(pinging.process.pid)
    for number in (QUIT, INT):
        os.killpg(os.getpgid(child), number)
        if number == QUIT:
            pinging.wait_for("% loss, min/avg")
            last = len(re.findall("icmp_seq", pinging.output))
            pinging.wait_for(f"icmp_seq={last + 5} ")
    pinging.wait()
    assert " 0% packet loss" in pinging.output


def children(pid: int) -> list[int]:
    """List the processes that one has started."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_the_installed_command_is_as_quiet() -> None:
    """What pip makes imports what we name: there, too, SIGINT has its default before all else."""
    script = BIN / "udpecho"
    if not script.exists():
        pytest.skip("udpecho is not installed here")
    for milliseconds in range(0, 300, 20):
        process = subprocess.Popen(
            [script, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        time.sleep(milliseconds / 1000)
        process.send_signal(INT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert errors == "" or before_our_first_line(errors), errors


SLOW_TO_END = """
import os, signal, sys, time
from udpecho.commands.ending import leave
from udpecho.commands.signals import STUCK, Signals

class Slow:
    def __del__(self, sleep=time.sleep, seconds=STUCK + 0.5):
        sleep(seconds)

signals = Signals(wake=lambda tell: tell())
signals.heed(lambda: print("summed up"), lambda: None)
os.kill(os.getpid(), signal.SIGINT)
sys.modules["slow"] = Slow()  # gone when the modules are, after the handlers of signals
leave(signals.last_word(0))
"""


def test_an_end_that_takes_long_keeps_its_status() -> None:
    """A busy machine takes its time to end an interpreter: what watched the output is over."""
    done = subprocess.run(
        python("-c", SLOW_TO_END),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "summed up\n")
