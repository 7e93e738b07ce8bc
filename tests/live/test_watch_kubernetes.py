"""A headless service as a source of peers: Kubernetes' DNS, imitated by twisted.names' server.

In two namespaces: the node in one, pods and DNS in the other. No real cluster is meant by this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.netns import Namespace, pair, why_not
from tests.live.program import Program, environment, python, twistd
from tests.live.watching import Watching, events_of, kinds_of, until

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

SERVICE = "udpecho.monitoring.svc.cluster.local"
SHORT = "udpecho.monitoring.svc"
RESOLV_CONF = """
nameserver {address}
search monitoring.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
"""

MOUNTED = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


class Cluster:
    """A cluster's network: its DNS, its pods, and a node that asks."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.stack = stack
        self.beyond, self.here = stack.enter_context(pair())
        self.state, self.asked = directory / "state", directory / "asked"
        self.asked.touch()
        self.says()
        dns = ["-m", "tests.live.kube_dns", self.beyond.ipv4, "53", self.state, self.asked]
        server = self._begin(self.beyond, python(*map(str, dns)))
        server.wait_for("answering")
        self.resolv_conf = directory / "resolv.conf"
        self.resolv_conf.write_text(RESOLV_CONF.format(address=self.beyond.ipv4))

    def says(
        self,
        a: Sequence[str] = (),
        aaaa: Sequence[str] = (),
        *,
        mode: str = "answers",
        ttl: int = 5,
        more: dict[str, Any] | None = None,
    ) -> None:
        """Have DNS say this of the service; where it has no record of it there is no such name."""
        records = {SERVICE: {"A": list(a), "AAAA": list(aaaa)}} if a or aaaa else {}
        state = {"mode": mode, "ttl": ttl, "records": records | (more or {})}
        other = self.state.with_suffix(".new")
        other.write_text(json.dumps(state))
        other.replace(self.state)

    def pod(self, number: int) -> tuple[str, Program]:
        """Begin a pod with an address of its own; it has none of our zone's, as any pod."""
        address = f"198.18.0.{10 + number}"
        if address not in self.beyond.ip("address", "show"):
            self.beyond.ip("address", "add", f"{address}/24", "dev", self.beyond.interface)
        listen = f"--listen=udp:1060:interface={address}"
        return address, self._begin(self.beyond, twistd("udpecho", listen))

    def watch(self, name: str) -> Node:
        """Begin a node with the service as its source."""
        return self.stack.enter_context(Node(self, name))

    def times_asked(self, name: str, kind: str) -> int:
        return self.asked.read_text().splitlines().count(f"{name} {kind}")

    def _begin(self, where: Namespace, command: list[str]) -> Program:
        program = Program(where.command(*command), self.directory, env=environment())
        return self.stack.enter_context(program)


