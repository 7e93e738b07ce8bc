"""The grid of a mesh: who loses on the way to whom, a row for each node. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from html import escape

from udpecho.shown import harmless
from udpecho.watch.pages.html import Known, link_to, name
from udpecho.watch.pages.scale import class_of, duration, percent
from udpecho.watch.pages.views import Section
from udpecho.watch.remembering.cell import Cell

_CELLS = 12
"""Drawn at a time: of this node's own each takes 40 µs."""


def grid(
    node: str,
    sources: Sequence[str],
    peers: Sequence[str],
    known: Known,
    note: Callable[[str], str] = lambda _: "",
) -> Iterator[Section]:
    """Draw a grid, of which each row changes by itself; this node's leads further.

    note says what is to be known of a row, in a few words. Of other nodes all rows are others.
    """
    yield Section("", _head(peers))
    shape = blake2b("\0".join([*sources, "", *peers]).encode("utf-8", "replace"), digest_size=4)
    for number, source in enumerate(sources):
        row = _row(node, source, peers, known, note)
        yield Section(f"row-{shape.hexdigest()}-{number}", row, "tr")
    yield Section("", ["</tbody></table></div></div>"])


def _head(peers: Sequence[str]) -> Iterator[str]:
    yield f'<div id="grid"><h2>The mesh</h2>{_LEGEND}'
    yield '<div class="wide" tabindex="0" role="group" aria-label="grid">'
    yield '<table class="grid"><thead><tr><td></td>'
    for at in range(0, len(peers), _CELLS):
        yield "".join(f'<th scope="col">{name(peer)}</th>' for peer in peers[at : at + _CELLS])
    yield "</tr></thead><tbody>"


def _row(
    node: str, source: str, peers: Sequence[str], known: Known, note: Callable[[str], str]
) -> Iterator[str]:
    yield f'<th scope="row">{name(source)}{_note(note(source))}</th>'
    for at in range(0, len(peers), _CELLS):
        some = peers[at : at + _CELLS]
        yield "".join(_cell(source, peer, known(source, peer), node) for peer in some)


_LEGEND = (
    "<p>A cell has the loss of the last five minutes in percent; it is empty where nothing was "
    "lost, and <b>?</b> where nothing is known. A frame marks round trips far above what is "
    "usual. Of several classes of traffic the worst is told, and named unless it is the first.</p>"
)


def _note(text: str) -> str:
    said = escape(harmless(text))
    return f' <small title="{said}">{said}</small>' if text else ""


def _cell(source: str, peer: str, cell: Cell, node: str) -> str:
    if source == peer:
        return "<td></td>"
    slow = " slow" if cell.slow else ""
    brief = "?" if cell.loss is None else escape(_brief(cell.loss))
    text = f"{brief}<small>{name(cell.traffic)}</small>" if cell.traffic else brief
    if source == node:
        called = f"{peer} {cell.traffic}" if cell.traffic else peer
        said = f"{name(called)}: loss {f'{brief} %' if cell.loss else percent(cell.loss)}"
        if cell.p99_ns is not None:
            said += f", p99 {duration(cell.p99_ns)}"
        said += ", slow" if cell.slow else ""
        text = f'<a href="{link_to(called)}" aria-label="{said}">{text}</a>'
    return f'<td class="{class_of(cell.loss)}{slow}">{text}</td>'


def _brief(loss: float) -> str:
    """Write a share in percent, in two signs; nothing for none."""
    if not loss:
        return ""
    return "<1" if loss < 0.01 else f"{min(int(loss * 100), 99 if loss < 1 else 100)}"
