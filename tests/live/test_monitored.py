"""Three nodes, a Prometheus, an Alertmanager and a webhook: the short form of tests.bench.mesh."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from tests.live.conftest import bound, free_port, needs
from tests.live.monitored import (
    READY,
    RULES,
    Monitoring,
    Webhook,
    monitoring,
    prometheus,
    why_not,
)
from tests.live.program import ROOT, Program, run, twistd

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

PATIENCE = 300.0
"""Seconds for what takes one, and for alerts: a node that is late itself tells of none."""

NAMES = ("one", "two", "three")

CONFIG = """
[node]
name = "{name}"
[reflect]
listen = "udp:{udp}:interface=127.0.0.1"
[probe]
interval = 0.5
flows = 8
[[peers]]
file = "peers.json"
[web]
listen = "tcp:{web}:interface=127.0.0.1"
"""


class Lossy:
    """Answers as an echo server does, but for what it loses."""

    def __init__(self) -> None:
        self.share = 0.0
        self._random = Random(1)
        self._socket = bound()
        self._socket.settimeout(None)
        self.port: int = self._socket.getsockname()[1]
        self._thread = Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(2048)
            if not data:
                return
            if self._random.random() >= self.share:
                self._socket.sendto(data, sender)

    def stop(self) -> None:
        """Answer no more."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ends:
            ends.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(20)
        self._socket.close()


@pytest.fixture(scope="module")
def lossy() -> Iterator[Lossy]:
    made = Lossy()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory, lossy: Lossy) -> Iterator[Monitoring]:
    """Have three nodes and one whom only they know."""
    tmp_path = tmp_path_factory.mktemp("monitored")
    udp, web = ({name: free_port() for name in NAMES} for _ in range(2))
    peers = {**udp, "four": lossy.port}
    (tmp_path / "peers.json").write_text(
        json.dumps(
            [
                {"targets": [f"127.0.0.1:{port}"], "labels": {"name": name}}
                for name, port in peers.items()
            ]
        )
    )
    with ExitStack() as stack:
        for name in NAMES:
            file = tmp_path / f"{name}.toml"
            file.write_text(CONFIG.format(name=name, udp=udp[name], web=web[name]))
            node = Program(twistd("udpecho", f"--watch={file}"), tmp_path)
            stack.enter_context(node).wait_for("udpecho answers", PATIENCE)
        targets = {name: f"127.0.0.1:{port}" for name, port in web.items()}
        ports = free_port(), free_port(), free_port()
        yield stack.enter_context(monitoring(tmp_path, targets, ports, seconds=1))


def test_a_loss_is_an_alert_and_its_end_is_told(monitored: Monitoring, lossy: Lossy) -> None:
    monitored.wait_until("count(udpecho:often)", len(NAMES), PATIENCE)
    lossy.share = 0.2
    firing = monitored.webhook.wait_for("firing", PATIENCE, alertname="UdpechoPeerLoses")
    assert firing.labels["peer"] == "four"
    lossy.share = 0.0
    monitored.webhook.wait_for("resolved", PATIENCE, alertname="UdpechoPeerLoses")
    told = [each.labels for each in monitored.webhook.told]
    assert [each for each in told if "peer" in each and each["peer"] != "four"] == []


DASHBOARD = ROOT / "deploy/grafana/udpecho.json"

SET_BY_GRAFANA = {"$instance": ".*", "$peer": ".*", "$__rate_interval": "30s"}

OF_FAULTS = ("udpecho_verdict", "udpecho_flow_losing", "reload_successful", "udpecho_path")
"""What is said only where something is amiss that is not so here."""


def expressions() -> list[str]:
    """List what the dashboard asks Prometheus for, as Grafana would."""
    board = json.loads(DASHBOARD.read_text())
    found = [each["expr"] for panel in board["panels"] for each in panel.get("targets", ())]
    found += [each["expr"] for each in board["annotations"]["list"]]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found.append(re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])[1])  # type: ignore[index]
    for name, value in SET_BY_GRAFANA.items():
        found = [each.replace(name, value) for each in found]
    return found


def test_the_dashboard_asks_for_what_there_is(monitored: Monitoring, lossy: Lossy) -> None:
    lossy.share = 0.2
    monitored.wait_until('count(ALERTS{alertstate="firing"})', 1, PATIENCE)
    asked = expressions()
    assert len(asked) > 20
    for each in asked:
        found = monitored.query(each)
        assert found or any(name in each for name in OF_FAULTS), each
        assert "NaN" not in [value["value"][1] for value in found], each


def test_the_dashboards_panels_have_a_place_each() -> None:
    taken: set[tuple[int, int]] = set()
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        squares = {
            (at["x"] + right, at["y"] + down) for right in range(at["w"]) for down in range(at["h"])
        }
        assert not squares & taken, panel["title"]
        taken |= squares
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_nodes_are_found_by_what_a_node_lists(tmp_path: Path) -> None:
    """As deploy/'s file asks, at other addresses; instance is what peers call the node."""
    udp, web, port = free_port(), free_port(), free_port()
    (tmp_path / "peers.json").write_text(
        json.dumps([{"targets": [f"127.0.0.1:{udp}"], "labels": {"name": "one", "zone": "a"}}])
    )
    file = tmp_path / "one.toml"
    mesh = f'[mesh]\nweb = "http://{{address}}:{web}"\n'
    file.write_text(CONFIG.format(name="one", udp=udp, web=web) + mesh)
    config = (ROOT / "deploy/prometheus/prometheus-sd.yml").read_text()
    for old, new in (
        ("10.0.0.1:8060", f"127.0.0.1:{web}"),
        ("10.0.0.2:8060", f"127.0.0.1:{web}"),
        ("udpecho.rules.yml", str(RULES)),
        ("scrape_interval: 5s", "scrape_interval: 1s"),
        ("refresh_interval: 30s", "refresh_interval: 1s"),
    ):
        assert old in config
        config = config.replace(old, new)
    (tmp_path / "prometheus.yml").write_text(config)
    with (
        Program(twistd("udpecho", f"--watch={file}"), tmp_path) as node,
        Program(prometheus(f"127.0.0.1:{port}"), tmp_path) as scraping,
    ):
        node.wait_for("udpecho answers", PATIENCE)
        scraping.wait_for(READY, PATIENCE)
        told = Monitoring(f"http://127.0.0.1:{port}", Webhook(), lambda ask: ask(), lambda: "")
        told.wait_until('up{job="udpecho",instance="one",node_zone="a"}', 1, PATIENCE)


@needs("amtool")
def test_alertmanagers_file_is_right(tmp_path: Path) -> None:
    file = ROOT / "deploy/prometheus/alertmanager.yml"
    checked = run(["amtool", "check-config", str(file)], tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
