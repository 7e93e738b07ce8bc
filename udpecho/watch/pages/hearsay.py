"""What another node says of its peers: the record of its /api/v1/row, of which nothing is believed.

Read a line a step, since a peer stands on each (see json_text): so no step is long, whatever comes.
Kept is what is asked for, and no text of it. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from udpecho.watch.remembering.cell import Cell, worse
from udpecho.watch.telling.json_text import VERSION

LONGEST_LINE = 32_768
"""Bytes of a peer's record: its names have 253 characters, and each of them 12 bytes at most."""

_BEGINS, _ENDS = b'"peers":[', b"]}"
_MOST_NS = 1 << 63

Column = Callable[[str, str], tuple[str, str] | None]
"""Finds what we call a peer, and the class of traffic, by what another node calls it in that class
and ADDRESS:PORT ("" if not known)."""


class Hearsay:
    """A row as another node tells it."""

    def __init__(self, column: Column) -> None:
        """Know nothing yet."""
        self._column = column
        self.cells: dict[str, Cell] = {}
        """What it says of each peer that we know, by what we call it: of its worst class."""

    def read(self, data: bytes) -> Iterator[None]:
        """Read a record in short steps. Raises ValueError for what is none."""
        lines = _lines(data)
        head = next(lines)
        if not head.endswith(_BEGINS):
            raise ValueError("expected a node's row, got another record")
        record = _loaded(head + _ENDS)
        if record.get("schema") != VERSION:
            raise ValueError(f"expected a row of schema {VERSION}, got another")
        for line in lines:
            if line == _ENDS:
                return
            self._take(_loaded(line.removesuffix(b",")))
            yield
        raise ValueError("expected a whole row, got a part of one")

    def _take(self, peer: dict[str, object]) -> None:
        name, address = peer.get("name"), peer.get("address") or ""
        if not isinstance(name, str) or not isinstance(address, str):
            raise ValueError("expected a peer's name and address, got none")
        cell = _cell(peer)
        column = self._column(name, address)
        if column is not None:
            known, traffic = column
            cell = cell._replace(traffic=traffic)
            self.cells[known] = worse(self.cells.get(known, cell), cell)


def _cell(peer: dict[str, object]) -> Cell:
    """Read how a peer is. Raises ValueError."""
    loss, p99_ns, slow = peer.get("loss"), peer.get("p99_ns"), peer.get("slow")
    if loss is not None and not (type(loss) in (int, float) and 0 <= loss <= 1):  # type: ignore[operator]
        raise ValueError("expected loss from 0 to 1, got what is none")
    if p99_ns is not None and not (type(p99_ns) is int and 0 <= p99_ns < _MOST_NS):
        raise ValueError("expected p99_ns as a whole number, got what is none")
    return Cell(loss, p99_ns, slow is True)  # type: ignore[arg-type]


def _lines(data: bytes) -> Iterator[bytes]:
    """Give line after line. Raises ValueError for one that is too long."""
    start = 0
    while True:
        end = data.find(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            if len(data) - start > LONGEST_LINE:
                raise ValueError(f"expected {LONGEST_LINE} bytes in a line at most, got more")
            yield data[start:]
            return
        yield data[start:end]
        start = end + 1


def _loaded(line: bytes) -> dict[str, object]:
    """Read a line that is an object. Raises ValueError."""
    try:
        value = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ValueError("expected JSON, got what is not") from None
    if not isinstance(value, dict):
        raise ValueError("expected an object, got another value")
    return value


def _no_number(text: str) -> float:
    raise ValueError(text)
