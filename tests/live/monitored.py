"""A real Prometheus and Alertmanager with the rules of deploy/, and a webhook that hears them."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.live.program import ROOT, Program

RULES = ROOT / "deploy/prometheus/udpecho.rules.yml"

PROMETHEUS = shutil.which("prometheus") or ""
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or ""

DEBIAN_TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
"""What Debian's wants beside its program."""

PATIENCE = 300.0

READY = "Server is ready to receive web requests"

Labels = Mapping[str, str]


def why_not() -> str | None:
    """Say why there is none here, or None."""
    if not PROMETHEUS:
        return "prometheus is not installed"
    if not ALERTMANAGER:
        return "alertmanager is not installed"
    if Path(ALERTMANAGER).name.startswith("prometheus-") and not DEBIAN_TEMPLATES.exists():
        return "alertmanager's templates are not installed"
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What the webhook was told of an alert, and when by the monotonic clock."""

    at: float
    status: str
    labels: Labels
    annotations: Labels


@dataclass(slots=True)
class Webhook:
    """Hears alerts."""

    told: list[Told] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Note a message of Alertmanager's."""
        now = time.monotonic()
        with self.heard:
            for each in message["alerts"]:
                self.told.append(Told(now, each["status"], each["labels"], each["annotations"]))
            self.heard.notify_all()

    def wait_for(self, status: str, patience: float, **labels: str) -> Told:
        """Wait until an alert with these labels, of those not yet looked at, has that status."""
        ends = time.monotonic() + patience
        with self.heard:
            while True:
                for told in self.told:
                    if told.status == status and labels.items() <= told.labels.items():
                        return told
                left = ends - time.monotonic()
                assert left > 0, f"not told: {status} {labels}; but {self.told}"
                self.heard.wait(left)


@dataclass(frozen=True, slots=True)
class Monitoring:
    """They run, and may be asked."""

    url: str
    webhook: Webhook
    inside: Callable[[Callable[[], Any]], Any]
    logs: Callable[[], str]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Ask Prometheus for an expression's value now; raises HTTPError if it is none."""
        asked = urllib.parse.urlencode({"query": expr})

        def ask() -> Any:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=30) as answer:
                return json.load(answer)

        found: list[dict[str, Any]] = self.inside(ask)["data"]["result"]
        return found

    def value(self, expr: str) -> float:
        """Give an expression's only value; 0 if it has none."""
        found = self.query(expr)
        return float(found[0]["value"][1]) if found else 0.0

    def wait_until(self, expr: str, value: float, patience: float = PATIENCE) -> None:
        """Wait until an expression's value is that or more."""
        ends = time.monotonic() + patience
        while self.value(expr) < value:
            assert time.monotonic() < ends, f"{expr} is {self.query(expr)}\n{self.logs()}"
            time.sleep(0.5)


def prometheus(listen: str, file: str = "prometheus.yml") -> list[str]:
    """Write the command line that has it scrape and remember."""
    return [
        PROMETHEUS, f"--config.file={file}", "--storage.tsdb.path=prometheus",
        f"--web.listen-address={listen}",
    ]  # fmt: skip


def _plainly(what: Callable[[], Any]) -> Any:
    return what()


@contextmanager
def monitoring(
    directory: Path,
    targets: Mapping[str, str],
    ports: tuple[int, int, int],
    *,
    seconds: float = 5,
    wrap: Callable[[list[str]], list[str]] = list,
    inside: Callable[[Callable[[], Any]], Any] = _plainly,
) -> Iterator[Monitoring]:
    """Scrape nodes, by name, every so many seconds; ports are Prometheus', Alertmanager's, ours.

    wrap has commands run elsewhere, and inside calls of ours: in a network namespace.
    """
    webhook = Webhook()
    remembers, alertmanager, ours = ports
    _configure(directory, targets, ports, f"{round(seconds * 1000)}ms")
    commands = [
        prometheus(f"127.0.0.1:{remembers}"),
        [
            ALERTMANAGER, "--config.file=alertmanager.yml", "--storage.path=alertmanager",
            f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address=",
        ],
    ]  # fmt: skip
    with ExitStack() as stack:
        server = stack.enter_context(inside(lambda: _server(webhook, ours)))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        stack.callback(thread.join, PATIENCE)
        stack.callback(server.shutdown)
        run = [stack.enter_context(Program(wrap(each), directory)) for each in commands]
        made = Monitoring(
            f"http://127.0.0.1:{remembers}", webhook, inside,
            lambda: "".join(each.errors for each in run),
        )  # fmt: skip
        run[0].wait_for(READY, PATIENCE)
        yield made


def _configure(
    directory: Path, targets: Mapping[str, str], ports: tuple[int, int, int], every: str
) -> None:
    """Write what both are to do; their YAML may be JSON."""
    _, alertmanager, ours = ports
    nodes = [{"targets": [at], "labels": {"instance": name}} for name, at in targets.items()]
    scraping = {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": every,
            "evaluation_interval": every,
        },
        "rule_files": [str(RULES)],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
        },
        "scrape_configs": [{"job_name": "udpecho", "static_configs": nodes}],
    }
    waits = {"group_wait": "1s", "group_interval": every, "repeat_interval": "12h"}
    alerts = {
        "route": {"receiver": "ours", "group_by": ["alertname"], **waits},
        "receivers": [{"name": "ours", "webhook_configs": [{"url": f"http://127.0.0.1:{ours}/"}]}],
    }
    (directory / "prometheus.yml").write_text(json.dumps(scraping))
    (directory / "alertmanager.yml").write_text(json.dumps(alerts))


def _server(webhook: Webhook, port: int) -> ThreadingHTTPServer:
    class Hears(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            webhook.hear(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Hears)
