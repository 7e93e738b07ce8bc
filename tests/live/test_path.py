"""Where a losing flow dies, on Linux's own routers: four equal ways, in namespaces."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import families, needs
from tests.live.ecmp import LINKS, MEMBERS, TARGET, TARGET6, Ecmp, ecmp
from tests.live.netns import why_not
from tests.live.program import BIN, Program, python
from tests.live.tmux import Tmux

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.skipif(
        not Path("/proc/sys/net/ipv4/fib_multipath_hash_seed").exists(),
        reason="a seed of each router's own needs Linux 6.11",
    ),
    needs("nft"),
]

PORTS = "40000-40015"
HOSTS = {"ipv4": f"{TARGET}:7", "ipv6": f"[{TARGET6}]:7"}

SERVER = f"""
from twisted.internet import reactor
from udpecho import EchoServer, listen_udp
for address in ("{TARGET}", "{TARGET6}"):
    listen_udp(reactor, 7, EchoServer(tell_paths=TELLS), address)
print("ready", flush=True)
reactor.run()
"""


@contextmanager
def serving(tmp_path: Path, *, tells: bool = False) -> Iterator[Ecmp]:
    """Have our server behind four equal ways; it tells of the way back, or not."""
    with ecmp() as fabric:
        source = SERVER.replace("TELLS", str(tells))
        command = fabric.at["target"].command(*python("-c", source))
        with Program(command, tmp_path) as server:
            server.wait_for("ready")
            yield fabric


def udpecho(fabric: Ecmp, *arguments: str) -> list[dict[str, Any]]:
    """Run a command without any capability, and read the lines of its JSON."""
    plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    command = fabric.at["source"].command(*plain, str(BIN / "udpecho"), *arguments)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def member_of(path: dict[str, Any]) -> str:
    """Name the member that a flow passes, by the address that r1's side of it has."""
    [address] = path["hops"][1]["addresses"]
    return MEMBERS[int(address.replace("fd09:", "10.9.").replace("::", ".").split(".")[2]) - 1]


def back_member_of(path: dict[str, Any]) -> str:
    """Name the member that a flow's replies pass, by the address that r3's side of it has."""
    [address] = path["back"][1]["addresses"]
    return MEMBERS[int(address.replace("fd09:", "10.9.").replace("::", ".").split(".")[2]) - 5]


@needs("setpriv")
@families
def test_the_member_that_drops_all_is_named(family: str, tmp_path: Path) -> None:
    """And what is behind it; nothing else is, and who loses is who passes it."""
    host = HOSTS[family]
    with serving(tmp_path) as fabric:
        before = udpecho(fabric, "path", "--json", f"--sport={PORTS}", host)
        members = {path["source_port"]: member_of(path) for path in before}
        assert len(set(members.values())) == 4, members
        fabric.drop("d", "drop")
        told = udpecho(
            fabric, "ping", "--json", "--trace", "--flows=16", f"--sport={PORTS}", "-c480",
            "-i0.0125", "-W0.5", host,
        )  # fmt: skip
    [verdict] = [each for each in told if each["type"] == "verdict"]
    assert verdict["state"] == "named"
    [segment] = verdict["segments"]
    assert segment["after"]["ttl"] == 1
    assert segment["before"] is None
    assert segment["behind"]["ttl"] == 2
    losing = {each["source_port"] for each in verdict["losing"]}
    assert losing == {port for port, member in members.items() if member == "d"}
    paths = [each for each in told if each["type"] == "path"]
    assert {p["source_port"] for p in paths if not p["reached"]} == losing


@needs("setpriv")
@families
def test_the_member_that_drops_all_that_comes_back_is_named(family: str, tmp_path: Path) -> None:
    """Our server tells that the probes arrived, and at which routers replies died."""
    host = HOSTS[family]
    with serving(tmp_path, tells=True) as fabric:
        before = udpecho(fabric, "path", "--json", f"--sport={PORTS}", host)
        assert {path["distance"] for path in before} == {4}
        assert {len(path["back"]) for path in before} == {3}
        members = {path["source_port"]: back_member_of(path) for path in before}
        out = {path["source_port"]: member_of(path) for path in before}
        assert len(set(members.values())) == 4, members
        assert members != out, "out and back choose apart"
        fabric.drop("d", "drop", back=True)
        told = udpecho(
            fabric, "ping", "--json", "--trace", "--flows=16", f"--sport={PORTS}", "-c480",
            "-i0.0125", "-W0.5", host,
        )  # fmt: skip
    [verdict] = [each for each in told if each["type"] == "verdict"]
    assert (verdict["state"], verdict["direction"]) == ("named", "back")
    [segment] = verdict["segments"]
    assert segment["after"]["ttl"] == 1
    assert segment["before"] is None
    assert segment["behind"]["ttl"] == 2
    losing = {each["source_port"] for each in verdict["losing"]}
    assert losing == {port for port, member in members.items() if member == "d"}
    for path in told:
        if path["type"] == "path" and path["source_port"] in losing:
            assert not path["reached"]
            assert path["arrived"] == path["asked_about"] > 0
            assert (path["distance"], len(path["back"])) == (4, 2)


