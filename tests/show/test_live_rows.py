"""A row of the live table, and which rows there is room for."""

from __future__ import annotations

from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Outcome
from udpecho.show.live_rows import ASCII_SPARKS, LOOKED_AT, SPARKS, LiveRow, Worst


def test_a_row_shows_losses_among_the_sparks() -> None:
    row = LiveRow("echo.example")
    for rtt in (1_000_000, None, 8_000_000):
        row.add(Outcome(ProbeFate.LOST if rtt is None else ProbeFate.REPLIED, 0, rtt_ns=rtt))
    assert row.cells(SPARKS) == [
        "echo.example", "3", "33.33%", "8.000", "4.500", "1.000", "8.000", "▂x█",
    ]  # fmt: skip
    assert row.cells(ASCII_SPARKS)[-1] == ".x#"
    assert LiveRow("h").cells(SPARKS) == ["h", "0", "-", "-", "-", "-", "-", ""]


def test_sparks_are_eight_of_one_column() -> None:
    assert len(SPARKS) == len(ASCII_SPARKS) == 8
    assert ASCII_SPARKS.isascii()
    assert "x" not in ASCII_SPARKS


def test_a_row_gives_up_a_probe_before_its_fate_is_known() -> None:
    row = LiveRow("echo.example")
    for sequence in (1, 2):
        row.give_up(sequence)
    assert (row.known, row.loss) == (2, 1.0)
    row.add(Outcome(ProbeFate.LATE, 0, sequence=1, rtt_ns=5))
    row.add(Outcome(ProbeFate.LOST, 0, sequence=2))
    assert (row.known, row.loss) == (2, 0.5)


def rows_of(number: int, losing: dict[int, int]) -> list[LiveRow]:
    """Make rows that have lost some of ten probes."""
    return [
        LiveRow(str(n), known=10, whole=10 - losing.get(n, 0), worst_ns=1) for n in range(number)
    ]


def test_of_however_many_rows_few_are_looked_at() -> None:
    """Else the table of a run with 10,000 hosts would hold up its probes."""
    looked_at = 0

    class Counted(LiveRow):
        @property
        def loss(self) -> float | None:
            nonlocal looked_at
            looked_at += 1
            return 0.0

    rows: list[LiveRow] = [Counted(str(n)) for n in range(10_000)]
    worst = Worst()
    for _ in range(10):
        looked_at = 0
        worst.first(rows, 20)
        assert looked_at <= LOOKED_AT + 20


def test_the_worst_come_first_and_the_others_in_their_order() -> None:
    rows = rows_of(6, {2: 1, 4: 5, 5: 1})
    assert [row.name for row in Worst().first(rows, 5)] == ["4", "2", "5", "0", "1"]
    assert [row.name for row in Worst().first(rows, 99)] == ["4", "2", "5", "0", "1", "3"]
    assert Worst().first([], 5) == []


def test_the_worst_of_ten_thousand_are_found_a_thousand_at_a_time() -> None:
    """Each drawing looks at so many; what was found stays."""
    number = 10 * LOOKED_AT
    rows = rows_of(number, {number - 1: 9, number // 2: 5, 3: 1})
    worst = Worst()
    assert [row.name for row in worst.first(rows, 2)] == ["3", "0"]
    for _ in range(10):
        found = worst.first(rows, 3)
    assert [row.name for row in found] == [str(number - 1), str(number // 2), "3"]


def test_a_row_that_loses_no_more_gives_its_place_to_a_worse_one() -> None:
    rows = rows_of(2 * LOOKED_AT, {0: 1})
    worst = Worst()
    assert worst.first(rows, 1) == [rows[0]]
    rows[LOOKED_AT + 5].give_up(1)
    rows[LOOKED_AT + 5].give_up(2)
    worst.first(rows, 1)
    assert worst.first(rows, 1) == [rows[LOOKED_AT + 5]]
