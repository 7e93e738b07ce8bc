"""A ping as a picture: each round trip over time, what was lost, and how the times spread.

One row of two panels for each flow of a lone target, or for each of several targets. All
rows share their scales, so that a bad path stands out from good ones. Does no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from matplotlib import rc_context, rcdefaults
from matplotlib.figure import Figure

from udpecho.instrument.probe import ProbeFate
from udpecho.ping.figures import Figures, Summary
from udpecho.ping.outcome import Outcome
from udpecho.show.amounts import milliseconds, percent

MOST_POINTS = 10_000
"""Points of one panel: several for each dot of its width. Beyond, every other is left out."""

MOST_ROWS = 16
"""Rows of a picture, the worst first: more could not be read."""

LOG_FROM = 30.0
"""Where the slowest reply took this many times as long as the fastest, the scale is logarithmic."""

# Okabe and Ito's colours, which differ to the colour-blind too; the marks differ in print.
REPLY_COLOUR, LOSS_COLOUR, LATE_COLOUR = "#0072B2", "#D55E00", "#009E73"
INK = "#333333"
_NAMED: Any = {"fontsize": 9, "color": INK, "parse_math": False}  # a name has no formulas


@dataclass
class Thinned:
    """Points over time, in bounded memory: as they grow too many, every other one goes."""

    times_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _stride: int = 1
    _seen: int = 0

    def add(self, time_s: float, value: float) -> None:
        """Add a point, unless it is one of those left out."""
        self._seen += 1
        if self._seen % self._stride:
            return
        self.times_s.append(time_s)
        self.values.append(value)
        if len(self.times_s) > MOST_POINTS:
            del self.times_s[::2], self.values[::2]
            self._stride *= 2


@dataclass
class _Row:
    """One flow's or target's points."""

    replies: Thinned = field(default_factory=Thinned)
    late: Thinned = field(default_factory=Thinned)
    losses: Thinned = field(default_factory=Thinned)


class Trace:
    """What a picture needs of a run, gathered outcome by outcome."""

    def __init__(self, start_ns: int = 0) -> None:
        """Count times from start_ns, of the clock that outcomes tell."""
        self.start_ns = start_ns
        self._rows: dict[tuple[str, int], _Row] = {}

    def add(self, outcome: Outcome) -> None:
        """Take a fate; what is none is not drawn."""
        flow = outcome.flow
        if flow is None or outcome.sent_ns is None or not isinstance(outcome.kind, ProbeFate):
            return
        time_s = (outcome.sent_ns - self.start_ns) / 1e9
        for row in (self._row(flow.target, flow.port), self._row(flow.target, 0)):
            match outcome.kind:
                case ProbeFate.REPLIED:
                    row.replies.add(time_s, (outcome.rtt_ns or 0) / 1e6)
                case ProbeFate.LATE:
                    row.late.add(time_s, (outcome.rtt_ns or 0) / 1e6)
                case _:
                    row.losses.add(time_s, 0.0)

    def row(self, target: str, port: int = 0) -> _Row:
        """Return the points of a target, or of its flow from a port."""
        return self._rows.get((target, port), _Row())

    def _row(self, target: str, port: int) -> _Row:
        return self._rows.setdefault((target, port), _Row())


def draw(trace: Trace, summary: Summary, image_format: str) -> bytes:
    """Draw a run as an image file's bytes, "svg" or "png".

    It looks the same to everybody: what a matplotlibrc says counts for nothing.
    """
    with rc_context():
        rcdefaults()
        return _draw(trace, summary, image_format)


def _draw(trace: Trace, summary: Summary, image_format: str) -> bytes:
    rows = list(choose_rows(trace, summary))
    height = 3.4 if len(rows) == 1 else 0.9 + 1.15 * len(rows)
    picture = Figure(figsize=(9, height), layout="constrained")
    grid: Any = picture.subplots(
        len(rows), 2, sharey=True, sharex="col", squeeze=False, width_ratios=[4, 1]
    )
    scale = "log" if _needs_log(summary.figures) else "linear"
    for (name, row, figures), (over_time, spread) in zip(rows, grid, strict=True):
        over_time.set_yscale(scale)
        over_time.margins(y=0.15)  # room for the losses above the slowest reply
        _draw_row(over_time, spread, row)
        over_time.set_title(_caption(name, figures), loc="left", **_NAMED)
        for panel in (over_time, spread):
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=8, colors=INK)
            panel.grid(visible=True, linewidth=0.4, alpha=0.5)
    over_time, spread = grid[-1]
    over_time.set_xlabel("sent, seconds since the start", fontsize=9)
    spread.set_xlabel("replies", fontsize=9)
    picture.supylabel("round trip, ms", fontsize=9)
    _add_legend(picture, grid[0][0])
    out = BytesIO()
    metadata = {"Date": None} if image_format == "svg" else None  # the same run, the same file
    picture.savefig(out, format=image_format, dpi=150, metadata=metadata)
    return out.getvalue()


def choose_rows(trace: Trace, summary: Summary) -> list[tuple[str, _Row, Figures]]:
    """Choose what is drawn: a lone target's flows, or targets; the worst first if not all."""
    if len(summary.targets) == 1 and len(summary.targets[0].flows) > 1:
        [target] = summary.targets
        rows = [
            (f"source port {flow.port}", trace.row(target.name, flow.port), flow.figures)
            for flow in target.worst_first()
        ]
    else:
        targets = sorted(summary.targets, key=lambda target: -(target.figures.loss or 0.0))
        rows = [(target.name, trace.row(target.name), target.figures) for target in targets]
    return rows[:MOST_ROWS] or [("nothing was sent", _Row(), Figures())]


