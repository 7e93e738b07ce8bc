"""A summary fits the terminal that it is printed on."""

from __future__ import annotations

import json
import re

import pytest

from udpecho.ping.figures import Distribution, Figures, FlowSummary, Summary, TargetSummary
from udpecho.show.record import summary_line
from udpecho.show.sheet import Sheet
from udpecho.show.summary_tables import NARROWEST_NAME, WORST_SHOWN
from udpecho.show.text import summary_text
from udpecho.widths import columns_of

MS = 1_000_000
SLOW = Distribution(1000, 1000 * MS, 1, 1234 * MS, 1500 * MS, 2345 * MS, 3456 * MS, 9999 * MS, 1)
FIGURES = Figures(sent=100_000, replied=99_979, lost=21, rtt=SLOW)
LONG = "a-host-of-a-long-name.in-a-long-domain.example"


def hosts(*names: str) -> Summary:
    targets = tuple(TargetSummary(name, ("192.0.2.1", 7), FIGURES, ()) for name in names)
    return Summary(10**12, FIGURES, targets, 0, {}, SLOW, 12)


def flows(number: int) -> Summary:
    each = tuple(FlowSummary(40_000 + port, FIGURES) for port in range(number))
    target = TargetSummary(LONG, ("192.0.2.1", 7), FIGURES, each)
    return Summary(10**12, FIGURES, (target,), 0, {}, SLOW, 12)


def table_of(summary: Summary, sheet: Sheet) -> list[str]:
    lines = list(summary_text(summary, sheet))
    first = next(at for at, line in enumerate(lines) if re.match("host|source port", line))
    return lines[first : first + 2]


READ_BY_PROGRAMS = re.compile("--- .* ping statistics ---|.* packet loss, time|rtt min/avg/max")


@pytest.mark.parametrize("columns", [20, 40, 79, 80, 200])
@pytest.mark.parametrize(
    "summary", [hosts("192.0.2.1", LONG), hosts("日本" * 20, "a\u0301" * 50), flows(17)]
)
def test_every_line_fits_but_those_that_programs_read(summary: Summary, columns: int) -> None:
    lines = list(summary_text(summary, Sheet(columns)))
    too_long = [line for line in lines if columns_of(line) > columns]
    assert [line for line in too_long if not READ_BY_PROGRAMS.match(line)] == []
    assert sum(map(bool, map(READ_BY_PROGRAMS.match, lines))) == 3


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (200, "host sent lost loss min median p99 max ms"),
        (80, "host sent lost loss min median p99 max ms"),
        (70, "host sent lost loss median p99 max ms"),
        (40, "host sent loss"),
        (30, "host loss"),
        (16, "host loss"),
        (8, "host"),
    ],
)
def test_a_narrow_terminal_shows_the_figures_most_needed(columns: int, headings: str) -> None:
    header, row = table_of(hosts(LONG, "192.0.2.1"), Sheet(columns))
    assert header.split() == headings.split()
    name = row.split()[0]
    assert name == LONG or re.fullmatch("a-?h?o?.*….*e", name)
    assert len(name) >= NARROWEST_NAME or columns < 30


def test_figures_are_whole_or_not_there() -> None:
    """Beside a short name, 40 columns have room for one more."""
    header, row = table_of(hosts("192.0.2.1", "192.0.2.2"), Sheet(40))
    assert header.split() == ["host", "sent", "loss", "median", "ms"]
    assert row.split() == ["192.0.2.1", "100000", "0.021%", "1234.000"]


def test_hosts_of_one_name_are_told_apart_by_their_addresses() -> None:
    """A host that moved has two rows."""
    moved = TargetSummary("echo.example", ("192.0.2.2", 7), FIGURES, ())
    summary = hosts("echo.example", "other.example")
    both = Summary(10**12, FIGURES, (*summary.targets, moved), 0, {}, SLOW, 12)
    names = [line.partition("  ")[0] for line in list(summary_text(both))[1:4]]
    assert names == ["echo.example (192.0.2.1)", "other.example", "echo.example (192.0.2.2)"]


def test_json_has_names_whole() -> None:
    """And as they are: whoever shows them sees to that."""
    name = LONG + "日本\x1b[31m"
    found = [each["target"] for each in json.loads(summary_line(hosts(name, "b")))["targets"]]
    assert found == [name, "b"]


def test_without_a_sheet_nothing_is_left_out_or_broken() -> None:
    lines = list(summary_text(flows(WORST_SHOWN + 2)))
    assert any(line.startswith(f"LOSS to {LONG} from 22 of 22") for line in lines)
    assert any("; " in line or "network's" in line for line in lines if len(line) > 80)
