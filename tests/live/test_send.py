"""The udpecho command: one request, and who may answer it."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

from tests.live.conftest import Start, bound, free_port, needs_ipv6, needs_our_port
from tests.live.deadline import within
from tests.live.program import Program, environment, run, udpecho
from udpecho import __version__

Address = tuple[str, int]

WAITING = ["--timeout=20", "--retries=0"]
"""Longer than any test takes to answer."""


def local(program: Program) -> Address:
    """Wait until it has asked, and return where from, as this machine can reach it."""
    return "127.0.0.1", int(program.wait_for(r"^local \S+:([0-9]+)$")[1])


def port_of(skt: socket.socket) -> int:
    port: int = skt.getsockname()[1]
    return port


@pytest.mark.parametrize("accept", ["any", "connected", "matching"])
def test_reply(accept: str, server: Address, tmp_path: Path) -> None:
    """Two lines and status 0, whoever may answer."""
    host, port = server
    ended = run(udpecho("send", f"--accept={accept}", f"{host}:{port}", "hello"), tmp_path)
    assert re.fullmatch(
        rf"local \S+:\d+\nreply 127\.0\.0\.1:{port} 5 bytes \d+\.\d+ ms 'hello'\n", ended.stdout
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_any_believes_a_forger(start: Start) -> None:
    """A datagram from another port is printed as the reply, with its address."""
    with bound() as silent, bound() as forger:
        where = f"127.0.0.1:{port_of(silent)}"
        asking = start(udpecho("send", "--accept=any", *WAITING, where, "hello"))
        silent.recv(99)
        forger.sendto(b"lie", local(asking))
        asking.wait_for(rf"^reply 127\.0\.0\.1:{port_of(forger)} 3 bytes \S+ ms 'lie'$")
        assert asking.wait() == 0


@pytest.mark.parametrize("accept", ["connected", "matching"])
def test_others_do_not(accept: str, start: Start) -> None:
    """Not even with the right bytes; the matching client names the stranger."""
    with bound() as silent, bound() as forger:
        port, stranger = port_of(silent), port_of(forger)
        where = f"127.0.0.1:{port}"
        asking = start(udpecho("send", f"--accept={accept}", *WAITING, where, "hello"))
        data, client = silent.recvfrom(99)
        forger.sendto(b"hello", local(asking))
        forger.sendto(b"\x1b[2Jlie\n", local(asking))
        if accept == "matching":
            asking.wait_for(rf"^stranger 127\.0\.0\.1:{stranger} 5 bytes 'hello'$")
            asking.wait_for(rf"^stranger 127\.0\.0\.1:{stranger} 8 bytes '\\x1b\[2Jlie\\n'$")
        else:
            time.sleep(0.2)
        assert "reply" not in asking.output
        silent.sendto(data, client)
        assert asking.wait() == 0
    assert re.search(rf"^reply 127\.0\.0\.1:{port} 5 bytes \S+ ms 'hello'$", asking.output, re.M)
    assert ("stranger" in asking.output) == (accept == "matching")


@pytest.mark.parametrize("accept", ["connected", "matching"])
def test_wrong_bytes_from_the_right_peer(accept: str, start: Start) -> None:
    with bound() as silent:
        where = f"127.0.0.1:{port_of(silent)}"
        asking = start(udpecho("send", f"--accept={accept}", *WAITING, where, "hello"))
        data, client = silent.recvfrom(99)
        silent.sendto(b"wrong", client)
        asking.wait_for(rf"^stranger 127\.0\.0\.1:{port_of(silent)} 5 bytes 'wrong'$")
        silent.sendto(data, client)
        assert asking.wait() == 0


@pytest.mark.parametrize("accept", ["any", "connected", "matching"])
def test_no_reply(accept: str, tmp_path: Path) -> None:
    """Status 1, and one line on stderr that says how often it was tried."""
    with bound() as silent:
        where = f"127.0.0.1:{port_of(silent)}"
        options = [f"--accept={accept}", "--timeout=0.05", "--retries=2"]
        ended = run(udpecho("send", *options, where, "hello"), tmp_path)
        assert [silent.recv(99) for _ in range(3)] == [b"hello"] * 3
    assert (ended.returncode, ended.stderr) == (
        1,
        f"udpecho: no reply from {where} to 3 attempts\n",
    )
    assert re.fullmatch(r"local \S+:\d+\n", ended.stdout)


@pytest.mark.parametrize(
    "accept",
    [
        "connected",
        pytest.param("matching", marks=needs_our_port("an unconnected port hears of no refusal")),
    ],
)
def test_refused(accept: str, tmp_path: Path) -> None:
    """A dead server is status 1 at once, not after the time-out."""
    where = f"127.0.0.1:{free_port()}"
    with within(10):  # half of WAITING's, and thirty times what a busy machine took
        ended = run(udpecho("send", f"--accept={accept}", *WAITING, where, "hello"), tmp_path)
    assert (ended.returncode, ended.stderr) == (1, f"udpecho: {where} refused\n")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], r"expected HOST\[:PORT\] MESSAGE, got nothing"),
        (["127.0.0.1"], r"expected HOST\[:PORT\] MESSAGE, got '127.0.0.1'"),
        (["127.0.0.1:0", "x"], r"HOST\[:PORT\]: expected a port from 1 to 65535, got '0'"),
        (["[::1", "x"], r"HOST\[:PORT\]: expected a host, .*, got '\[::1'"),
        (["--accept=none", "h", "x"], "--accept: expected one of any, connected.*, got 'none'"),
        (["--timeout=0", "h", "x"], "--timeout: expected seconds above 0, .*, got '0'"),
        (["--retries=-1", "h", "x"], "--retries: expected a whole number .*, got '-1'"),
        (["-4", "-6", "h", "x"], "expected -4 or -6, got both"),
        (["-6", "127.0.0.1", "x"], "expected an IPv6 address, got 127.0.0.1"),
        (["--fast", "h", "x"], "expected an option, got '--fast'"),
        (["127.0.0.1", "x" * 65508], "65508 bytes do not fit in a datagram, .* 65507"),
        (["no.such.host.invalid", "x"], "no address found for 'no.such.host.invalid'"),
        *(
            (
                [f"--accept={accept}", "255.255.255.255", "x"],
                r"can't (send to|reach) 255\.255\.255\.255(:1060)?: Permission denied",
            )
            for accept in ("any", "connected", "matching")
        ),
    ],
)
def test_anything_else_is_status_2(options: list[str], complaint: str, tmp_path: Path) -> None:
    ended = run(udpecho("send", *options), tmp_path)
    assert ended.returncode == 2, ended
    assert re.fullmatch(rf"udpecho: ({complaint})\n", ended.stderr), ended.stderr


@needs_ipv6
def test_ipv6(tmp_path: Path, start: Start) -> None:
    """An IPv6 peer is given, and shown, in brackets."""
    with bound("::1") as silent:
        where = f"[::1]:{port_of(silent)}"
        asking = start(udpecho("send", *WAITING, where, "hello"))
        silent.sendto(*silent.recvfrom(99))
        assert asking.wait() == 0
    assert re.search(rf"^reply {re.escape(where)} 5 bytes", asking.output, re.M)


def test_bytes_that_are_not_text(server: Address, tmp_path: Path) -> None:
    """The shell's bytes are sent as they are, and shown so that no terminal minds."""
    command = [
        *udpecho("send", f"{server[0]}:{server[1]}"),
        b"\xff\xfe".decode("utf-8", "surrogateescape"),
    ]
    ended = run(command, tmp_path)
    assert re.search(r"reply \S+ 2 bytes \S+ ms '\\xff\\xfe'$", ended.stdout, re.M), ended


