"""The pages: nothing from the network gets out of its place, and all is said in words, too."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import udpecho.watch
from udpecho.watch.pages.grids import grid
from udpecho.watch.pages.html import Pair, front, name, page, pair
from udpecho.watch.pages.tiles import Tile, tiles
from udpecho.watch.pages.views import PageView, Section, drawn
from udpecho.watch.remembering.cell import Cell

ROOM = Path(udpecho.watch.__file__).parent / "pages"
EVIL = "<script>alert(1)</script>\"'&\x1b[31m\u202e"


class Read(HTMLParser):
    """Reads a page: its elements with their attributes, its text, and what is left open."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", list[str]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def gridded(*told: Any) -> Iterator[str]:
    """Draw a grid."""
    return drawn(PageView("", "", grid(*told)))


def told(**more: object) -> Pair:
    return Pair([None] * 10, 0, 1440, 4)._replace(**more)  # type: ignore[arg-type]


def pages_of(text: str) -> list[str]:
    """Make each page with a text wherever one of others can stand."""
    cells, other = {text: Cell(0.5, 10, True)}, f"{text}x"
    shown = told(figures=[(text, text)], verdict=[text, text])
    peers = [Tile(text, Cell(0.5, 10, True)), Tile(text, Cell(), [None] * 60)]
    return [
        "".join(
            page(
                text, gridded(text, [text, other], [text, other], lambda s, p: cells.get(p, Cell()))
            )
        ),
        "".join(page(text, drawn(pair(text, text, [None, shown])), text)),
        "".join(page(text, drawn(front(text, iter([Section("peers", tiles(peers))]))), text)),
    ]


@given(st.text(max_size=80))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    """The same elements as with a harmless one, and nothing inline that a page may not have."""
    for whole, plain in zip(pages_of(text), pages_of("n"), strict=True):
        read, usual = Read(whole), Read(plain)
        assert not read.open
        assert [tag for tag, _ in read.elements] == [tag for tag, _ in usual.elements]
        for tag, attributes in read.elements:
            assert not {key for key in attributes if key == "style" or key.startswith("on")}
            assert tag != "script" or attributes == {"src": "/watch.js", "defer": None}
            assert tag != "a" or str(attributes["href"]).startswith("/")


def test_what_would_turn_text_around_is_spelt() -> None:
    assert name(EVIL) == ("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;\\x1b[31m\\u202e")
    assert len(Read(name("x" * 5000)).text) <= 60


@pytest.mark.parametrize(
    ("cell", "style", "text", "said"),
    [
        (Cell(), "u", "?", "loss not known"),
        (Cell(0.0, 1000), "l0", "", "loss 0 %, p99 1 µs"),
        (Cell(0.004, 1000), "l1", "<1", "loss <1 %, p99 1 µs"),
        (Cell(0.999, 1000, True), "l5 slow", "99", "loss 99 %, p99 1 µs, slow"),
        (Cell(1.0), "l5", "100", "loss 100 %"),
    ],
)
def test_a_cell_says_it_in_words_and_by_its_class(
    cell: Cell, style: str, text: str, said: str
) -> None:
    read = Read("".join(gridded("a", ["a"], ["b"], lambda source, peer: cell)))
    [found] = [each for tag, each in read.elements if tag == "td" and each.get("class")]
    [link] = [each for tag, each in read.elements if tag == "a"]
    assert (found["class"], link["aria-label"]) == (style, f"b: {said}")
    assert link["href"] == "/pair/b"
    assert read.text.endswith(f"ba{text}")


def test_a_cell_names_the_class_of_traffic_that_is_worst_and_leads_to_it() -> None:
    cells = {"a": Cell(0.5, 1000, traffic="EF"), "c": Cell(0.25, traffic="DSCP 3")}
    html = "".join(gridded("a", ["a", "c"], ["b"], lambda source, _: cells[source]))
    [link] = [each for tag, each in Read(html).elements if tag == "a"]
    assert link["aria-label"] == "b EF: loss 50 %, p99 1 µs"
    assert link["href"] == "/pair/b%20EF"
    assert ">50<small>EF</small></a></td>" in html
    assert '<td class="l4">25<small>DSCP 3</small></td>' in html


def test_only_this_nodes_row_leads_further() -> None:
    read = Read("".join(gridded("a", ["a", "b"], ["a", "b", "c"], lambda source, peer: Cell(0.0))))
    assert [each["href"] for tag, each in read.elements if tag == "a"] == ["/pair/b", "/pair/c"]


def test_a_link_to_a_peer_leads_to_that_peer() -> None:
    read = Read("".join(gridded("a", ["a"], ["[::1%lo]:7/../x?y#z"], lambda s, p: Cell(0.0))))
    [link] = [each["href"] for tag, each in read.elements if tag == "a"]
    assert link == "/pair/%5B%3A%3A1%25lo%5D%3A7%2F..%2Fx%3Fy%23z"


def test_the_script_and_the_style_are_ours_and_short() -> None:
    """They load nothing from elsewhere."""
    script, style = ((ROOM / f"watch.{kind}").read_text("utf-8") for kind in ("js", "css"))
    assert script.count("\n") < 200
    for text in (script, style):
        assert not [each for each in ("http:", "https:", "url(", "import") if each in text]


def test_what_is_to_be_known_of_a_row_is_told() -> None:
    def note(source: str) -> str:
        return "" if source == "a" else "no answer: <b>\x1b"

    text = "".join(gridded("a", ["a", "x"], ["a", "x"], lambda s, p: Cell(), note))
    assert '<th scope="row">a</th>' in text
    assert '<small title="no answer: &lt;b&gt;\\x1b">no answer: &lt;b&gt;\\x1b</small>' in text
