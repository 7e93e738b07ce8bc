"""Nodes of a mesh as processes: twistd, real sockets, a real scrape, signals."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.live.conftest import free_port
from tests.live.program import environment, twistd

CONFIG = """
[node]
name = "node-{n}"
[reflect]
listen = "udp:{own}:interface=127.0.0.1"
[probe]
interval = 0.25
flows = 4
[[peers]]
hosts = ["127.0.0.1:{own}", "127.0.0.1:{other}"]
[web]
listen = "tcp:{web}:interface=127.0.0.1"
"""

PATIENCE = 120.0

ENDED = (0, -signal.SIGTERM)
"""As twistd ends when it was told to: Twisted's later ones say by which signal."""


class Node:
    """A node's process."""

    def __init__(self, directory: Path, n: int, ports: list[int]) -> None:
        self.web = ports[2 + n]
        self.file = directory / f"watch-{n}.toml"
        self.text = CONFIG.format(n=n, own=ports[n], other=ports[1 - n], web=self.web)
        self.file.write_text(self.text)
        self.log = directory / f"log-{n}"
        command = twistd("udpecho", f"--watch={self.file}")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment()
            )

    def get(self, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def value(self, series: str) -> float:
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0


class SourceOfPeers(BaseHTTPRequestHandler):
    """Names peers, or sends on to where they are."""

    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/peers")
        self.end_headers()
        targets = ["127.0.0.1:9"] if self.path == "/peers" else ["x"] * 600_000
        with suppress(OSError):  # who has heard enough hangs up
            self.wfile.write(json.dumps([{"targets": targets}]).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def http_sd() -> Iterator[int]:
    """Have a server of peers, and give its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SourceOfPeers) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(PATIENCE)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        assert time.monotonic() < ends, "it is not so in time"
        time.sleep(0.1)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    ports = [free_port() for _ in range(4)]
    started = [Node(tmp_path, n, ports) for n in range(2)]
    yield started
    for node in started:
        node.process.kill()
        node.process.wait(10)


def test_two_nodes_watch_each_other_and_obey_signals(nodes: list[Node]) -> None:
    first, second = nodes
    peer = re.findall(r"127.0.0.1:\d+", first.text)[-1]
    replied = f'udpecho_probes_total{{peer="{peer}",outcome="replied"}}'
    until(lambda: first.get("/-/ready")[0] == second.get("/-/ready")[0] == 200)
    until(lambda: first.value(replied) > 20)
    assert first.value("udpecho_peers_probed") == 1
    assert first.get("/metrics", "evil.example")[0] == 421
    before = first.value(replied)
    first.process.send_signal(signal.SIGHUP)
    until(lambda: first.value('udpecho_config_reloads_total{result="taken"}') == 1)
    first.file.write_text(first.text.replace("node-0", "other"))
    until(lambda: first.value('udpecho_config_reloads_total{result="refused"}') == 1)
    assert first.value("udpecho_config_last_reload_successful") == 0
    assert first.value(replied) >= before
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(PATIENCE) in ENDED
    unheard = [replied.replace("replied", fate) for fate in ("lost", "refused")]
    until(lambda: sum(map(first.value, unheard)) > 3)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(PATIENCE) in ENDED
    for node in nodes:
        log = node.log.read_text()
        assert "Traceback" not in log
        assert "udpecho has stopped" in log


def test_a_server_names_peers_and_no_redirect_is_followed(nodes: list[Node], http_sd: int) -> None:
    node = nodes[0]
    urls = [f"http://127.0.0.1:{http_sd}/{path}" for path in ("peers", "moved", "long")]
    urls.append(f"http://127.0.0.1:{free_port()}/nobody")
    node.file.write_text(node.text + "".join(f'[[peers]]\nhttp = "{url}"\n' for url in urls))

    def failed(url: str) -> bool:
        return node.value(f'udpecho_source_failures_total{{source="http:{url}"}}') == 1

    until(lambda: node.value("udpecho_peers_probed") == 2)
    assert node.value(f'udpecho_source_up{{source="http:{urls[0]}"}}') == 1
    until(lambda: all(map(failed, urls[1:])))
    log = node.log.read_text()
    assert f"{urls[1]}: expected status 200, got 302" in log
    assert f"{urls[2]}: expected 2000000 bytes at most, got more" in log
    assert f"{urls[3]}: " in log
    assert "Traceback" not in log
    assert "HTTP11ClientFactory" not in log
