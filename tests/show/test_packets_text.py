"""Path MTUs and DSCPs in sentences."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

from udpecho.path import Path, PathMtu, Paths
from udpecho.show.packets_text import dscp_lines, mtu_lines, spans
from udpecho.show.path_record import path_lines

ROUTER = "10.9.0.2"


def flows(*mtus: PathMtu | None) -> list[Path]:
    return [Path(flow, 40000 + flow, mtu=mtu) for flow, mtu in enumerate(mtus)]


@pytest.mark.parametrize(
    ("mtus", "lines"),
    [
        ([None, None], []),
        ([PathMtu(1500)], ["path MTU 1500, there and back, 1 flow"]),
        ([PathMtu(1500)] * 2, ["path MTU 1500, there and back, all flows"]),
        (
            [PathMtu(1500), PathMtu(1400, ROUTER), PathMtu(1500)],
            [
                "path MTU 1500, there and back, 2 of 3 flows",
                "path MTU 1400, as 10.9.0.2 says, 1 of 3 flows: source ports 40001",
            ],
        ),
        (
            [PathMtu(1400), PathMtu(1500), PathMtu(1400, None, True)],
            [
                "path MTU 1500, there and back, 1 of 3 flows: source ports 40001",
                "path MTU 1400, there and back, 1 of 3 flows",
                "path MTU 1400 (uncertain), there and back, 1 of 3 flows: source ports 40002",
            ],
        ),
        (
            [PathMtu(None)] * 3,
            ["path MTU unknown: no echo came back to search it by, all flows"],
        ),
    ],
)
def test_path_mtus(mtus: list[PathMtu | None], lines: list[str]) -> None:
    assert list(mtu_lines(flows(*mtus))) == lines


def answered(dscp: int | None, *back: tuple[int, ...]) -> Paths:
    paths = tuple(Path(flow, 40000 + flow, dscp_back=each) for flow, each in enumerate(back))
    return Paths("h", ("192.0.2.1", 7), paths, dscp=dscp)


@pytest.mark.parametrize(
    ("dscp", "back", "lines"),
    [
        (None, [(0,)], []),
        (46, [(46,)] * 3, ["DSCP 46 came back as it was, all flows"]),
        (0, [(0,)] * 3, ["DSCP 0 came back as it was, all flows"]),
        (
            46,
            [(0,)] * 3,
            [
                "DSCP 46 came back as 0, all of it: this server does not reflect it (or all ways "
                "clear it)"
            ],
        ),
        (
            46,
            [(46,), (0,), (0,), (46, 0), ()],
            [
                "DSCP 46 came back as it was, 1 of 5 flows",
                "DSCP 46 came back as 0, changed on the way out or back, 2 of 5 flows: source "
                "ports 40001-40002",
                "DSCP 46 came back as 0 and 46, changed on the way out or back, 1 of 5 flows: "
                "source ports 40003",
                "DSCP 46: nothing came back, 1 of 5 flows",
            ],
        ),
        (46, [(10,)], ["DSCP 46 came back as 10, changed on the way out or back, 1 flow: "
                       "source ports 40000"]),
        (46, [()] * 2, ["DSCP 46: nothing came back, all flows"]),
    ],
)  # fmt: skip
def test_dscps(dscp: int | None, back: list[tuple[int, ...]], lines: list[str]) -> None:
    assert sorted(dscp_lines(answered(dscp, *back))) == sorted(lines)


def test_numbers_that_follow_one_another_are_spans() -> None:
    assert spans([5, 1, 2, 3, 8, 9]) == "1-3 5 8-9"
    assert spans([]) == ""


def test_the_record_is_as_the_schema_says() -> None:
    file = resources.files("udpecho.show") / "path.schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(file.read_text()))
    mtus = flows(None, PathMtu(1400, ROUTER), PathMtu(None), PathMtu(1500, None, True))
    paths = Paths("h", ("192.0.2.1", 7), tuple(mtus), dscp=46)
    lines = [json.loads(line) for line in path_lines(paths)]
    for line in lines:
        validator.validate(line)
    assert [line["mtu"] for line in lines] == [
        None,
        {"bytes": 1400, "told_by": ROUTER, "uncertain": False},
        {"bytes": None, "told_by": None, "uncertain": False},
        {"bytes": 1500, "told_by": None, "uncertain": True},
    ]
