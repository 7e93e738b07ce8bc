"""On which line a key stands: whatever a file's author writes around it."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from tests.examples import given, st
from udpecho.watch.configuring.toml_lines import Path, key_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("a = 1", {("a",): 1}),
        ("# a = 0\n\n  a = 1 # b = 2\n", {("a",): 3}),
        ("[a]\nb = 1", {("a",): 1, ("a", "b"): 2}),
        ("a.b = 1", {("a",): 1, ("a", "b"): 1}),
        ('"a.b" . \'c\' = 1', {("a.b",): 1, ("a.b", "c"): 1}),
        ('"\\u0061\\t" = 1', {("a\t",): 1}),
        ("a = '''\nb = 1\n'''\nc = 2", {("a",): 1, ("c",): 4}),
        ('a = """\nb = \\""" """\nc = 2', {("a",): 1, ("c",): 3}),
        ('a = """x"""""\nc = 2', {("a",): 1, ("c",): 2}),
        ("a = [ # x ]\n 1, [2,\n3],\n]\nb = 1", {
            ("a",): 1, ("a", 0): 2, ("a", 1): 2, ("a", 1, 0): 2, ("a", 1, 1): 3, ("b",): 5,
        }),
        ("a = { b = 1, c = [\n2 ] }\nd = 1979-05-27 07:32:00", {
            ("a",): 1, ("a", "b"): 1, ("a", "c"): 1, ("a", "c", 0): 2, ("d",): 3,
        }),
        ("[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n", {
            ("a",): 1, ("a", 0): 1, ("a", 0, "b"): 2, ("a", 1): 3, ("a", 1, "b"): 4,
            ("a", 1, "c"): 5, ("a", 1, "c", "d"): 6,
        }),
        ("[[a.b]]\n[[ a . b ]]\r\nc = ''\r\n", {
            ("a", "b"): 1, ("a", "b", 0): 1, ("a", "b", 1): 2, ("a", "b", 1, "c"): 3,
        }),
    ],
)  # fmt: skip
def test_lines(text: str, lines: dict[Path, int]) -> None:
    tomllib.loads(text)
    assert key_lines(text) == lines


KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), st.text(max_size=6))
SCALARS = st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=20))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
NOISE = st.sampled_from(["", "\n", "# [x]\n", "\r\n", "  # a = '''\n", "\t\n\n"])


def written(value: Any, draw: Any) -> str:
    """Write a value as TOML, on several lines where that may be."""
    if isinstance(value, list):
        members = "".join(f"{draw(NOISE)}{written(each, draw)}," for each in value)
        return f"[{members}{draw(NOISE)}]"
    if isinstance(value, dict):
        pairs = (f"{quoted(key)} = {written(each, draw)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, str) and "'" not in value and value.isprintable():
        return str(draw(st.sampled_from([f"'{value}'", f"'''\n{value}'''", quoted(value)])))
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    """Write a string with all but ASCII escaped as TOML has it."""
    named = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(
        named.get(each, each if " " <= each <= "~" else f"\\U{ord(each):08x}") for each in text
    ) + '"'  # fmt: skip


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=4), st.data())
def test_every_key_is_found_where_it_was_written(
    tables: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    text = ""
    lines: dict[Path, int] = {}
    for name, table in tables.items():
        text += data.draw(NOISE)
        lines[name,] = text.count("\n") + 1
        text += f"[{quoted(name)}]\n"
        for key, value in table.items():
            text += data.draw(NOISE)
            lines[name, key] = text.count("\n") + 1
            text += f"{quoted(key)}={written(value, data.draw)}\n"
    read = tomllib.loads(text)
    found = key_lines(text)
    assert {path: line for path, line in found.items() if len(path) <= 2} == lines
    assert set(found) == set(paths(read))


def paths(value: Any, path: Path = ()) -> Any:
    """List the paths to all that is within a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in pairs:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from paths(each, (*path, key))


@given(st.text(alphabet="ab=[]{}\"'\\#,.\n 1", max_size=40))
def test_whatever_tomllib_reads_is_read(text: str) -> None:
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(paths(read)) == set(key_lines(text))