class Node(Watching):
    """A node in the namespace, with a resolv.conf as a pod has it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.source = f'{{source="dns:{name}"}}'
        self.events = cluster.directory / "events"
        more = f"[events]\nfile = '{self.events}'\n[[peers]]\ndns = '{name}'\n"
        super().__init__(cluster.directory, more, within=self._inside)

    def _inside(self, command: Sequence[str]) -> list[str]:
        mounted = ["sh", "-c", MOUNTED, "sh", str(self.cluster.resolv_conf), *command]
        return self.cluster.here.command(*mounted)

    def get(self, path: str = "/metrics") -> str:
        return self.cluster.here.do(lambda: super(Node, self).get(path))

    def peers(self) -> set[str]:
        """Name whom it probes."""
        found = (name for name in self.values() if name.startswith("udpecho_peer_info{"))
        return {name.partition('peer="')[2].partition('"')[0] for name in found}

    def failures(self) -> float:
        """Tell how often its source failed."""
        return self.value(f"udpecho_source_failures_total{self.source}")

    def is_up(self) -> bool:
        """Tell whether its source answered last."""
        return self.value(f"udpecho_source_up{self.source}") == 1


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


def named(*addresses: str) -> set[str]:
    """Name pods as peers are called."""
    return {f"{each}:1060" for each in addresses}


def test_pods_come_and_go(cluster: Cluster) -> None:
    """By a short name, with addresses of both families."""
    (one, killed), (two, _), (three, _) = (cluster.pod(number) for number in (1, 2, 3))
    ipv6 = cluster.beyond.ipv6  # at which nobody answers
    cluster.says([one, two])
    node = cluster.watch(SHORT)
    until(lambda: node.is_probing(f"{one}:1060") and node.is_probing(f"{two}:1060"))
    assert node.peers() == named(one, two)
    cluster.says([one, two, three])
    until(lambda: node.is_probing(f"{three}:1060"))
    killed.process.kill()
    cluster.says([two, three])
    until(lambda: kinds_of(events_of(node.events)) == ["peer_silent"])
    assert f"{one}:1060" in node.peers(), "the dead are just what there is to tell of"
    cluster.says([three], [ipv6])
    until(lambda: node.peers() == named(one, three, f"[{ipv6}]"))
    assert node.is_up()


def test_while_dns_says_nothing_of_use_the_last_peers_stay(cluster: Cluster) -> None:
    one, _ = cluster.pod(1)
    cluster.says([one])
    node = cluster.watch(SHORT)
    until(lambda: node.is_probing(f"{one}:1060"))
    nobody = f"DNS has nobody by the name {SHORT}"
    for mode, records, why in (
        ("silent", [one], f"DNS does not tell of {SHORT}: no answer"),
        ("stuck", [one], f"DNS does not tell of {SHORT}: no answer"),
        ("servfail", [one], f"DNS does not tell of {SHORT}: it answers ServerError"),
        ("answers", [], nobody),
    ):
        cluster.says(records, mode=mode)
        said = f"peers: {why}; those known stay"
        times = node.log.count(said)
        until(lambda said=said, times=times: node.log.count(said) > times)  # type: ignore[misc]
        assert not node.is_up()
        assert node.peers() == named(one)
        cluster.says([one])
        until(node.is_up)
    cluster.says(more={SERVICE: {}})
    until(lambda: not node.is_up())
    replied = node.value(f'udpecho_probes_total{{peer="{one}:1060",outcome="replied"}}')
    until(lambda: node.is_probing(f"{one}:1060", round(replied) + 8))
    assert node.log.count(f"peers: {nobody}; those known stay") == 2, "once each time"
    assert "UDP Port" not in node.log, "a line for each question"
    assert node.value('udpecho_probes_total{peer="' + one + ':1060",outcome="lost"}') == 0


def test_nobody_at_first_and_then_an_answer_that_only_tcp_has_room_for(cluster: Cluster) -> None:
    one, _ = cluster.pod(1)
    node = cluster.watch(SHORT)
    until(lambda: node.failures() > 0)
    many = [f"198.18.0.{number}" for number in range(100, 140)]
    cluster.says([one, *many], mode="truncated")
    until(lambda: node.is_probing(f"{one}:1060"))
    assert node.peers() == named(one, *many)


@pytest.mark.parametrize(("ttl", "least", "most"), [(5, 3, 99), (30, 1, 1)])
def test_it_is_asked_again_when_its_ttl_is_over(
    cluster: Cluster, ttl: int, least: int, most: int
) -> None:
    one, _ = cluster.pod(1)
    cluster.says([one], ttl=ttl)
    node = cluster.watch(SHORT)
    until(lambda: node.is_probing(f"{one}:1060", 48))
    until(lambda: cluster.times_asked(SERVICE, "A") >= least)
    assert cluster.times_asked(SERVICE, "A") <= most


def test_srv_records_name_pods_and_ports(cluster: Cluster) -> None:
    one, _ = cluster.pod(1)
    pod = f"198-18-0-11.{SERVICE}"
    service = f"_udpecho._udp.{SERVICE}"
    records = {service: {"SRV": [[pod, 1060]]}, pod: {"A": [one]}}
    cluster.says([one], more=records)
    node = cluster.watch(f"_udpecho._udp.{SHORT}")
    until(lambda: node.is_probing(f"{pod}:1060"))
    assert node.peers() == {f"{pod}:1060"}
