"""A user's program under mypy --strict: every example of the docs, and what is misspelt in one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.pages import ROOT, examples
from tests.live.program import environment

MISSPELT = """\
from twisted.internet import reactor

from udpecho import (
    ConnectedEchoClient, EchoClient, EchoServer, EchoService, Guard, MatchingEchoClient, Policy,
    UdpAddress, UdpPort, adopt_udp, listen_udp,
)
from udpecho.ping import ping, prepare
from udpecho.testing import MemoryNetwork, reply


async def main(port: UdpPort, net: MemoryNetwork) -> None:
    listen_udp(reactor, 0, EchoServer(), interfac="127.0.0.1")
    adopt_udp(reactor, 3, EchoServer(), timestamp=True)
    EchoService(reactor, stockport=True)
    UdpAddress(0, "127.0.0.1", reuseport=True)
    Policy(rates=3)
    Guard(polcy=None)
    await EchoClient.open(reactor, windw=3)
    await MatchingEchoClient.open(reactor, windw=3)
    MatchingEchoClient(reactor, verify_eco=False)
    client = await ConnectedEchoClient.open(reactor, "127.0.0.1", 7, verify_eco=False)
    await client.request(b"x", time_out=1.0)
    await (await MatchingEchoClient.open(reactor)).request(b"x", ("127.0.0.1", 7), retry=1)
    await ping(reactor, [("127.0.0.1", 7)], cont=1)
    await prepare(reactor, [("127.0.0.1", 7)], intervall=1.0)
    port.counters().droped
    port.stopListenin()
    net.host("192.0.2.1", nams=["a"])
    net.link(net.host("192.0.2.2"), net.host("192.0.2.3"), los=0.5)
    net.link(net.host("192.0.2.4"), net.host("192.0.2.5")).at(3.0, los=1.0)
    net.run_until(client.close(), limt=3)
    net.host("192.0.2.6").peer(7, [reply(b"a", tims=2)])
    net.record.lost(too=("192.0.2.1", 7))
"""
"""Each line of main() is wrong; each is an error."""


def check(program: Path, plugin: bool) -> list[str]:
    """Run mypy as a user does, in a directory of his; return what it says."""
    config = program.parent / "mypy.ini"
    config.write_text("[mypy]\n" + ("plugins = mypy_zope:plugin\n" if plugin else ""))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mypy", "--strict", "--config-file", config, program],
        cwd=program.parent,
        env=environment(MYPYPATH=str(ROOT), MYPY_CACHE_DIR=str(program.parent / "cache")),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return [line for line in done.stdout.splitlines() if ": error:" in line]


plugins = pytest.mark.parametrize("plugin", [False, True], ids=["mypy", "mypy-zope"])


@plugins
def test_every_example_passes(plugin: bool, tmp_path: Path) -> None:
    """Pasted one after the other into a program, each in a function of its own."""
    found = examples("python")
    assert any("from twisted.internet import reactor" in each.text for each in found)
    folder = tmp_path / "program"
    folder.mkdir()
    for number, each in enumerate(found):
        (folder / (each.file or f"example{number}.py")).write_text(f"# {each}\n{each.text}")
    assert check(folder, plugin) == []


@plugins
def test_what_is_misspelt_is_an_error(plugin: bool, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(MISSPELT)
    complaints = check(program, plugin)
    lines = MISSPELT.splitlines()
    first = next(i for i, line in enumerate(lines, 1) if line.startswith("async def")) + 1
    wrong = {int(line.split(":")[1]) for line in complaints}
    assert wrong == set(range(first, len(lines) + 1)), complaints
