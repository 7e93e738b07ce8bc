"""What is drawn of a day: whole SVG, in pieces, and nothing that looks better than it was."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from udpecho.watch.pages.charts import (
    HEIGHT,
    LOSS_HEIGHT,
    ROW,
    Columns,
    flows_by_time,
    smoke,
    top_of,
)
from udpecho.watch.pages.scale import SPANS, above, class_of, duration, hours, percent
from udpecho.watch.remembering.history import FLOWS_KEPT, Minute

RTT = (100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 900_000)
DAY = 24 * 60


def column(
    lost: int = 0, rtt: tuple[int, ...] = RTT, flows: tuple[float | None, ...] = ()
) -> Minute:
    """Make a minute of 100 probes."""
    kept = rtt if lost < 100 else ()
    return Minute(
        0, 100, 100 - lost, 0, lost, 0, 0, kept, (flows + (None,) * FLOWS_KEPT)[:FLOWS_KEPT]
    )


def paths(svg: str) -> dict[str, str]:
    """Give each path's d by its class; the SVG has to be well-formed."""
    found: dict[str, str] = {}
    for each in ElementTree.fromstring(svg).iter():
        if each.tag == "path":
            found[each.get("class", "")] = found.get(each.get("class", ""), "") + each.get("d", "")
    return found


def drawn(columns: Columns) -> dict[str, str]:
    return paths("".join(smoke(columns, 0, DAY)))


def test_bands_reach_from_quantile_to_quantile_and_stop_where_nothing_is_known() -> None:
    d = drawn([column(), column(), None, column()])
    bottom, up = HEIGHT - 20, HEIGHT - 180  # of 1 ms: 0.1 and 0.9 of the height
    assert d["b0"].startswith(f"M0 {bottom}V{up}H1V{up}H2V{bottom}H1V{bottom}H0z")
    assert d["b0"].count("M") == 2
    assert d["m l0"] == "".join(f"M{x} {HEIGHT - 80}h1" for x in (0, 1, 3))


def test_what_lost_all_has_no_round_trips_but_the_highest_bar() -> None:
    d = drawn([column(100), column(1)])
    assert f"v-{LOSS_HEIGHT}h1" in d["loss l5"]
    assert "loss l1" in d
    assert "m l5" not in d or d["m l5"] == ""


def test_one_slow_reply_flattens_nothing() -> None:
    assert top_of([column(), column(rtt=(*RTT[:-1], 10**9))]) == above(2 * RTT[-2])
    assert top_of([None]) == top_of([column(100)]) == 1000


@pytest.mark.parametrize("columns", [[], [None] * 5, [column()] * 720, [column(100)] * 300])
def test_whatever_is_known_of_a_day_it_is_whole_and_in_small_pieces(columns: Columns) -> None:
    pieces = list(smoke(columns, 5, DAY + 5))
    assert max(map(len, pieces)) < 5000
    paths("".join(pieces))
    paths("".join(flows_by_time(columns, 5, DAY + 5, 3)))


def test_each_row_says_which_flows_it_tells_of() -> None:
    shares: tuple[float | None, ...] = (0.0,) * FLOWS_KEPT
    for flows, first, last in (
        (2, "flow 0", "flow 1"),
        (40, "flows 0 to 2, the worst", "flows 38"),
    ):
        text = "".join(flows_by_time([column(flows=shares)], 0, 10, flows))
        titles = re.findall("<title>(flows?[^<]*)</title></path>", text)
        assert (titles[0], titles[-1][: len(last)]) == (first, last)
        assert len(titles) == min(flows, FLOWS_KEPT)


def test_flows_have_a_row_each_and_grey_where_nothing_is_known() -> None:
    d = paths("".join(flows_by_time([column(flows=(0.0, 1.0)), None], 0, DAY, 2)))
    assert d["f l0"] == f"M0 0h1v{ROW - 1}h-1z"
    assert d["f l5"] == f"M0 {ROW}h1v{ROW - 1}h-1z"
    assert d["f u"] == f"M1 0h1v{ROW - 1}h-1zM1 {ROW}h1v{ROW - 1}h-1z"


@pytest.mark.parametrize(
    ("loss", "name", "text"),
    [
        (None, "u", "not known"),
        (0.0, "l0", "0 %"),
        (1e-9, "l1", "<0.1 %"),
        (0.01, "l1", "1 %"),
        (0.0101, "l2", "1.01 %"),
        (0.2, "l3", "20 %"),
        (0.5, "l4", "50 %"),
        (0.999999, "l5", ">99.9 %"),
        (1.0, "l5", "100 %"),
    ],
)
def test_classes_of_loss(loss: float | None, name: str, text: str) -> None:
    """Nothing but none is the first, and what isn't known is no class at all."""
    assert (class_of(loss), percent(loss)) == (name, text)


def test_round_numbers_and_times() -> None:
    assert [above(each) for each in (0, 1000, 1001, 2001, 5001, 10**9 + 1)] == [
        1000, 1000, 2000, 5000, 10_000, 2 * 10**9,
    ]  # fmt: skip
    assert [duration(each) for each in (5, 1500, 2_000_000, 3 * 10**9)] == [
        "5 ns", "1.5 µs", "2 ms", "3 s",
    ]  # fmt: skip


def test_hours_are_few_and_round() -> None:
    for length in SPANS:
        for start in (0, 7):
            labels = list(hours(start, start + length))
            assert 3 <= len(labels) <= 9
            assert all(start <= minute < start + length for minute, _ in labels)
            assert length < 360 or all(minute % 60 == 0 for minute, _ in labels)
    assert [text for _, text in hours(0, 120)] == ["00:00", "00:30", "01:00", "01:30"]
    assert not re.search(r"[<&]", "".join(text for _, text in hours(0, DAY)))
