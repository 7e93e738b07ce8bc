"""A table of text that fits its sheet: the columns least needed are left out. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from udpecho.show.sheet import Sheet
from udpecho.widths import columns_of, padded

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. The one of the highest rank goes first; those of rank 0 stay.

    What is cut at need, a text, may be made as narrow as it says before a column goes, and
    narrower after the last that can; a number stays whole. Of columns side by side in one unit
    the last one says it.
    """

    heading: str
    rank: int
    narrowest: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """Which columns are shown, by their index, how wide each is and what stands above it."""

    columns: Sequence[Column]
    sheet: Sheet
    widths: dict[int, int]
    headings: dict[int, str]

    def header(self) -> str:
        """Write the line of headings."""
        cells = (self._fill(i, each[: self.widths[i]]) for i, each in self.headings.items())
        return GAP.join(cells).rstrip()

    def line(self, row: Sequence[str]) -> str:
        """Write a row."""
        return GAP.join(self.cell(index, row[index]) for index in self.widths).rstrip()

    def cell(self, index: int, text: str) -> str:
        """Write what a row has in a column, as wide as the column is."""
        return self._fill(index, self.sheet.cut(text, self.widths[index]))

    def _fill(self, index: int, text: str) -> str:
        a_number = self.columns[index].narrowest is None
        return padded(text, self.widths[index], right=a_number)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], sheet: Sheet) -> Iterator[str]:
    """Write a table, line by line."""
    layout = lay_out(columns, rows, sheet)
    yield layout.header()
    for row in rows:
        yield layout.line(row)


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], sheet: Sheet) -> TableLayout:
    """Choose the columns that the sheet has room for, then cut the texts that are too long."""
    longest = [
        max((columns_of(sheet.spell(row[index])) for row in rows), default=0)
        for index in range(len(columns))
    ]
    for kept, narrowest in _choices(columns):
        headings = _headings(columns, kept)
        widths = {index: max(longest[index], len(headings[index])) for index in kept}
        spare = {index: max(0, widths[index] - narrowest.get(index, 10**9)) for index in kept}
        excess = sum(widths.values()) + len(GAP) * (len(kept) - 1) - sheet.columns
        if excess <= sum(spare.values()):
            break
    for index in sorted(kept, key=lambda index: -columns[index].rank):
        narrower = max(0, min(spare[index], excess))
        widths[index] -= narrower
        excess -= narrower
    return TableLayout(columns, sheet, widths, headings)


def _choices(columns: Sequence[Column]) -> Iterator[tuple[list[int], dict[int, int]]]:
    """Go from all columns to the first alone, each time with how narrow what is cut may be made."""
    kept = list(range(len(columns)))
    narrowest = {n: each.narrowest for n, each in enumerate(columns) if each.narrowest is not None}
    yield kept, narrowest
    for index in sorted(kept, key=lambda index: -columns[index].rank):
        if columns[index].rank:
            kept = [each for each in kept if each != index]
            yield kept, narrowest
    yield kept, dict.fromkeys(narrowest, 1)
    yield kept[:1], {kept[0]: 1}


def _headings(columns: Sequence[Column], kept: list[int]) -> dict[int, str]:
    """Write what stands above the columns that are shown."""
    headings = {}
    for index, following in zip(kept, [*kept[1:], None], strict=True):
        column = columns[index]
        said_later = following is not None and columns[following].unit == column.unit
        headings[index] = (
            column.heading if said_later else f"{column.heading} {column.unit}".strip()
        )
    return headings
