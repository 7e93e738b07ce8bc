"""The rows of a picture of paths: a router at a hop, who passes it, and from where. Does no I/O.

A router is told by its addresses at that hop: what several rows lead to joins there, and what one
row leads to several of parts there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from udpecho.path.hops import Hop, Label, Path

SILENT = "(silent)"


@dataclass(slots=True)
class HopRow:
    """A router at a hop."""

    hop: Hop
    """As the first flow met it."""

    label: str = ""
    """The hop's number, and a letter where it has several rows."""

    flows: list[int] = field(default_factory=list)
    """Who passes it, by their places among the paths."""

    rtt_ns: int | None = None
    """The least round trip of these."""

    before: dict[str, int] = field(default_factory=dict)
    """From which rows they come, by label, and how many."""

    stacks: dict[tuple[Label, ...], None] = field(default_factory=dict)
    """The MPLS labels that it told them."""

    @property
    def router(self) -> str:
        """Who it is."""
        return router_of(self.hop)


def router_of(hop: Hop) -> str:
    """Write who answers there."""
    if not hop.addresses:
        return SILENT
    doubt = " (by its time)" if hop.by_time else ""
    return ", ".join(hop.addresses) + doubt


def rows_of(paths: Sequence[Path]) -> list[HopRow]:
    """Make a row for each router at each hop, in the order in which flows show it."""
    found: list[HopRow] = []
    last = ["" for _ in paths]  # the label of the row that each flow was in last
    for ttl in range(1, max((len(path.hops) for path in paths), default=0) + 1):
        here: dict[str, HopRow] = {}
        for number, path in enumerate(paths):
            if len(path.hops) >= ttl:
                hop = path.hops[ttl - 1]
                _add(here.setdefault(router_of(hop), HopRow(hop)), hop, number, last[number])
        for place, row in enumerate(here.values()):
            row.label = f"{ttl}{_letters(place)}" if len(here) > 1 else str(ttl)
            for number in row.flows:
                last[number] = row.label
        found += here.values()
    return found


def _add(row: HopRow, hop: Hop, number: int, before: str) -> None:
    row.flows.append(number)
    if before:
        row.before[before] = row.before.get(before, 0) + 1
    if hop.labels:
        row.stacks[hop.labels] = None
    times = [time for time in (row.rtt_ns, hop.rtt_ns) if time is not None]
    row.rtt_ns = min(times, default=None)


def labels_text(stacks: Iterable[tuple[Label, ...]]) -> str:
    """Write MPLS labels; a star where flows differ, as those do that spread load (RFC 6790)."""
    return ", ".join(_merged([[each.label for each in stack] for stack in stacks]))


def _merged(stacks: Sequence[Sequence[int]]) -> Iterator[str]:
    for each in zip_longest(*stacks):
        yield str(each[0]) if len(set(each)) == 1 else "*"


def _letters(place: int) -> str:
    """Count in letters: a, b, … z, aa, ab."""
    text = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        text = chr(ord("a") + letter) + text
    return text
