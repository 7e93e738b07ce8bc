"""Paths and verdicts as people read them: every line within 80 columns, and harmless."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources

import jsonschema

from tests.path.test_judge import TARGET, dead, diamond, lost, path
from udpecho.path import Hop, Path, Paths, Verdict
from udpecho.path.hops import Label
from udpecho.path.judge import judge
from udpecho.path.verdicts import Place
from udpecho.show.path_end import ENDS_SHOWN
from udpecho.show.path_record import path_lines, verdict_line
from udpecho.show.path_text import paths_text, verdict_text
from udpecho.show.sheet import ENDLESS, Sheet

SHEET = Sheet()


def text(paths: Paths, sheet: Sheet = SHEET) -> list[str]:
    return list(paths_text(paths, sheet))


def test_where_paths_part_and_join_is_said_by_rows() -> None:
    paths = Paths(
        "h",
        ("192.0.2.1", 7),
        (
            path(0, "10.0.0.1", "10.1.0.1", "10.2.0.1"),
            path(1, "10.0.0.1", "10.1.1.1", "10.2.0.1"),
            path(2, "10.0.0.1", None, "10.2.0.1"),
        ),
    )
    assert text(paths) == [
        "3 flows to h (192.0.2.1:7)",
        "",
        "hop  router    from      flows  min ms",
        "1    10.0.0.1                3  0.0100",
        "2a   10.1.0.1  1             1  0.0100",
        "2b   10.1.1.1  1             1  0.0100",
        "2c   (silent)  1             1  0.0100",
        "3    10.2.0.1  2a 2b 2c      3  0.0100",
        "",
        "then h, at hop 4: reached by 3 of 3 flows",
    ]


def test_the_way_back_is_written_as_it_was_told() -> None:
    paths = Paths(
        "h",
        ("192.0.2.1", 7),
        (
            replace(path(0, "10.0.0.1"), back=(Hop(1, ("10.2.0.9",)), Hop(2, ("10.0.0.9",)))),
            replace(path(1, "10.0.0.1", reached=False, told=4, arrived=3),
                    back=(Hop(1, ("10.2.0.9",)),)),
        ),
        tells=True,
    )  # fmt: skip
    lines = text(paths)
    assert lines[lines.index("and back, as h told:") :] == [
        "and back, as h told:",
        "",
        "hop  router    from  flows",
        "1    10.2.0.9            2",
        "2    10.0.0.9  1         1",
        "",
        "then this host: reached by 1 of 2 flows; of 4 lost probes 3 had arrived",
    ]


def test_where_no_router_is_on_the_way_back_there_is_no_table() -> None:
    found = (path(0, back=()),)
    assert text(Paths("h", ("192.0.2.1", 7), found, tells=True))[-2:] == [
        "and back, as h told, past no router,",
        "then this host: reached by 1 of 1 flows",
    ]


def test_of_a_target_that_does_not_tell_that_is_said() -> None:
    found = (path(0, "10.0.0.1"),)
    assert text(Paths("h", ("192.0.2.1", 7), found, tells=False))[-1] == "way back: not told"
    assert "way back" not in " ".join(text(Paths("h", ("192.0.2.1", 7), found)))


def test_a_target_that_was_not_reached_is_said_to_be_so() -> None:
    paths = Paths("h", ("192.0.2.1", 7), (path(0, "10.0.0.1", reached=False),))
    assert text(paths)[-2:] == ["h was not reached:", "  nothing from behind hop 1"]


def test_flows_that_do_not_get_there_are_told_with_what_is_known_of_them() -> None:
    ended = [
        Path(2, 40002, ended=("10.9.0.2", 3, 0)),
        Path(3, 40003, ended=("10.9.0.2", 3, 13)),
        Path(4, 40004),
        Path(5, 40005, ended=("2001:db8::1", 1, 1)),
    ]
    dead = [path(n, "10.0.0.1", "10.1.0.1", reached=False) for n in (6, 7)]
    there = [path(0, "10.0.0.1", "10.1.1.1"), path(1, "10.0.0.1", "10.1.1.1")]
    prohibited = "Destination unreachable: Administratively prohibited"
    said = [
        "  10.9.0.2 says: Destination Net Unreachable, 1 of 9 flows: source ports 40002",
        "  10.9.0.2 says: Packet filtered, 1 of 9 flows: source ports 40003",
        f"  2001:db8::1 says: {prohibited}, 1 of 9 flows: source ports 40005",
        "  nothing from behind hop 2b, 2 of 9 flows: source ports 40006-40007",
        "  no router answered, 1 of 9 flows: source ports 40004",
        "  they arrive, and no reply comes back, 1 of 9 flows: source ports 40008",
    ]
    arrived = path(8, "10.0.0.1", "10.1.1.1", reached=False, told=2, arrived=2)
    paths = Paths("h", ("192.0.2.1", 7), (*there, *ended, *dead, arrived))
    lines = text(paths, Sheet(200))
    at = lines.index("then h, at hop 3: reached by 2 of 9 flows; not by others:")
    assert lines[at + 1 : at + 7] == said
    narrow = text(paths, Sheet(40))
    assert max(map(len, narrow)) <= 40
    at = narrow.index("  nothing from behind hop 2b, 2 of 9")
    assert narrow[at + 1] == "    flows: source ports 40006-40007"


def test_ends_beyond_the_most_that_are_shown_are_counted() -> None:
    flows = tuple(Path(n, 40000 + n, ended=(f"10.9.0.{n}", 3, 0)) for n in range(30))
    lines = text(Paths("h", ("192.0.2.1", 7), flows))
    assert lines[-1] == f"  and {30 - ENDS_SHOWN} flows more end elsewhere"


def named() -> Verdict:
    paths = diamond(**dead(3, 7, 11, 15, hops=("10.9.0.2", "10.9.4.2", None, None)))
    return judge([paths], lost(dict.fromkeys((3, 7, 11, 15), 20), of=20))


def test_a_verdict_names_the_segment_and_shows_its_evidence() -> None:
    lines = list(verdict_text(named(), SHEET))
    assert lines[:4] == [
        "4 of 16 flows to h lose, and no other passes this segment (out or back: not",
        "  told):",
        "  between 10.9.0.2 (hop 1) and h: they die behind 10.9.4.2 (hop 2)",
        "",
    ]
    assert lines[4].split()[:2] == ["source", "port"]
    assert lines[5].split()[:4] == ["40003", "20", "20", "100%"]
    assert len(lines) == 5 + 16


def test_of_flows_that_were_not_looked_at_nothing_is_claimed() -> None:
    """A ping traces those that lose, and as many others."""
    found = replace(named(), flows=32)
    assert next(verdict_text(found, ENDLESS)).startswith(
        "4 of 32 flows to h lose, and no other of 16 traced passes this segment"
    )


def test_a_verdicts_hops_are_those_that_its_segments_name() -> None:
    verdict = named()
    assert verdict.hops == (Place(1, ("10.9.0.2",)), Place(2, ("10.9.4.2",)))
    told = json.loads(verdict_line(verdict))["hops"]
    assert told == [place._asdict() | {"addresses": [*place.addresses]} for place in verdict.hops]


def test_a_verdict_on_the_way_back_is_read_from_the_target() -> None:
    flows = []
    for number in range(16):
        last = number % 4
        back = ["10.9.9.1", f"10.9.{5 + last}.1", "10.9.1.1"]
        died = 20 if last == 3 else 0
        flows.append(
            path(number, "10.9.0.2", "10.9.4.2", "10.9.12.2", reached=not died, told=died,
                 arrived=died, back=tuple(back[:2] if died else back))
        )  # fmt: skip
    paths = Paths("h", TARGET, tuple(flows), tells=True)
    verdict = judge([paths], lost(dict.fromkeys((3, 7, 11, 15), 20), of=20))
    lines = list(verdict_text(verdict, SHEET))
    assert " ".join(" ".join(lines[:4]).split()) == (
        "4 of 16 flows to h lose, and no other passes this segment on the way back:"
        " between 10.9.9.1 (hop 1 back) and this host: they die behind 10.9.8.1 (hop 2 back)"
    )
    assert "10.9.8.1 (hop 2 back)" in lines[6]


def test_every_line_fits_and_nothing_in_it_steers_a_terminal() -> None:
    evil = Paths(
        "evil\x1b[2J" + "x" * 90,
        ("192.0.2.1", 7),
        tuple(path(n, "10.0.0.1", f"10.1.{n}.1") for n in range(60)),
        names={"10.0.0.1": "r\x1b]0;x\x07\n\u202e" * 20, "10.1.7.1": "n" * 255},
    )
    for sheet in (Sheet(), Sheet(40), Sheet(80, "ascii")):
        lines = [*paths_text(evil, sheet), *verdict_text(named(), sheet)]
        assert max(map(len, lines)) <= sheet.columns
        assert not any("\x1b" in line or "\n" in line for line in lines)


def test_the_record_has_a_line_for_each_flow_and_the_verdict() -> None:
    paths = diamond()
    lines = [json.loads(line) for line in path_lines(paths)]
    assert [line["flow"] for line in lines] == list(range(16))
    assert lines[3]["hops"][1]["addresses"] == ["10.9.4.2"]
    verdict = json.loads(verdict_line(named()))
    assert (verdict["type"], verdict["state"], verdict["direction"]) == (
        "verdict",
        "named",
        "unknown",
    )
    assert verdict["segments"][0]["behind"] == {"ttl": 2, "addresses": ["10.9.4.2"]}
    assert len(verdict["losing"]) == 4


def test_each_line_of_the_record_is_as_the_schema_says() -> None:
    file = resources.files("udpecho.show") / "path.schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(file.read_text()))
    told = path(1, "10.0.0.1", None, told=3, arrived=2, back=("10.0.0.9", None))
    paths = Paths("h", ("192.0.2.1", 7), (told, path(0, "10.0.0.1", reached=False)))
    lines = [*path_lines(paths), *path_lines(diamond()), verdict_line(named())]
    for line in lines:
        validator.validate(json.loads(line))


def test_names_stand_beside_the_routers_that_have_one() -> None:
    paths = Paths(
        "h",
        ("192.0.2.1", 7),
        (path(0, "10.0.0.1", "10.1.0.1"), path(1, "10.0.0.1", "10.1.1.1")),
        names={"10.1.1.1": "spine1.example"},
    )
    assert text(paths)[2:6] == [
        "hop  router    name            from  flows  min ms",
        "1    10.0.0.1                            2  0.0100",
        "2a   10.1.0.1                  1         1  0.0100",
        "2b   10.1.1.1  spine1.example  1         1  0.0100",
    ]
    [_, second] = map(json.loads, path_lines(paths))
    assert [hop["names"] for hop in second["hops"]] == [[None], ["spine1.example"]]


def test_a_target_without_routers_is_said_to_be_reached_by_how_many_and_how_fast() -> None:
    flows = (Path(0, 40000, (), True, 1, rtt_ns=40_000), Path(1, 40001))
    assert text(Paths("h", ("192.0.2.1", 7), flows)) == [
        "2 flows to h (192.0.2.1:7)",
        "h, at hop 1: reached by 1 of 2 flows, min 0.0400 ms; not by others:",
        "  no router answered, 1 of 2 flows: source ports 40001",
    ]


def test_how_far_a_target_is_whose_distance_is_not_known() -> None:
    """As where fewer hops were to be looked at (-m) than there are."""
    flow = replace(path(0, "10.0.0.1", "10.1.0.1"), distance=None)
    for at_most, far in ((None, "somewhere behind hop 2"), (5, "at most 3 hops on")):
        paths = Paths("h", ("192.0.2.1", 7), (replace(flow, at_most=at_most),))
        assert text(paths)[-1] == f"then h, {far}: reached by 1 of 1 flow"


def test_labels_are_told() -> None:
    stacks = ((17, 30), (17, 31), (17, 30, 5), ())
    flows = [
        Path(n, 40000 + n, (Hop(1, ("10.0.0.1",), labels=tuple(Label(each, 0, True, 1)
             for each in stack)),), True, 2)
        for n, stack in enumerate(stacks)
    ]  # fmt: skip
    for some, told in ((flows[:1], "17, 30"), (flows[:2], "17, *"), (flows, "17, *, *")):
        lines = text(Paths("h", ("192.0.2.1", 7), tuple(some)))
        assert lines[3].startswith(f"1    10.0.0.1 (MPLS {told})")
    assert len(text(Paths("h", ("192.0.2.1", 7), tuple(flows)))) == 6