@pytest.mark.parametrize("command", [[], ["send"], ["talk"]])
def test_help_and_version(command: list[str], tmp_path: Path) -> None:
    shown = run(udpecho(*command, "--help"), tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "--help" in shown.stdout
    version = run(udpecho(*command, "--version"), tmp_path)
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout == f"udpecho {__version__}\n"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["sing"], r"expected a command, .*, got 'sing'; did you mean ping\?"),
        (["talk", "x"], "expected options only, got 'x'"),
        (["talk", "--port=0"], "--port: expected a port from 1 to 65535, got '0'"),
    ],
)
def test_wrong_commands(command: list[str], complaint: str, tmp_path: Path) -> None:
    ended = run(udpecho(*command), tmp_path)
    assert ended.returncode == 2
    assert re.fullmatch(rf"udpecho: {complaint}\n", ended.stderr), ended.stderr


@needs_our_port("the log warns of what is missing")
def test_without_our_own_port_it_says_what_is_missing(
    server: tuple[str, int], tmp_path: Path
) -> None:
    """It goes on over Twisted's, and a user learns what that lacks: once, on stderr."""
    env = environment(UDPECHO_STOCK_PORT="1")
    ended = run(udpecho("send", f"127.0.0.1:{server[1]}", "hello"), tmp_path, env=env)
    assert ended.returncode == 0
    assert ended.stderr.count("Twisted's UDP port serves instead of udpecho's own") == 1
    assert ended.stderr.count("\n") == 1
