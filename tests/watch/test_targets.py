"""Lists of peers, as files and servers have them."""

from __future__ import annotations

import json

import pytest

from tests.examples import given, st
from udpecho.watch.configuring.tables import as_shown
from udpecho.watch.peers.targets import Wanted, read_list

FILE_SD = """[
  {"targets": ["10.0.0.2:1060", "ams-1.example"], "labels": {"zone": "ams", "job": "x"}},
  {"targets": ["[2001:db8::2]:7"], "labels": {"name": "par-1"}},
  {"targets": []}
]"""


def test_prometheus_s_json() -> None:
    assert read_list(FILE_SD, 1060, None, "peers.json") == [
        Wanted("10.0.0.2:1060", "10.0.0.2", 1060, "ams", "peers.json"),
        Wanted("ams-1.example", "ams-1.example", 1060, "ams", "peers.json"),
        Wanted("par-1", "2001:db8::2", 7, "", "peers.json"),
    ]


def test_a_zone_that_is_given_for_all() -> None:
    assert {each.zone for each in read_list(FILE_SD, 7, "fra", "")} == {"fra"}


def test_a_host_in_each_line() -> None:
    text = "\n# ours\n10.0.0.2\r\n  ams-1.example:7 # in Amsterdam\n"
    assert read_list(text, 1060, "x", "peers.txt") == [
        Wanted("10.0.0.2", "10.0.0.2", 1060, "x", "peers.txt"),
        Wanted("ams-1.example:7", "ams-1.example", 7, "x", "peers.txt"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb:c\n", "line 2: HOST[:PORT]: expected a port from 1 to 65535, got 'c'"),
        ("a\x1b[2J", "line 1: expected a name in one line, got 'a\\x1b[2J'"),
        ("[", "expected JSON, got what is not: Expecting value: line 1 column 2 (char 1)"),
        ('[{"targets":' + "[" * 100_000, "expected a name in one line, got a list"),
        ('[{"targets": [{"a": 1}]}]', "expected a name in one line, got a table"),
        ('[{"targets": {}}]', 'expected {"targets": […], "labels": {…}}, got a table'),
        ('[{"x": [1]}]', "expected a name in one line, got a list"),
        ('[{"targets": [], "labels": {"x": {}}}]', "expected a name in one line, got a table"),
        ("[{3: 1}]", "expected JSON, got what is not: Expecting property name enclosed in double"),
        ('[{"a" 1}]', "expected JSON, got what is not: Expecting ':' delimiter: line 1 column 7"),
        ('[{"targets": ["a" "b"]}]', "expected JSON, got what is not: Expecting ',' delimiter"),
        ('[{"targets": ["a"]', "expected JSON, got what is not: Expecting ',' delimiter"),
        ('[{"targets": [' + '"a",' * 10_000 + "3", "expected a name in one line, got 3"),
        ('[{"targets": [' + '"a",' * 10_001 + "3", "expected 10000 targets at most, got more"),
        ('[{"targets": []} 3]', "expected JSON, got what is not: Expecting ',' delimiter: "),
        ('[{"targets": []},]', "expected JSON, got what is not: Expecting value: "),
        ('[{"targets": []}', "expected JSON, got what is not: Expecting ',' delimiter: "),
        ("[]\n[]", "expected JSON, got what is not: Extra data: line 2 column 1 (char 3)"),
        ("[" * 100_000, 'expected {"targets": […], "labels": {…}}, got a list'),
        ("[3]", 'expected {"targets": […], "labels": {…}}, got 3'),
        ('[{"targets": "a"}]', 'expected {"targets": […], "labels": {…}}, got targets: \'a\''),
        (
            '[{"labels": {}}]',
            'expected {"targets": […], "labels": {…}}, got a table without targets',
        ),
        (
            '[{"targets": [], "labels": 3}]',
            'expected {"targets": […], "labels": {…}}, got labels: 3',
        ),
        ("a\x0bb", "line 1: expected a name in one line, got 'a\\x0bb'"),
        ("a\r..", "line 2: expected HOST or HOST:PORT, got '..'"),
        (".:7", "line 1: expected HOST or HOST:PORT, got '.:7'"),
        ('[{"targets": ["a"], "labels": {"name": "."}}]', "expected a name, got '.'"),
        ('[{"targets": ["a"], "labels": {"name": ".."}}]', "expected a name, got '..'"),
        ("10.0.0.1, 10.0.0.2", "line 1: expected HOST or HOST:PORT, got '10.0.0.1, 10.0.0.2'"),
        ("10.0.0.0/24", "line 1: expected HOST or HOST:PORT, got '10.0.0.0/24'"),
        ('[{"targets": ["224.0.0.1:7"]}]', "expected the address of one host, got '224.0.0.1'"),
        ('[{"targets": [3]}]', "expected a name in one line, got 3"),
        ('[{"targets": ["a"], "labels": {"zone": ["b"]}}]', "expected a name in one line, got"),
        ('[{"targets": ["a b:c:d"]}]', "HOST[:PORT]: expected a host, HOST:PORT or [IPv6]:PORT"),
        ("a\n" * 10_001, "expected 10000 targets at most, got more"),
    ],
)
def test_what_is_no_list_is_one_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (its text is what is tested)
        read_list(text, 1060, None, "")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_what_is_between_groups_is_nothing() -> None:
    text = '\ufeff \r\n[ {"targets": ["a"]}\t,\n{"targets": ["b"]} ]\n\n'
    assert [each.name for each in read_list(text, 7, "", "")] == ["a", "b"]
    assert read_list(" [ ] ", 7, "", "") == []


