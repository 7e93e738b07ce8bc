"""What another node says of its peers: read in short steps, and of nonsense nothing is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.examples import given, st
from udpecho.watch.pages.hearsay import LONGEST_LINE, Hearsay
from udpecho.watch.remembering.cell import Cell
from udpecho.watch.telling.json_text import with_list

HEAD = {"schema": 1, "node": "other", "window_seconds": 300}


COLUMNS = {"a": ("A", ""), "b": ("B", ""), "a EF": ("A", "EF"), "a CS1": ("A", "CS1")}


def row(*peers: Any, head: Any = HEAD) -> bytes:
    return "".join(with_list(head, "peers", peers)).encode()


def peer(name: Any = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "address": "192.0.2.1:7", "loss": 0.5, "p99_ns": 7, "slow": True} | more


def heard(data: bytes) -> dict[str, Cell]:
    hearsay = Hearsay(lambda name, _: COLUMNS.get(name))
    for _ in hearsay.read(data):
        pass
    return hearsay.cells


def test_what_it_says_of_those_that_we_know() -> None:
    told = row(peer(), peer("stranger"), peer("b", loss=None, p99_ns=None, slow=False))
    assert heard(told) == {"A": Cell(0.5, 7, slow=True), "B": Cell()}
    assert heard(row()) == {}
    assert heard(row({"name": "a"})) == {"A": Cell()}
    assert heard(row(peer(loss=1, more={"x": ["y"]}))) == {"A": Cell(1, 7, slow=True)}


def test_by_what_it_calls_them_and_where_they_are() -> None:
    asked = []

    def column(name: str, address: str) -> tuple[str, str] | None:
        asked.append((name, address))
        return None

    hearsay = Hearsay(column)
    assert list(hearsay.read(row(peer(), peer("b", address=None)))) == [None, None]
    assert asked == [("a", "192.0.2.1:7"), ("b", "")]


@pytest.mark.parametrize(
    ("losses", "cell"),
    [
        ((0, 0.1, 0.05), Cell(0.1, 7, True, "EF")),
        ((0.1, 0.1, 0.1), Cell(0.1, 7, True)),
        ((0, 0, 0), Cell(0, 7, True)),
        ((None, None, None), Cell(None, 7, True)),
        ((None, None, 0), Cell(0, 7, True, "CS1")),
    ],
)
def test_of_several_classes_of_a_peer_the_worst(
    losses: tuple[float | None, ...], cell: Cell
) -> None:
    names = ("a", "a EF", "a CS1")
    peers = [peer(each, loss=loss) for each, loss in zip(names, losses, strict=True)]
    assert heard(row(*peers, peer("b", loss=1))) == {"A": cell, "B": Cell(1, 7, slow=True)}
    backwards = heard(row(*reversed(peers)))["A"]
    assert backwards.loss == cell.loss


def test_a_class_that_is_slow_is_worse_than_one_that_is_not() -> None:
    told = row(peer(loss=0, slow=False), peer("a EF", loss=0, slow=True))
    assert heard(told) == {"A": Cell(0, 7, slow=True, traffic="EF")}


NONE = [
    b"", b"\n", b"\n" * 100, b"{}", b"[]", b"x", b"<html>", b"\xff\xfe", b'{"schema":1,"peers":[',
    row(peer())[:-4], row(peer()).replace(b"\n", b""), row(head={}), row(head={"schema": 2}),
    row(head={"schema": "1"}), row([]), row(7), row(peer(7)), row(peer(None)), row(peer(address=7)),
    row(peer(loss=1.5)), row(peer(loss=-0.1)), row(peer(loss="0")), row(peer(loss=True)),
    row(peer(p99_ns=0.5)), row(peer(p99_ns=-1)), row(peer(p99_ns=1 << 63)),
    row(peer()).replace(b"0.5", b"NaN"), row(peer()).replace(b"0.5", b"Infinity"),
    row(peer()).replace(b"0.5", b"1e999"), row(peer()).replace(b"0.5", b"9" * 5000),
    row(peer()).replace(b"0.5", b"[" * 30_000), row(peer("x" * LONGEST_LINE)),
    b"[" * 1_000_000, b'{"peers":[\n' + b"x" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("data", NONE, ids=range(len(NONE)))
def test_what_is_no_row(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^expected .*, got ") as raised:
        heard(data)
    assert len(str(raised.value)) < 80


def test_of_a_liar_no_more_is_kept_than_we_know() -> None:
    told = row(*(peer(f"name-{number}") for number in range(5000)), peer())
    assert list(heard(told)) == ["A"]


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_what_is_spoilt_is_read_or_refused(noise: bytes, start: int, length: int) -> None:
    good = row(peer(), peer("b"))
    try:
        cells = heard(good[:start] + noise + good[start + length :])
    except ValueError:
        return
    assert cells.keys() <= {"A", "B"}
    for cell in cells.values():
        assert cell.loss is None or 0 <= cell.loss <= 1


def test_a_record_is_read_as_it_is_told() -> None:
    assert json.loads(row(peer()))["peers"] == [peer()]
