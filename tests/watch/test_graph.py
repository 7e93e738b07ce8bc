"""The picture of paths: who leads to whom, what only losing flows pass, and nothing of others."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from udpecho.path import Hop, Path, Paths
from udpecho.watch.pages.graph import DOWN, MOST, graph

TARGET = ("10.9.9.2", 7)


def path(flow: int, *routers: str, reached: bool = True) -> Path:
    """Make a path; a router without a name is silent."""
    hops = tuple(Hop(ttl, (each,) if each else ()) for ttl, each in enumerate(routers, 1))
    return Path(flow, 40000 + flow, hops, reached)


def drawn(paths: list[Path], losing: tuple[int, ...] = (), **more: object) -> ElementTree.Element:
    pieces = graph("here", Paths("there", TARGET, tuple(paths), **more), losing)  # type: ignore[arg-type]
    return ElementTree.fromstring("".join(pieces))


def edges(picture: ElementTree.Element) -> dict[tuple[str, str], tuple[str, str]]:
    """Give each line's class and words, by the words of its ends."""
    places = {
        (group[1].get("cx"), group[1].get("cy")): str(group[2].text) for group in picture.iter("g")
    }
    return {
        (places[each.get("x1"), each.get("y1")], places[each.get("x2"), each.get("y2")]): (
            str(each.get("class")),
            str(each[0].text),
        )
        for each in picture.iter("line")
    }


def test_flows_part_and_join_and_what_only_losing_ones_pass_is_apart() -> None:
    three = [path(0, "a", "b", "d"), path(1, "a", "c", "d"), path(2, "a", "b", "d")]
    assert edges(drawn(three, losing=(1,))) == {
        ("here", "a"): ("edge", "flows: 3, losing: 1"),
        ("a", "b"): ("edge", "flows: 2, losing: 0"),
        ("a", "c"): ("edge bad", "flows: 1, losing: 1"),
        ("b", "d"): ("edge", "flows: 2, losing: 0"),
        ("c", "d"): ("edge bad", "flows: 1, losing: 1"),
        ("d", "there"): ("edge", "flows: 3, losing: 1"),
    }


def test_a_flow_that_is_not_seen_to_arrive_ends_where_it_was_seen_last() -> None:
    assert set(edges(drawn([path(0, "a"), path(1, "a", "b", reached=False)]))) == {
        ("here", "a"), ("a", "there"), ("a", "b"),
    }  # fmt: skip


def test_what_nothing_is_known_of_leads_straight_there() -> None:
    assert set(edges(drawn([path(0, reached=False)]))) == {("here", "there")}
    assert set(edges(drawn([path(0, "")]))) == {("here", "(silent)"), ("(silent)", "there")}


def test_routers_stand_in_the_row_of_their_ttl_and_say_their_names() -> None:
    picture = drawn([path(0, "a", "b"), path(1, "a", "c")], names={"b": "b.example"})
    rows = [(group[2].text, int(group[1].get("cy", ""))) for group in picture.iter("g")]
    assert [(words, (y - rows[0][1]) // DOWN) for words, y in rows] == [
        ("here", 0), ("a", 1), ("b", 2), ("c", 2), ("there", 3),
    ]  # fmt: skip
    titles = [str(group[0].text) for group in picture.iter("g")]
    assert "hop 2a: b, b.example, flows: 1" in titles


def test_too_many_routers_are_said_not_drawn() -> None:
    many = [path(flow, f"10.0.{flow >> 8}.{flow & 255}") for flow in range(MOST + 1)]
    assert drawn(many).text == f"{MOST + 1} routers, too many to draw"


@given(st.text(min_size=1, max_size=300))
def test_no_name_gets_out_of_its_place(text: str) -> None:
    """Names are the resolver's, and so anyone's."""
    picture = drawn([path(0, "a", "b")], names={"a": text, "b": text})
    assert {each.tag for each in picture.iter()} == {
        "div", "svg", "title", "line", "g", "circle", "text",
    }  # fmt: skip
