"""A table fits its sheet, whatever is in it and however narrow that is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.show.rows import Column, table
from udpecho.show.sheet import Sheet
from udpecho.widths import columns_of

COLUMNS = (
    Column("host", 0, 8),
    Column("sent", 2),
    Column("loss", 0),
    Column("median", 3, unit="ms"),
    Column("max", 4, unit="ms"),
)
ROWS = [
    ["echo.example", "1000", "0.1%", "1234.567", "2234.567"],
    ["192.0.2.1", "1", "100%", "-", "-"],
]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            80,
            [
                "host          sent  loss    median    max ms",
                "echo.example  1000  0.1%  1234.567  2234.567",
                "192.0.2.1        1  100%         -         -",
            ],
        ),
        (
            41,
            [
                "host       sent  loss    median    max ms",
                "echo…mple  1000  0.1%  1234.567  2234.567",
                "192.0.2.1     1  100%         -         -",
            ],
        ),
        (
            35,
            [
                "host          sent  loss  median ms",
                "echo.example  1000  0.1%   1234.567",
                "192.0.2.1        1  100%          -",
            ],
        ),
        (
            22,
            [
                "host        sent  loss",
                "echo.…mple  1000  0.1%",
                "192.0.2.1      1  100%",
            ],
        ),
        (18, ["host          loss", "echo.example  0.1%", "192.0.2.1     100%"]),
        (11, ["host   loss", "ec…le  0.1%", "19….1  100%"]),
        (7, ["h  loss", "…  0.1%", "…  100%"]),
        (6, ["host", "ech…le", "192….1"]),
        (3, ["hos", "e…e", "1…1"]),
        (1, ["h", "…", "…"]),
    ],
)
def test_the_least_needed_goes_first(columns: int, lines: list[str]) -> None:
    """And whichever time is the last says its unit."""
    assert list(table(COLUMNS, ROWS, Sheet(columns))) == lines


def test_a_name_takes_the_columns_that_it_is_shown_in() -> None:
    rows = [["日本語", *ROWS[0][1:]], ["e\u0301", *ROWS[1][1:]]]
    assert list(table(COLUMNS, rows, Sheet(20))) == [
        "host    sent  loss",
        "日本語  1000  0.1%",
        "e\u0301          1  100%",
    ]


def test_a_table_of_nothing_has_its_headings() -> None:
    assert list(table(COLUMNS, [], Sheet(80))) == ["host  sent  loss  median  max ms"]


@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [
        ("utf-8", "b\x1b[31mad\u202e\nx", "b\\x1b[31mad"),
        ("latin-1", "日本", "\\u65e5\\u672c"),
        ("latin-1", "é", "é"),
        ("ascii", "é", "\\xe9"),
    ],
)
def test_nothing_in_a_name_steers_the_terminal_or_lacks_in_its_encoding(
    encoding: str, name: str, shown: str
) -> None:
    _, line = table([Column("host", 0, 8)], [[name]], Sheet(80, encoding))
    assert line.startswith(shown)
    assert line.encode(encoding).decode(encoding) == line
    assert not set(line) & {"\x1b", "\n"}


@given(st.text(min_size=1), st.text(st.sampled_from("e\u0301日"), min_size=1))
def test_where_there_is_room_a_name_is_whole(name: str, other: str) -> None:
    rows = [[name, *ROWS[0][1:]], [other, *ROWS[1][1:]]]
    sheet = Sheet(1000)
    for row, line in zip(rows, list(table(COLUMNS, rows, sheet))[1:], strict=True):
        assert line.startswith(sheet.spell(row[0]) + " ")


@given(
    st.lists(st.lists(st.text(), min_size=5, max_size=5), max_size=4),
    st.integers(1, 60),
    st.sampled_from(["utf-8", "ascii", "latin-1"]),
)
def test_no_line_is_wider_than_its_sheet(
    rows: list[list[str]], columns: int, encoding: str
) -> None:
    for line in table(COLUMNS, rows, Sheet(columns, encoding)):
        assert columns_of(line) <= columns
        line.encode(encoding)