@pytest.mark.parametrize("item", ["[]", "{}", "1", '"a"', "[[]]"])
def test_no_more_is_read_behind_what_is_no_group(item: str) -> None:
    """2 MB of [[],[],…] held the reactor for 200 ms; so the end, which is no JSON, is not seen."""
    text = f"[{','.join([item] * 100)},!"
    with pytest.raises(ValueError, match=r"^expected \{.targets"):
        read_list(text, 7, None, "")


class Unwritten:
    """What must not be written."""

    def __repr__(self) -> str:
        raise AssertionError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["b"], "['b']"),
        ([[], [["c"]], {"d": 1}, True], "[[], […], a table, true]"),
        ([[Unwritten()]], "[[…]]"),
        ([*[1] * 60, Unwritten()], "[" + "1, " * 19 + "1…"),
        ("é" * 10, "'" + "\\xe9" * 10 + "'"),
        ("a" * 58, "'" + "a" * 58 + "'"),
        ("a" * 59, "'" + "a" * 58 + "…"),
        ("a" * 1_000_000, "'" + "a" * 58 + "…"),
        (1.5, "1.5"),
    ],
)
def test_of_a_long_value_the_beginning_is_written(value: object, shown: str) -> None:
    assert as_shown(value) == shown


NAMES = st.text('ab.1é\\u2028"\\\\', min_size=1).filter(str.isprintable).map("h{}".format)
LABELS = st.dictionaries(
    st.sampled_from(["zone", "name", "job"]) | st.text(), NAMES | st.none(), max_size=3
)


@given(
    st.lists(st.tuples(st.lists(NAMES, max_size=3), LABELS), max_size=3),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.integers(min_value=0),
)
def test_json_is_read_as_others_write_it(
    groups: list[tuple[list[str], dict[str, str | None]]], indent: int | None, plain: bool, end: int
) -> None:
    listed = [{"targets": targets, "labels": labels} for targets, labels in groups]
    text = json.dumps(listed, indent=indent, ensure_ascii=plain)
    assert read_list(text, 7, None, "") == [
        Wanted(labels.get("name") or each if len(targets) == 1 else each, each, 7, zone)
        for targets, labels in groups
        for zone in [labels.get("zone") or ""]
        for each in targets
    ]
    if text[: end % len(text)]:
        with pytest.raises(ValueError, match=r"^expected JSON, got what is not: "):
            read_list(text[: end % len(text)], 7, None, "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["targets", "labels", "zone", "name"]), inner)
    ),
)


@given(st.one_of(st.text(), st.lists(JSON).map(json.dumps)))
def test_whatever_comes_is_a_list_or_one_line(text: str) -> None:
    try:
        found = read_list(text, 1060, None, "")
    except ValueError as error:
        line = str(error)
    else:
        assert all(each.name.isprintable() for each in found)
        return
    assert line.isprintable()