@needs("setpriv")
@families
def test_with_a_server_that_tells_what_dies_on_the_way_out_is_named_so(
    family: str, tmp_path: Path
) -> None:
    host = HOSTS[family]
    with serving(tmp_path, tells=True) as fabric:
        fabric.drop("d", "drop")
        told = udpecho(
            fabric, "ping", "--json", "--trace", "--flows=16", f"--sport={PORTS}", "-c480",
            "-i0.0125", "-W0.5", host,
        )  # fmt: skip
    [verdict] = [each for each in told if each["type"] == "verdict"]
    assert (verdict["state"], verdict["direction"]) == ("named", "out")
    assert [segment["behind"]["ttl"] for segment in verdict["segments"]] == [2]
    losing = [each for each in verdict["evidence"] if each["losing"]]
    assert losing
    assert all(each["asked_about"] > each["arrived"] == 0 for each in losing)


@needs("traceroute")
@families
def test_traceroute_sees_the_same_hops(family: str, tmp_path: Path) -> None:
    """Of the same flow: Debian's traceroute, with a source port of its own."""
    version = "-6" if family == "ipv6" else "-4"
    address = TARGET6 if family == "ipv6" else TARGET
    with serving(tmp_path) as fabric:
        [ours] = udpecho(fabric, "path", "--json", "--sport=40003", HOSTS[family])
        options = [version, "-n", "-U", "-p", "7", "--sport=40003", "-q", "1", "-N", "1", "-m", "3"]
        theirs = fabric.at["source"].run("traceroute", *options, address)
    shown = [line.split()[1] for line in theirs.splitlines()[1:]]
    assert [hop["addresses"] for hop in ours["hops"]] == [[address] for address in shown]


@needs("mtr")
def test_mtr_sees_the_same_hops(tmp_path: Path) -> None:
    """Of the same flow, over IPv4: Debian's mtr, with a source port of its own."""
    with serving(tmp_path) as fabric:
        [ours] = udpecho(fabric, "path", "--json", "--sport=40003", HOSTS["ipv4"])
        options = ["-u", "-P", "7", "-L", "40003", "-n", "-r", "-c", "2", "-m", "3"]
        theirs = fabric.at["source"].run("mtr", *options, TARGET)
    shown = [line.split()[1] for line in theirs.splitlines() if ".|--" in line]
    assert [hop["addresses"] for hop in ours["hops"]] == [[address] for address in shown]


@families
def test_what_traces_have_said_costs_no_stamp_and_no_probe(family: str, tmp_path: Path) -> None:
    """Each ICMP message leaves an error that fails the next send, unless it is read before."""
    flows = ("--flows=16", f"--sport={PORTS}", "-i0.002", HOSTS[family])
    with serving(tmp_path) as fabric:
        udpecho(fabric, "ping", "--json", "-c64", *flows)  # neighbours are found
        fabric.drop("d", "drop")
        told = udpecho(fabric, "ping", "--json", "--trace", "-c3200", "-W1", *flows)
    [summary] = [each for each in told if each["type"] == "summary"]
    paths = [each for each in told if each["type"] == "path"]
    answered = sum(hop["answered"] for path in paths for hop in path["hops"])
    assert answered > 10
    dead = {path["source_port"] for path in paths if not path["reached"]}
    assert summary["sent"] == 3200
    assert summary["refused"] == 0
    assert summary["lost"] >= 200 * len(dead)  # a busy machine may be late with more
    assert summary["clocks"] == {
        clock: summary["received"] if clock == "kernel" else 0 for clock in summary["clocks"]
    }


@needs("tmux")
def test_what_changed_is_marked_on_a_terminal(tmp_path: Path) -> None:
    """However wide it is; and Ctrl-C leaves the last picture."""
    with serving(tmp_path) as fabric:
        command = fabric.at["source"].command(
            str(BIN / "udpecho"), "path", "--live", "-n", "--sport=40000-40007", HOSTS["ipv4"]
        )
        with Tmux(command, 80) as tmux:
            tmux.wait_for(lambda shown: any("8 of 8 flows" in line for line in shown))
            used = {line.split()[1] for line in tmux.screen() if line.startswith("2")}
            left = [n for n in range(1, 5) if f"10.9.{n}.2" != min(used)]
            ways = [word for n in left for word in ("nexthop", "via", f"10.9.{n}.2")]
            to = f"10.9.{len(LINKS) - 1}.0/30"
            fabric.at["r1"].ip("route", "replace", to, *ways)
            tmux.wait_for(lambda shown: any(line.startswith("-  2") for line in shown))
            for columns in (40, 200):
                tmux.resize(columns)
                tmux.wait_for(lambda shown: any("Ctrl-C ends" in line for line in shown))
                assert all(len(line) <= columns for line in tmux.screen())
            tmux.keys("C-c")
            shown = tmux.wait_for_the_end()
    assert shown[-1] == "status 0"
    [gone] = [line.split() for line in shown if line.startswith("-  2")]
    assert gone[2] == min(used)
    assert not any("Ctrl-C" in line for line in shown)
