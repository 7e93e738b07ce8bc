"""/sd: the mesh as Prometheus's http_sd wants it, from what the sources of peers name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from twisted.web.server import Request

from udpecho.watch.node import WatchService
from udpecho.watch.pages.neighbours import page_of
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.telling.api import JSON
from udpecho.watch.telling.json_text import Record, items_of
from udpecho.watch.web.answers import PageSender, Route, said

METRICS = "/metrics"


class Discovery:
    """Lists all nodes of the mesh, this one among them if a source names it."""

    def __init__(self, node: WatchService, answers: PageSender) -> None:
        self._node = node
        self._answers = answers

    def routes(self) -> Mapping[str, Route]:
        """List what it answers, by path."""
        return {"/sd": self._sd}

    def _sd(self, request: Request) -> bytes | int:
        template = self._node.config.mesh.web
        if template is None:
            return said(request, 404, "where nodes are asked is not known: [mesh] web says it")
        return self._answers.send(request, JSON, self._texts(template))

    def _texts(self, template: str) -> Iterator[str]:
        choosing = self._node.choosing
        nodes = [*choosing.ours(), *choosing.others()]
        yield "["
        yield from items_of(target_of(each, template) for each in nodes)
        yield "\n]\n"


def target_of(node: Wanted, template: str) -> Record:
    """Make a group of targets of one node, by `[mesh] web`.

    Its instance is what the others call it as a peer; node_zone, as zone is a label of metrics.
    """
    page = urlsplit(page_of(template, node.host))
    labels = {"instance": node.name}
    if node.zone:
        labels["node_zone"] = node.zone
    if page.scheme != "http":
        labels["__scheme__"] = page.scheme
    if page.path:
        labels["__metrics_path__"] = page.path + METRICS
    return {"targets": [page.netloc], "labels": labels}