def _draw_row(over_time: Any, spread: Any, row: _Row) -> None:
    over_time.plot(
        row.replies.times_s,
        row.replies.values,
        linestyle="none",
        marker=".",
        markersize=3,
        color=REPLY_COLOUR,
        label="reply",
        rasterized=len(row.replies.values) > 2000,  # a dot is 100 bytes of SVG
    )
    if row.late.values:
        over_time.plot(
            row.late.times_s,
            row.late.values,
            linestyle="none",
            marker="^",
            markersize=5,
            color=LATE_COLOUR,
            label="late reply",
        )
    # Losses have no round trip: they stand at the top, whatever the scale.
    over_time.plot(
        row.losses.times_s,
        [0.96] * len(row.losses.times_s),
        linestyle="none",
        marker="x",
        markersize=5,
        color=LOSS_COLOUR,
        transform=over_time.get_xaxis_transform(),
        label="lost, refused or corrupt",
    )
    values = row.replies.values + row.late.values
    if values:
        spread.hist(values, bins=_bins(values), orientation="horizontal", color=REPLY_COLOUR)


def _bins(values: list[float]) -> list[float]:
    """Divide the range evenly in proportion, as a time's precision goes, so on either scale."""
    low, high = max(min(values), 1e-6), max(*values, 1e-6) * 1.000001
    return [low * (high / low) ** (step / 40) for step in range(41)]


def _needs_log(figures: Figures) -> bool:
    low, high = figures.rtt.min_ns, figures.rtt.max_ns
    return bool(low and high and high > LOG_FROM * low)


def _caption(name: str, figures: Figures) -> str:
    shown = name if name.isprintable() else repr(name)[1:-1]
    caption = f"{shown}   {percent(figures.loss)} of {figures.sent} lost"
    if figures.rtt.count:
        median, p99 = milliseconds(figures.rtt.median_ns), milliseconds(figures.rtt.p99_ns)
        caption += f"   median {median} ms   99 % within {p99} ms"
    return caption


def _add_legend(picture: Any, panel: Any) -> None:
    handles, labels = panel.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper right", ncols=3, fontsize=8, frameon=False)
