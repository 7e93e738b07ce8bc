"""A ping as a picture: each round trip over time, what was lost, and how the times spread.

One row of two panels for each flow of a lone host, or for each of several hosts, the worst
first. All rows share their scales, so that a bad path stands out from good ones. Of more than
MOST_ROWS each has a line of a heat map. Does no I/O.
"""

from __future__ import annotations

from datetime import tzinfo
from io import BytesIO
from typing import Any

from matplotlib import rc_context, rcdefaults
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from udpecho.ping.figures import Distribution, Figures, Summary
from udpecho.show.amounts import milliseconds, percent
from udpecho.show.clock_axis import ClockAxis
from udpecho.show.heat import INK, Line, draw_heat
from udpecho.show.trace import MOST_ROWS, Row, Trace
from udpecho.widths import cut

LOG_FROM = 30.0
"""Where the slowest reply took this many times as long as the fastest, the scale is logarithmic."""

FEW_DECADES = 50.0
"""Where it took as many times as long, a row has no room for marks between powers of ten."""

LEAST_SPAN = 0.3
"""What a linear scale spans at least, as a share of the slowest: one reply needs a scale, too."""

LEAST_RATIO = 1.05
"""The highest of a histogram's bars by the lowest, at least."""

LONGEST_NAME = 60
"""Columns of a name that stands above a row."""

PORTS = "source ports"

# Okabe and Ito's colours, which differ to the colour-blind too; the marks differ in print.
REPLY_COLOUR, LOSS_COLOUR, LATE_COLOUR = "#0072B2", "#D55E00", "#009E73"
_NAMED: Any = {"fontsize": 9, "color": INK, "parse_math": False}  # a name has no formulas


def draw(trace: Trace, summary: Summary, image_format: str, zone: tzinfo | None = None) -> bytes:
    """Draw a run as an image file's bytes, "svg" or "png"; without a zone, in the local clock.

    It looks the same to everybody: what a matplotlibrc says counts for nothing.
    """
    with rc_context():
        rcdefaults()
        clock = ClockAxis(trace.unix_ns, zone)
        lines, what = choose_lines(summary)
        if len(lines) > MOST_ROWS:
            rows = trace.flows if what == PORTS else trace.hosts
            picture = draw_heat(lines, rows, what, clock, trace.ends_s)
        else:
            picture = _draw_rows(lines, trace, summary.figures, clock)
        out = BytesIO()
        metadata = {"Date": None} if image_format == "svg" else None  # the same run, the same file
        picture.savefig(out, format=image_format, dpi=150, metadata=metadata)
        return out.getvalue()


def choose_lines(summary: Summary) -> tuple[list[Line], str]:
    """Choose what is drawn, and say what it is: hosts, or a lone one's flows if it has several."""
    if len(summary.targets) == 1 and len(summary.targets[0].flows) > 1:
        [target] = summary.targets
        flows = (
            Line(f"source port {flow.port}", (target.name, target.peer, flow.port), flow.figures)
            for flow in target.flows
        )
        return list(flows), PORTS
    hosts = (Line(each.name, (each.name, each.peer, 0), each.figures) for each in summary.targets)
    return list(hosts), "hosts"


def _draw_rows(lines: list[Line], trace: Trace, figures: Figures, clock: ClockAxis) -> Figure:
    """Draw each probe of a few flows or hosts, the worst first."""
    worst = sorted(lines, key=_goodness) or [Line("nothing was sent", ("", ("", 0), 0), Figures())]
    height = 3.4 if len(worst) == 1 else 0.9 + 1.15 * len(worst)
    picture = Figure(figsize=(9, height), layout="constrained")
    grid: Any = picture.subplots(
        len(worst), 2, sharey=True, sharex="col", squeeze=False, width_ratios=[4, 1]
    )
    for line, (over_time, spread) in zip(worst, grid, strict=True):
        _draw_row(over_time, spread, trace.row(line.key), clock)
        over_time.set_title(_caption(line.name, line.figures), loc="left", **_NAMED)
        for panel in (over_time, spread):
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=8, colors=INK)
            panel.grid(visible=True, linewidth=0.4, alpha=0.5)
    over_time, spread = grid[-1]
    _scale(over_time, figures.rtt)
    clock.label(over_time, trace.ends_s, 9)
    spread.set_xlabel("replies", fontsize=9)
    spread.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    picture.supylabel("round trip, ms", fontsize=9)
    _add_legend(picture, grid[0][0])
    return picture


