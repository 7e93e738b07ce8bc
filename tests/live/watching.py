"""A node of a mesh as a process of a test: its file, its metrics, its events and its log."""

from __future__ import annotations

import http.client
import json
import re
import signal
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

from tests.live.conftest import free_port
from tests.live.program import Program, environment, twistd

PATIENCE = 180.0
"""Seconds to wait for what should take a few, on a machine with other work."""

TEXT = """
[node]
name = "node"
[reflect]
listen = "udp:{own}:interface=127.0.0.1"
[probe]
interval = 0.25
flows = 4
[web]
listen = "tcp:{web}:interface=127.0.0.1"
"""


class Watching:
    """A node's process; leaving the context ends it as an operator does."""

    def __init__(
        self,
        directory: Path,
        more: str = "",
        *,
        options: Sequence[str] = (),
        within: Callable[[Sequence[str]], list[str]] = list,
        command: Sequence[str] | None = None,
    ) -> None:
        """Begin. more is what its file has besides; within makes a command run elsewhere.

        command is what runs it in place of twistd.
        """
        self.log_file: Path | None = None
        """Where it logs, if not to standard output; gone when it ends."""

        self.own, self.web = free_port(), free_port()
        self.file = directory / "watch.toml"
        self.text = TEXT.format(own=self.own, web=self.web)
        self.put(more)
        run = [*(command or twistd()), "udpecho", f"--watch={self.file}", *options]
        self.program = Program(within(run), directory, env=environment())

    def __enter__(self) -> Self:
        self.program.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                log = self.log
                self.program.stop()
                log = log if self.log_file else self.log
                assert "Traceback" not in log
                assert self.log_file or "udpecho has stopped" in log
        finally:
            self.program.__exit__(*error)

    @property
    def log(self) -> str:
        """What it has logged so far."""
        more = self.log_file.read_text() if self.log_file else ""
        return self.program.output + self.program.errors + more

    def put(self, more: str) -> None:
        """Have its file say this besides."""
        other = self.file.with_suffix(".new")
        other.write_text(self.text + more)
        other.replace(self.file)

    def hang_up(self) -> None:
        """Have it read its file again."""
        self.program.signal(signal.SIGHUP)

    def get(self, path: str = "/metrics") -> str:
        """Ask it for a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def values(self) -> dict[str, float]:
        """Scrape it. Raises ConnectionError if it makes too many pages now."""
        text = self.get()
        if not text.startswith("# HELP"):
            raise ConnectionError(text)
        lines = (line for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def value(self, series: str) -> float:
        """Scrape it, and give one value; 0 if it has none."""
        return self.values().get(series, 0.0)

    def is_probing(self, peer: str, times: int = 8) -> bool:
        """Tell whether a peer has answered it so often."""
        return self.value(f'udpecho_probes_total{{peer="{peer}",outcome="replied"}}') >= times


def events_of(file: Path) -> list[dict[str, Any]]:
    """Read events; a line that is being written is left out."""
    if not file.exists():
        return []
    text = file.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def kinds_of(events: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in events]


def until(is_so: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + patience
    while True:
        with suppress(OSError, http.client.HTTPException):
            if is_so():
                return
        assert time.monotonic() < ends, "it is not so in time"
        time.sleep(0.1)


@contextmanager
def reflector(
    directory: Path, port: int, *options: str, address: str = "127.0.0.1"
) -> Iterator[Program]:
    """Have an echo service that watches nobody."""
    listen = f"--listen=udp:{port}:interface={address}"
    with Program(twistd("udpecho", listen, *options), directory) as program:
        program.wait_for("answering|listening|on port|udp")
        yield program


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted, or does what its server is told to do."""

    server: HookServer

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers)))
        if self.server.hangs.is_set():
            self.server.released.wait(PATIENCE)
            return
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()
        if self.server.status == 200:
            self.server.bodies.append(json.loads(body))

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class HookServer(ThreadingHTTPServer):
    """Where events are posted to."""

    daemon_threads = True

    def __init__(self, certificate: Path | None, key: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
            self.scheme = "https"
        self.status = 200
        self.hangs, self.released = Event(), Event()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/hook"

    def handle_error(self, *_: object) -> None:
        """Print nothing of who does not believe us."""

    def events(self) -> list[dict[str, Any]]:
        """Give what it took."""
        return [event for body in self.bodies for event in body["events"]]


@contextmanager
def hook_server(certificate: Path | None = None, key: Path | None = None) -> Iterator[HookServer]:
    """Have a server of webhooks; over TLS if it has a certificate."""
    with HookServer(certificate, key) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join(PATIENCE)


def series_of_peers(values: Mapping[str, float]) -> dict[str, float]:
    """Choose the counters of peers."""
    grows = re.compile(r"_(total|count|bucket|sum)\{")
    return {each: values[each] for each in values if "peer=" in each and grows.search(each)}
