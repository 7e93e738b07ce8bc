"""Paths and verdicts as text: where the paths of several flows part and join, where they die.

Each hop has a row for each router that was seen there, and says from which rows flows come to it:
so a row that several name parts, and one that names several joins. Does no I/O.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from udpecho.path.hops import Hop, Paths
from udpecho.path.verdicts import Direction, Place, Segment, State, Verdict
from udpecho.peer import format_peer
from udpecho.show.amounts import milliseconds, percent, with_address
from udpecho.show.packets_text import dscp_lines, mtu_lines
from udpecho.show.path_changes import Marked, marked_rows
from udpecho.show.path_end import end_lines
from udpecho.show.path_rows import HopRow, labels_text
from udpecho.show.rows import Column, table
from udpecho.show.sheet import Sheet

ROUTERS_SHOWN = 40
"""Rows of a hop that are written: the rest are counted."""

_COLUMNS = (
    Column("", 0, narrowest=1),
    Column("hop", 0, narrowest=4),
    Column("router", 0, narrowest=15),
    Column("name", 4, narrowest=12),
    Column("from", 3, narrowest=8),
    Column("flows", 1),
    Column("min", 2, unit="ms"),
)

_IF_ANY = ("", "name", "min")
"""Columns that are shown where a row has something in them."""


def paths_text(paths: Paths, sheet: Sheet) -> Iterator[str]:
    """Write all paths to one target, hop by hop."""
    return (line for line, _ in marked_lines(paths, sheet))


def marked_lines(
    paths: Paths, sheet: Sheet, before: Paths | None = None
) -> Iterator[tuple[str, str]]:
    """Write all paths to one target, and with each line how it is another than before."""
    yield from ((line, "") for line in sheet.wrap(head_text(paths)))
    rows = marked_rows(paths, before)
    if rows:
        yield "", ""
        yield from zip(_table(paths, rows, sheet), ["", *(mark for mark, _ in rows)], strict=True)
        yield "", ""
    for said in end_lines(paths, [row for _, row in rows]):
        yield from ((line, "") for line in sheet.wrap(said))
    yield from ((line, "") for line in _way_back(paths, sheet))
    for said in (*mtu_lines(paths.paths), *dscp_lines(paths)):
        yield from ((line, "") for line in sheet.wrap(said))


def head_text(paths: Paths) -> str:
    """Say of how many flows to whom paths are."""
    count = len(paths.paths)
    flows = "1 flow" if count == 1 else f"{count} flows"
    return f"{flows} to {with_address(paths.target, format_peer(paths.peer))}"


def _table(paths: Paths, rows: Sequence[Marked], sheet: Sheet) -> Iterator[str]:
    cells = [
        [
            mark,
            row.label,
            _router(row),
            _names(row.hop, paths.names),
            " ".join(row.before),
            str(len(row.flows)),
            milliseconds(row.rtt_ns),
        ]
        for mark, row in rows
    ]
    shown = [
        at
        for at, column in enumerate(_COLUMNS)
        if column.heading not in _IF_ANY or any(row[at] not in ("", "-") for row in cells)
    ]
    columns = [_COLUMNS[at] for at in shown]
    return table(columns, [[row[at] for at in shown] for row in cells], sheet)


def _way_back(paths: Paths, sheet: Sheet) -> Iterator[str]:
    """Write by which routers the replies come back, as far as the target told."""
    told = [replace(path, hops=path.back) for path in paths.paths if path.back is not None]
    if not told:
        if paths.tells is False:
            yield "way back: not told"
        return
    yield ""
    back = replace(paths, paths=tuple(told))
    rows = marked_rows(back, None)
    if rows:
        yield from sheet.wrap(f"and back, as {paths.target} told:")
        yield ""
        yield from _table(back, rows, sheet)
        yield ""
    else:
        yield from sheet.wrap(f"and back, as {paths.target} told, past no router,")
    arrived, lost = (
        sum(getattr(path, name) for path in told) for name in ("arrived", "asked_about")
    )
    whole = sum(path.reached for path in told)
    died = f"; of {lost} lost probes {arrived} had arrived" if lost else ""
    yield from sheet.wrap(f"then this host: reached by {whole} of {len(told)} flows{died}")


def _router(row: HopRow) -> str:
    labels = f" (MPLS {labels_text(row.stacks)})" if row.stacks else ""
    return row.router + labels


def _names(hop: Hop, names: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(names[address] for address in hop.addresses if address in names))


def verdict_text(verdict: Verdict, sheet: Sheet) -> Iterator[str]:
    """Say where flows die, or why that can't be told; the evidence in a table."""
    losing = len(verdict.losing)
    if verdict.state is State.UNDECIDED and not losing:
        yield from sheet.wrap(f"where flows lose: {verdict.reason}")
        return
    target = _targets(verdict)
    verb = "loses" if losing == 1 else "lose"
    head = f"{losing} of {verdict.flows} flows to {target} {verb}"
    if verdict.reason:
        yield from sheet.wrap(f"{head}; where: {verdict.reason}")
    else:
        way = {
            Direction.OUT: " on the way out",
            Direction.BACK: " on the way back",
            Direction.UNKNOWN: " (out or back: not told)",
        }[verdict.direction]
        each = "this segment" if len(verdict.segments) == 1 else "either of these segments"
        if len(verdict.segments) > 2:
            each = "any of these segments"
        yield from sheet.wrap(f"{head}, and {_no_other(verdict)} passes {each}{way}:")
        for segment in verdict.segments:
            yield from sheet.wrap(f"  {_segment(segment, target, verdict.direction)}")
    yield ""
    yield from _evidence(verdict, sheet)


