"""A node finds where flows die, on Linux's own routers: four equal ways, in namespaces."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.live.conftest import needs
from tests.live.ecmp import MEMBERS, TARGET, Ecmp, ecmp
from tests.live.netns import why_not
from tests.live.program import Program, python, twistd

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.skipif(
        not Path("/proc/sys/net/ipv4/fib_multipath_hash_seed").exists(),
        reason="a seed of each router's own needs Linux 6.11",
    ),
    needs("nft"),
    needs("setpriv"),
]

SERVERS = """
from twisted.internet import reactor
from udpecho import EchoServer, listen_udp
from udpecho.guard import Guard, Policy
limited = Guard(Policy(rate=48, burst=200))
for port, guard in ((7, None), (8, limited)):
    listen_udp(reactor, port, EchoServer(guard=guard, tell_paths=TELLS), "ADDRESS")
print("ready", flush=True)
reactor.run()
"""

NEAR = "10.9.0.2"
"""The first router: what is probed there passes no member."""

PEER, LIMITED, CLEAN = f"{TARGET}:7", f"{TARGET}:8", f"{NEAR}:7"
"""The second answers 48 of 64 probes a second."""

CONFIG = """
[reflect]
listen = "udp:1060:interface=127.0.0.1"
[probe]
flows = 64
[[peers]]
hosts = [PEERS]
[web]
listen = "tcp:8060:interface=127.0.0.1"
"""
"""So many flows that some pass each member, whatever their ports."""

WITHIN = 90.0
"""Seconds after which there is a verdict; it takes a sixth of that where so many flows tell."""


class Watching:
    """A node behind the fabric, without a capability."""

    def __init__(self, fabric: Ecmp) -> None:
        self.fabric = fabric

    def metrics(self) -> str:
        with self.fabric.at["source"].socket(socket.AF_INET, socket.SOCK_STREAM) as skt:
            skt.settimeout(10)
            skt.connect(("127.0.0.1", 8060))
            skt.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b"".join(iter(lambda: skt.recv(65536), b""))
        return answer.decode()

    def values(self, name: str, peer: str) -> dict[str, float]:
        """Give a metric's values of a peer, by what else their labels are."""
        found = re.findall(
            rf'^{name}{{peer="{re.escape(peer)}",?(.*)}} (\S+)$', self.metrics(), re.MULTILINE
        )
        return {labels: float(value) for labels, value in found}

    def wait_for(self, name: str, peer: str, least: int = 1, within: float = WITHIN) -> list[str]:
        """Wait until there are some values, and give their labels."""
        until = time.monotonic() + within
        while len(found := self.values(name, peer)) < least:
            assert time.monotonic() < until, f"no {name} of {peer}"
            time.sleep(0.5)
        return list(found)


@contextmanager
def watching(
    tmp_path: Path,
    *peers: str,
    tells: bool = False,
    config: str = CONFIG,
    icmp_ratelimit: int = 0,
    mtu: int = 1500,
) -> Iterator[Watching]:
    """Have a node probe peers behind four equal ways and before them, until it knows the paths."""
    (tmp_path / "watch.toml").write_text(config.replace("PEERS", ", ".join(map(repr, peers))))
    plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    with ecmp(icmp_ratelimit) as fabric, ExitStack() as programs:
        for member in MEMBERS:
            fabric.narrow(member, mtu)
        for place, address in (("target", TARGET), ("r1", NEAR)):
            source = SERVERS.replace("ADDRESS", address).replace("TELLS", str(tells))
            command = fabric.at[place].command(*python("-c", source))
            programs.enter_context(Program(command, tmp_path)).wait_for("ready")
        node = [*plain, *twistd("udpecho", f"--watch={tmp_path}/watch.toml")]
        started = Program(fabric.at["source"].command(*node), tmp_path)
        programs.enter_context(started).wait_for("WatchSite starting")
        here = Watching(fabric)
        for peer in peers:
            here.wait_for("udpecho_path_hops", peer)
        yield here


def members(labels: str) -> set[str]:
    """Name the members that a verdict names, by the address that r1's side of each has."""
    return {MEMBERS[int(number) - 1] for number in re.findall(r"10\.9\.([1-4])\.2", labels)}


def test_the_member_that_drops_a_tenth_is_named(tmp_path: Path) -> None:
    with watching(tmp_path, PEER, CLEAN) as here:
        for peer, hops in ((PEER, 3), (CLEAN, 0)):
            assert sum(here.values("udpecho_path_flows", peer).values()) == 64
            assert here.values("udpecho_path_hops", peer) == {"": hops}
        here.fabric.drop("d", "numgen random mod 10 == 0 drop")
        [named] = here.wait_for("udpecho_verdict", PEER)
        assert members(named) == {"d"}
        assert 'direction="unknown"' in named
        assert here.values("udpecho_flow_losing", PEER)
        assert here.values("udpecho_verdict", CLEAN) == {}
        assert here.values("udpecho_flow_losing", CLEAN) == {}
        for peer in (PEER, CLEAN):
            assert here.values("udpecho_path_changes_total", peer) == {"": 0}


def test_a_peer_that_tells_tells_that_it_is_on_the_way_back(tmp_path: Path) -> None:
    with watching(tmp_path, PEER, tells=True) as here:
        here.fabric.drop("c", "drop", back=True)
        [named] = here.wait_for("udpecho_verdict", PEER)
        assert 'direction="back"' in named


def test_who_answers_a_steady_rate_has_no_verdict(tmp_path: Path) -> None:
    """Beside one that loses nothing the last link would seem to lose."""
    with watching(tmp_path, f"{TARGET}:7", LIMITED) as here:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert here.values("udpecho_verdict", LIMITED) == {}
            time.sleep(1)
        assert here.values("udpecho_probes_total", LIMITED)['outcome="lost"'] > 100
        assert here.values("udpecho_flow_losing", LIMITED) == {}


def test_the_path_mtu_of_each_peer_is_told(tmp_path: Path) -> None:
    with watching(tmp_path, PEER, CLEAN, mtu=1400) as here:
        for peer, mtu in ((PEER, 1400), (CLEAN, 1500)):
            here.wait_for("udpecho_path_mtu_bytes", peer)
            assert here.values("udpecho_path_mtu_bytes", peer) == {"": mtu}
        for peer in (PEER, CLEAN):
            assert here.values("udpecho_probes_total", peer)['outcome="lost"'] == 0
