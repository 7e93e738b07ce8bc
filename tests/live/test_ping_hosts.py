"""udpecho ping of many hosts, as a user types it: what is wrong with one costs it alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.live.program import environment, python, udpecho

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernel timestamps are Linux's")

PATIENCE = 60.0

DEAD_SECONDS = 45
"""How long the dead resolver is asked: longer than a machine under load takes for the rest."""

DEAD = f"""
import socket, time
real = socket.getaddrinfo
def dead(host, *rest, **options):
    if str(host).endswith(".example"):
        time.sleep({DEAD_SECONDS})
    return real(host, *rest, **options)
socket.getaddrinfo = dead
from udpecho.commands.main import run_command
run_command()
"""
"""A ping whose resolver is dead."""


@pytest.fixture
def server() -> Iterator[str]:
    """Serve on loopback, and give ADDRESS:PORT."""
    with subprocess.Popen(
        python("-m", "udpecho.commands.own_server", "127.0.0.1"),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def ping(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_bad_line_and_a_missing_interface_cost_themselves_alone(server: str) -> None:
    """C12: nothing was pinged."""
    done = ping(
        udpecho("ping", "--json", "-c1", "--targets", "-"),
        f"fe80::1%tun0\n\n127.0.0.1:99999\n{server} # ours\n",
    )
    record = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert [(each["type"], each.get("target")) for each in record] == [
        ("start", None),
        ("unresolved", "127.0.0.1:99999"),
        ("unresolved", "fe80::1%tun0"),
        ("reply", server),
        ("summary", None),
    ]
    assert done.stderr.splitlines() == [
        "udpecho: -:3: HOST[:PORT]: expected a port from 1 to 65535, got '99999'",
        "udpecho: -:1: fe80::1%tun0: expected the name of a network interface, got 'tun0'",
    ]


def test_twenty_names_and_a_dead_resolver_hold_up_neither_the_start_nor_the_end(
    server: str,
) -> None:
    """C13: the address that was known began 21 s late. And the process stayed for its threads."""
    names = "".join(f"dead{number}.example\n" for number in range(20))
    began = time.monotonic()
    done = ping(
        python("-c", DEAD, "ping", "--json", "-i", "0.2", "-w", "1", "--targets", "-", server),
        names,
    )
    assert time.monotonic() - began < DEAD_SECONDS - 10
    record = [json.loads(line) for line in done.stdout.splitlines()]
    assert record[0]["expected"] == 20
    assert sum(each["type"] == "unresolved" for each in record) == 20
    assert record[-1]["replied"] >= 1
    assert len(done.stderr.splitlines()) == 20
    assert done.returncode == 2
