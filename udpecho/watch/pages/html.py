"""The pages of a node, as HTML: made in pieces, and all that is not ours escaped. Pure.

They say the same without colour, without JavaScript and read aloud: loss stands in a cell as a
number, and what isn't known as a question mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from udpecho.shown import harmless
from udpecho.watch.pages.charts import Columns, flows_by_time, lateness, smoke
from udpecho.watch.pages.views import PageView, Section
from udpecho.watch.remembering.cell import Cell
from udpecho.widths import cut

SECURITY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page: nothing of others, nothing inline."""

NAME_COLUMNS = 60


Known = Callable[[str, str], Cell]
"""Tells what a node, by its name, knows of a peer."""


class Pair(NamedTuple):
    """What is told of a peer: a day in columns, its flows, what is wrong in words, and figures."""

    columns: Columns
    start: int
    stop: int
    flows: int
    verdict: Sequence[str] = ()
    figures: Sequence[tuple[str, str]] = ()
    lateness: Columns = ()
    paths: Iterable[str] = ()
    """A picture of them, as HTML."""

    happened: Iterable[str] = ()
    """What happened, as HTML."""


def name(text: str) -> str:
    """Write a name so that it can do nothing: cut if it is too long, unusual signs spelt."""
    return escape(cut(harmless(text), NAME_COLUMNS))


def page(title: str, pieces: Iterable[str], events: str = "") -> Iterator[str]:
    """Put a page around pieces; events is the address where changes of them are told."""
    told = f' data-events="{escape(events)}"' if events else ""
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{name(title)}</title><link rel="stylesheet" href="/watch.css">'
        f'<script src="/watch.js" defer></script></head><body{told}><main>'
    )
    yield from pieces
    yield '<p id="live" class="faint" role="status"></p></main></body></html>\n'


def link_to(peer: str) -> str:
    """Give the address of a peer's page, as an attribute's value."""
    return f"/pair/{quote(peer, safe='')}"


def front(node: str, sections: Iterator[Section | None], *, has_grid: bool = False) -> PageView:
    """Make the page that tells of all peers, and of the mesh if it has a grid."""
    links = '<a href="/reflector">who asks this node</a>'
    if has_grid:
        links = f'<a href="#grid">the mesh</a> {links}'
    above = f"<nav>{links}</nav><h1>From {name(node)}</h1>"
    return PageView(node, above + _TILE + _SCALE, sections)


def pair(node: str, peer: str, told: Iterable[Pair | None]) -> PageView:
    """Make the page that tells all that this node knows of one peer; None is a step."""
    above = f'<nav><a href="/">all peers</a></nav><h1>{name(node)} to {name(peer)}</h1>'
    return PageView(peer, above, _pair(told), _SCALE)


def _pair(steps: Iterable[Pair | None]) -> Iterator[Section | None]:
    for told in steps:
        yield None
        if told is not None:
            yield from _sections(told)


def _sections(told: Pair) -> Iterator[Section]:
    yield Section("verdict", _verdict(told.verdict))
    yield Section("figures", figures_table(told.figures))
    yield Section("smoke", titled("Round trips, and loss beneath", smoke(*told[:3])))
    late = lateness(told.lateness, told.start, told.stop)
    yield Section("lateness", titled("How late this node itself was", late))
    yield Section("flows", titled("Loss of each flow", flows_by_time(*told[:4])))
    yield Section("paths", told.paths)
    yield Section("happened", told.happened)


def _verdict(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f'<p class="verdict">{escape(harmless(line))}</p>'


def figures_table(figures: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Make a table of what is told in a few words each."""
    yield '<table class="figures"><tbody>'
    for what, value in figures:
        yield f'<tr><th scope="row">{_text(what)}</th><td>{_text(value)}</td></tr>'
    yield "</tbody></table>"


def _text(text: str) -> str:
    return escape(harmless(text))


def titled(title: str, pieces: Iterable[str]) -> Iterator[str]:
    """Put a heading above pieces."""
    yield f"<h2>{title}</h2>"
    yield from pieces


_TILE = (
    '<p class="faint">Of each peer: the loss of the last five minutes, the 99th percentile of the '
    "round trips, and their median in each minute of the last hour.</p>"
)

_SCALE = '<p class="scale faint">Loss: {}</p>\n<p class="faint">Times are UTC.</p>'.format(
    " ".join(
        '<svg width="12" height="12" aria-hidden="true">'
        f'<path class="f {style}" d="M0 0h12v12h-12z"/></svg> {words}'
        for style, words in (
            ("l0", "none"),
            ("l1", "to 1 %"),
            ("l2", "to 5 %"),
            ("l3", "to 20 %"),
            ("l4", "to 50 %"),
            ("l5", "more"),
            ("u", "not known"),
        )
    )
)
