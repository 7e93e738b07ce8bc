"""The whole mesh on a node's page: real nodes, real connections, and servers that are none."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from html import unescape
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.live.conftest import free_port
from tests.live.monitored import PROMETHEUS
from tests.live.program import Program, environment, twistd

NODES = [f"127.0.0.{number}" for number in (1, 2, 3)]

CONFIG = """
[node]
name = "{name}"
[reflect]
listen = "udp:{udp}:interface={own}"
[probe]
interval = 0.25
flows = 2
[[peers]]
hosts = [{hosts}]
zone = "fra"
[mesh]
web = "{scheme}://{{address}}:{web}"
{mesh}
[web]
listen = "tcp:{listen}:interface={own}"
"""

PATIENCE = 180.0


def free_ports(addresses: list[str]) -> list[int]:
    """Find two ports that are free for UDP and TCP at all of these addresses."""
    found: set[int] = set()
    while len(found) < 2:
        found.add(free_port(*addresses))
    return list(found)


class Node:
    """A node's process."""

    def __init__(
        self, directory: Path, own: str, peers: list[str], ports: list[int],
        scheme: str = "http", mesh: str = "", listen: int | None = None,
    ) -> None:  # fmt: skip
        udp, web = ports
        self.own, self.web = own, listen or web
        file = directory / f"{own}.toml"
        hosts = ", ".join(f'"{each}:{udp}"' for each in peers)
        text = CONFIG.format(
            name=f"node-{own}", udp=udp, own=own, hosts=hosts, scheme=scheme, mesh=mesh,
            web=web, listen=self.web,
        )  # fmt: skip
        file.write_text(text)
        self.log = directory / f"{own}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                twistd("udpecho", f"--watch={file}"),
                stdout=log, stderr=subprocess.STDOUT, env=environment(),
            )  # fmt: skip

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.own, self.web, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status == 200, text
        return text

    def told_grid(self, is_it: Callable[[str], bool]) -> str:
        """Look on as the page does, until rows are told that are so; nobody loads the page."""
        rows: dict[str, str] = {}
        connection = http.client.HTTPConnection(self.own, self.web, timeout=PATIENCE)
        connection.request("GET", "/events/")
        ends = time.monotonic() + PATIENCE
        with connection.getresponse() as stream:
            while time.monotonic() < ends:
                line = stream.readline().decode()
                if line.startswith("data: "):
                    piece = json.loads(line.removeprefix("data: "))
                    if piece["id"].startswith("row-"):
                        rows[piece["id"]] = piece["html"]
                    if len(rows) == len(NODES) and is_it("".join(rows.values())):
                        connection.close()
                        return "".join(rows.values())
        raise AssertionError("no such grid was told in time")

    def grid(self) -> dict[str, tuple[str, list[str]]]:
        """Give each row of the grid: what is noted of it, and the classes of its cells."""
        rows = {}
        for row in re.findall(r'<tr[^>]*><th scope="row">(.*?)</tr>', self.get("/")):
            head, _, cells = row.partition("</th>")
            name, _, note = head.partition(" <small")
            said = re.search(r'title="(.*?)"', note)
            rows[unescape(name)] = (
                unescape(said[1]) if said else "", re.findall(r'<td(?: class="(.*?)")?>', cells),
            )  # fmt: skip
        return rows

    def knows(self, peers: int) -> bool:
        """Tell whether it has heard of so many peers."""
        known = json.loads(self.get("/api/v1/row"))["peers"]
        return len(known) == peers and all(each["loss"] is not None for each in known)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def until(is_so: Callable[[], bool], what: Callable[[], object] = lambda: "") -> None:
    """Wait until something is so."""
    ends = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError):
            if is_so():
                return
        assert time.monotonic() < ends, f"it is not so in time: {what()}"
        time.sleep(0.3)


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[list[Node]]:
    """Run three nodes that know each other, at three addresses."""
    ports = free_ports(NODES)
    nodes = [Node(tmp_path, own, NODES, ports) for own in NODES]
    for node in nodes:  # who is asked before that is not asked again for 30 s
        until(lambda node=node: node.knows(2))  # type: ignore[misc]
    yield nodes
    for node in nodes:
        node.kill()


def test_a_grid_has_the_rows_of_all_three_nodes(mesh: list[Node]) -> None:
    first, second, last = mesh

    def knows_all(node: Node) -> bool:
        rows = node.grid()
        return len(rows) == 3 and all(
            note == "" and cells.count("") == 1 and len(cells) == 3 and "u" not in cells
            for note, cells in rows.values()
        )

    until(lambda: knows_all(first), first.grid)
    until(lambda: knows_all(second), second.grid)
    assert "not asked" not in last.told_grid(lambda html: html.count("?") == 0)
    rows = list(first.grid())
    assert rows[0] == f"node-{first.own}"
    assert {each.partition(":")[0] for each in rows[1:]} == {*NODES[1:]}
    mesh[2].kill()
    gone = rows[2] if NODES[2] in rows[2] else rows[1]
    until(lambda: first.grid()[gone][0].endswith("no answer: Connection refused"), first.grid)
    for node in mesh[:2]:
        assert "Traceback" not in node.log.read_text()
        assert "Unhandled" not in node.log.read_text()


@pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not installed")
def test_prometheus_finds_the_mesh_by_a_node(mesh: list[Node], tmp_path: Path) -> None:
    first = mesh[0]
    until(lambda: len(json.loads(first.get("/sd"))) == 3)
    scrape = {
        "job_name": "udpecho",
        "http_sd_configs": [{"url": f"http://{first.own}:{first.web}/sd"}],
    }
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    [port, _] = free_ports(["127.0.0.1"])
    command = [
        PROMETHEUS, "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip

    def targets() -> list[tuple[str, str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/api/v1/targets?state=active")
        found = json.load(connection.getresponse())["data"]["activeTargets"]
        connection.close()
        return sorted(
            (each["labels"]["instance"], each["labels"]["node_zone"], each["health"])
            for each in found
        )

    udp = json.loads(first.get("/api/v1/reflector"))["listens"][0].rpartition(":")[2]
    with Program(command, tmp_path) as prometheus:
        prometheus.wait_for("Server is ready to receive web requests", PATIENCE)
        until(
            lambda: targets() == [(f"{each}:{udp}", "fra", "up") for each in NODES],
            lambda: (targets(), prometheus.errors),
        )


# Servers that are no nodes.

BAD = [f"127.0.0.{number}" for number in range(11, 20)]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def _again(part: bytes) -> Callable[[socket.socket], None]:
    """Send a part again and again, some MB of it, until nobody listens."""

    def send(connection: socket.socket) -> None:
        many = part * (65_536 // len(part) + 1)
        for _ in range(200):
            connection.sendall(many)

    return send


def _once(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


BEHAVIOURS: dict[str, tuple[Callable[[socket.socket], None] | None, str]] = {
    BAD[0]: (None, "no answer: Connection refused"),
    BAD[1]: (lambda connection: time.sleep(8), "no answer within 2 s"),
    BAD[2]: (
        lambda c: _again(b"x")(c) if c.send(HEAD + b"\r\n") else None,
        "expected 1000000 bytes at most, got more",
    ),
    BAD[3]: (
        _once(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.11/\r\n\r\n"),
        "expected status 200, got 302",
    ),
    BAD[4]: (_once(HEAD + b"\r\n<html>no node</html>"), "expected a node's row"),
    BAD[5]: (
        lambda c: _again(b"X: y\r\n")(c) if c.send(HEAD) else None, "the answer broke off",
    ),
    BAD[6]: (_again(b"HTTP/1.1 100 Continue\r\n\r\n"), "the answer broke off"),
    BAD[7]: (
        lambda c: _again(b"1;x\r\ny\r\n")(c)
        if c.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        else None,
        "expected 1000000 bytes at most, got more",
    ),
    BAD[8]: (_once(b"\x00\xff" * 100), "the answer broke off"),
}  # fmt: skip
"""By address: what is done to whoever connects, and what is noted of it."""


class Servers:
    """Servers at some addresses and one port, and how often each was asked."""

    def __init__(self, port: int) -> None:
        self.asked = dict.fromkeys(BEHAVIOURS, 0)
        self._port = port
        self._ends = Event()
        self._threads: list[Thread] = []

    @contextmanager
    def __call__(self) -> Iterator[Servers]:
        with ExitStack() as stack:
            for address, (does, _) in BEHAVIOURS.items():
                if does is not None:
                    server = stack.enter_context(socket.create_server((address, self._port)))
                    server.settimeout(0.2)
                    thread = Thread(target=self._serve, args=(server, address, does), daemon=True)
                    thread.start()
                    self._threads.append(thread)
            yield self
            self._ends.set()
            for thread in self._threads:
                thread.join(PATIENCE)

    def _serve(
        self, server: socket.socket, address: str, does: Callable[[socket.socket], None]
    ) -> None:
        while not self._ends.is_set():
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(10)
                    asked = b""
                    while b"\r\n\r\n" not in asked:
                        asked += connection.recv(4096) or b"\r\n\r\n"
                    assert asked.startswith(b"GET /api/v1/row HTTP/1.1\r\n")
                    self.asked[address] += 1
                    does(connection)


def test_who_answers_as_no_node_does_spoils_its_own_row_alone(tmp_path: Path) -> None:
    ports = free_ports([NODES[0], NODES[1], *BAD])
    nodes = [Node(tmp_path, own, [*NODES[:2], *BAD], ports) for own in NODES[:2]]
    first = nodes[0]
    try:
        with Servers(ports[1])() as servers:
            until(lambda: first.knows(10))
            until(lambda: nodes[1].knows(10))
            for path in ("/api/v1/node", "/sd", "/metrics", "/pair/127.0.0.11:" + str(ports[0])):
                first.get(path)
            time.sleep(1)
            assert sum(servers.asked.values()) == 0

            def noted() -> dict[str, str]:
                return {row.partition(":")[0]: note for row, (note, _) in first.grid().items()}

            until(lambda: all(noted()[each].startswith("no answer: ") for each in BAD), noted)
            notes = noted()
            for address, (_, said) in BEHAVIOURS.items():
                assert re.search(f"{said}|within 2 s", notes[address]), (address, notes[address])
            assert notes[NODES[1]] == ""
            cells = first.grid()[f"{NODES[1]}:{ports[0]}"][1]
            assert cells.count("u") == 0
            assert all(count == 1 for address, count in servers.asked.items() if address != BAD[0])
            for address in BAD:
                assert set(first.grid()[f"{address}:{ports[0]}"][1]) == {"u", ""}
            late = json.loads(first.get("/api/v1/node"))["lateness"]
            assert sum(late["counts"]) > 10
        for node in nodes:
            log = node.log.read_text()
            assert "Traceback" not in log
            assert "Unhandled" not in log
            assert "unexpected" not in log
    finally:
        for node in nodes:
            node.kill()