def _goodness(line: Line) -> tuple[float, int]:
    return -(line.figures.loss or 0.0), -(line.figures.rtt.p99_ns or 0)


def _scale(panel: Any, rtt: Distribution) -> None:
    """Set the axis of round trips: logarithmic where they differ much, never below 0."""
    if not rtt.count:
        panel.set_ylim(0, 1)
        panel.set_yticks([])  # there is no time to read
        panel.text(0.5, 0.5, "no reply", transform=panel.transAxes, ha="center", color=INK)
        return
    low, high = (rtt.min_ns or 0) / 1e6, (rtt.max_ns or 0) / 1e6
    if low and high > LOG_FROM * low:
        panel.set_yscale("log")
        panel.set_ylim(low / 1.3, high * (high / low) ** 0.15)  # room above for the losses
        marks = (1.0, 2.0, 5.0) if high < FEW_DECADES * low else (1.0,)
        panel.yaxis.set_major_locator(LogLocator(subs=marks))
        panel.yaxis.set_minor_locator(NullLocator())
    else:
        room = max(high - low, LEAST_SPAN * high, 1e-6)
        middle = (low + high) / 2
        panel.set_ylim(max(0.0, middle - 0.6 * room), middle + 0.7 * room)
    panel.yaxis.set_major_formatter(FuncFormatter(_plain))


def _plain(value: float, _: object) -> str:
    """Write a number of the axis with all its digits."""
    return f"{value:.7f}".rstrip("0").rstrip(".")


def _draw_row(over_time: Any, spread: Any, row: Row, clock: ClockAxis) -> None:
    times_s, values = row.replies.shown()
    over_time.plot(
        clock.places(times_s),
        values,
        linestyle="none",
        marker=".",
        markersize=3,
        color=REPLY_COLOUR,
        label="reply",
        rasterized=len(values) > 2000,  # a dot is 100 bytes of SVG
    )
    times_s, values = row.late.shown()
    if values:
        over_time.plot(
            clock.places(times_s),
            values,
            linestyle="none",
            marker="^",
            markersize=5,
            color=LATE_COLOUR,
            label="late reply",
        )
    # Losses have no round trip: they stand at the top, whatever the scale.
    times_s, _ = row.losses.shown()
    over_time.plot(
        clock.places(times_s),
        [0.96] * len(times_s),
        linestyle="none",
        marker="x",
        markersize=5,
        color=LOSS_COLOUR,
        transform=over_time.get_xaxis_transform(),
        label="lost, refused or corrupt",
        rasterized=len(times_s) > 2000,
    )
    values = row.replies.values + row.late.values
    if values:
        spread.hist(values, bins=_bins(values), orientation="horizontal", color=REPLY_COLOUR)


def _bins(values: list[float]) -> list[float]:
    """Divide the range evenly in proportion, as a time's precision goes, so on either scale."""
    low, high = max(min(values), 1e-6), max(*values, 1e-6)
    if high < LEAST_RATIO * low:  # bars that can be seen
        low, high = low / LEAST_RATIO**0.5, high * LEAST_RATIO**0.5
    high *= 1.000001
    return [low * (high / low) ** (step / 40) for step in range(41)]


def _caption(name: str, figures: Figures) -> str:
    shown = cut(name, LONGEST_NAME)
    shown = shown if shown.isprintable() else repr(shown)[1:-1]
    caption = f"{shown}   {percent(figures.loss)} of {figures.sent} lost"
    if figures.rtt.count:
        median, p99 = milliseconds(figures.rtt.median_ns), milliseconds(figures.rtt.p99_ns)
        caption += f"   median {median} ms   99 % within {p99} ms"
    return caption


def _add_legend(picture: Any, panel: Any) -> None:
    handles, labels = panel.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper right", ncols=3, fontsize=8, frameon=False)
