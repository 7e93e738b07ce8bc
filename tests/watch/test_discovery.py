"""The mesh as Prometheus's http_sd wants it, and what is in it by the sources alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from twisted.logger import Logger

from tests.watch.nodes import Nodes
from tests.watch.test_web import LOCAL, Bench
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.telling.discovery import target_of
from udpecho.watch.web.front import site_of

GROUPS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "targets": {"type": "array", "items": {"type": "string", "pattern": "^[^/]+$"}},
            "labels": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
                "additionalProperties": {"type": "string"},
            },
        },
        "required": ["targets"],
        "additionalProperties": False,
    },
}
"""As https://prometheus.io/docs/prometheus/latest/http_sd/ has it."""


class Listed(Bench):
    """A node that knows two peers, one of them itself."""

    def __init__(self, web: str) -> None:
        self.nodes = Nodes(2)
        more = f"[probe]\nflows = 1\n[mesh]\n{web}"
        self.node = self.nodes.begin(0, self.nodes.text(0, [0, 1], more))
        self.nodes.net.advance(1)
        log = Logger(observer=self.nodes.events.append)  # type: ignore[arg-type]
        self.site: Any = site_of(self.nodes.hosts[0], self.node, log)


def test_the_mesh_with_this_node_in_it() -> None:
    bench = Listed("web = 'http://{address}:8060'")
    status, headers, body = bench.ask("GET /sd HTTP/1.1", LOCAL)
    assert (status, headers["content-type"]) == (200, "application/json")
    groups = json.loads(body)
    Draft202012Validator(GROUPS).validate(groups)
    assert groups == [
        {"targets": [f"192.0.2.{n}:8060"], "labels": {"instance": f"192.0.2.{n}:1060"}}
        for n in (1, 2)
    ]
    assert bench.ask("HEAD /sd HTTP/1.1", LOCAL)[::2] == (200, b"")
    bench.stop()


def test_it_is_not_known_without_a_template() -> None:
    bench = Listed("")
    status, _, body = bench.ask("GET /sd HTTP/1.1", LOCAL)
    assert (status, body) == (404, b"where nodes are asked is not known: [mesh] web says it\n")
    bench.stop()


@pytest.mark.parametrize(
    ("node", "template", "target", "labels"),
    [
        (Wanted("a", "192.0.2.7", 1), "http://{address}:8060", "192.0.2.7:8060", {}),
        (Wanted("a", "2001:db8::7", 1), "http://{address}:8060/", "[2001:db8::7]:8060", {}),
        (Wanted("a", "a.example", 1, "fra"), "http://{address}", "a.example", {"node_zone": "fra"}),
        (
            Wanted("a", "a.example", 1), "https://{address}:1/x/y/", "a.example:1",
            {"__scheme__": "https", "__metrics_path__": "/x/y/metrics"},
        ),
    ],
)  # fmt: skip
def test_a_node_as_a_target(
    node: Wanted, template: str, target: str, labels: dict[str, str]
) -> None:
    group = target_of(node, template)
    assert group == {"targets": [target], "labels": {"instance": "a"} | labels}
    Draft202012Validator(GROUPS).validate([group])
