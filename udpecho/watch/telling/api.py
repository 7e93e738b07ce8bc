"""What programs ask a node: /api/v1, in JSON (see api.schema.json)."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.web.server import Request

from udpecho.shown import quoted
from udpecho.watch.node import WatchService
from udpecho.watch.remembering.history import MINUTES
from udpecho.watch.telling.json_text import Record, with_list, written
from udpecho.watch.telling.records import (
    event_records,
    events_head,
    minute_records,
    node_record,
    pair_head,
    reflector_record,
    row_head,
    row_records,
)
from udpecho.watch.web.answers import PageSender, Route, name_behind, said

JSON = "application/json"

PEERS = "/api/v1/peers/"
"""Before a peer's name, in which a slash is %2F."""

LEAST_COLUMNS, USUAL_COLUMNS = 24, 288
"""Pieces of a day, of an hour and of five minutes: fewer take long to be put together."""


class Api:
    """What there is to ask, answered from memory."""

    def __init__(self, node: WatchService, answers: PageSender) -> None:
        self._node = node
        self._answers = answers

    def routes(self) -> Mapping[str, Route]:
        """List what it answers, by path."""
        return {
            "/api/v1/node": lambda request: self._whole(request, node_record(self._node)),
            "/api/v1/reflector": lambda request: self._whole(request, reflector_record(self._node)),
            "/api/v1/row": self._row,
            "/api/v1/events": self._events,
            PEERS: self._pair,
        }

    def _row(self, request: Request) -> bytes | int:
        texts = with_list(row_head(self._node), "peers", row_records(self._node))
        return self._answers.send(request, JSON, texts)

    def _events(self, request: Request) -> bytes | int:
        texts = with_list(events_head(self._node), "events", event_records(self._node))
        return self._answers.send(request, JSON, texts)

    def _pair(self, request: Request) -> bytes | int:
        name = name_behind(PEERS, request.path)
        probed = self._node.roll.get(name)
        if probed is None:
            return said(request, 404, "no such peer")
        try:
            columns = _columns(request)
        except ValueError as error:
            return said(request, 400, str(error))
        minutes = minute_records(self._node, probed, columns)
        texts = with_list(pair_head(self._node, name, probed), "minutes", minutes)
        return self._answers.send(request, JSON, texts)

    def _whole(self, request: Request, record: Record) -> bytes | int:
        return self._answers.send(request, JSON, iter([written(record) + "\n"]))


def _columns(request: Request) -> int:
    """Read how many pieces a day is to have. Raises ValueError."""
    given = (request.args or {}).get(b"columns", [])
    if not given:
        return USUAL_COLUMNS
    text = given[-1].decode("ascii", "replace")
    if text.isdecimal() and len(text) <= 4 and LEAST_COLUMNS <= int(text) <= MINUTES:
        return int(text)
    expected = f"a whole number from {LEAST_COLUMNS} to {MINUTES}"
    raise ValueError(f"columns: expected {expected}, got {quoted(text)}")