def _no_other(verdict: Verdict) -> str:
    """Say of whom it is known that they pass no segment: not of those that weren't looked at."""
    names = {target for target, _ in verdict.losing}
    known = sum(each.target in names for each in verdict.evidence)
    return "no other" if known >= verdict.flows else f"no other of {known} traced"


def _targets(verdict: Verdict) -> str:
    names = dict.fromkeys(target for target, _ in verdict.losing)
    return next(iter(names)) if len(names) == 1 else f"{len(names)} hosts"


def _segment(segment: Segment, target: str, direction: Direction) -> str:
    back = direction is Direction.BACK
    first, last = (target, "this host") if back else ("this host", target)
    after = first if segment.after is None else _place(segment.after, back)
    before = last if segment.before is None else _place(segment.before, back)
    text = f"between {after} and {before}"
    if segment.behind is not None:
        if segment.behind != segment.after:
            text += f": they die behind {_place(segment.behind, back)}"
    elif segment.within:
        text += f": through {', '.join(_place(each, back) for each in segment.within)}"
    return text


def _place(place: Place, back: bool = False) -> str:
    some = " or ".join(place.addresses[:2])
    more = f" or {len(place.addresses) - 2} more" if len(place.addresses) > 2 else ""
    return f"{some}{more} (hop {place.ttl}{' back' if back else ''})"


def _evidence(verdict: Verdict, sheet: Sheet) -> Iterator[str]:
    """Write a row for each flow that was looked at, those that lose first."""
    several = len({each.target for each in verdict.evidence}) > 1
    columns = (
        *((Column("host", 0, narrowest=12),) if several else ()),
        Column("source port", 0),
        Column("sent", 3),
        Column("lost", 2),
        Column("loss", 0),
        Column("last hop that answered", 4, narrowest=15),
    )
    ordered = sorted(verdict.evidence, key=lambda each: (not each.losing, each.source_port))
    by_losing: defaultdict[bool, int] = defaultdict(int)
    rows = []
    for each in ordered:
        by_losing[each.losing] += 1
        if by_losing[each.losing] > ROUTERS_SHOWN:
            continue
        back = verdict.direction is Direction.BACK
        last = "-" if each.last_hop is None else _place(each.last_hop, back)
        share = each.lost / each.sent if each.sent else None
        counts = [str(each.source_port), str(each.sent), str(each.lost), percent(share), last]
        rows.append([each.target, *counts] if several else counts)
    yield from table(columns, rows, sheet)
    left_out = len(verdict.evidence) - len(rows)
    if left_out:
        yield f"... and {left_out} flows more"
