"""A live table on a terminal: a row for each host, or for each flow of a lone one. Needs rich."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from twisted.internet.task import LoopingCall

from udpecho.instrument.probe import WHOLE, Flow, Probe, ProbeFate
from udpecho.ping import Ping
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome
from udpecho.show.amounts import milliseconds, percent
from udpecho.show.terminal import standard_output
from udpecho.show.text import banner, summary_text

REFRESH_SECONDS = 0.25
SPARKS = "▁▂▃▄▅▆▇█"
RECENT = 24
"""Probes in a spark line."""

MARGIN = 6
"""Lines of a terminal that are not rows: the title, the header, the foot, the prompt."""


@dataclass(slots=True)
class Row:
    """What is shown of a host or a flow."""

    name: str
    known: int = 0
    whole: int = 0
    total_ns: int = 0
    best_ns: int | None = None
    worst_ns: int = 0
    last_ns: int | None = None
    recent: deque[int | None] = field(default_factory=lambda: deque(maxlen=RECENT))
    _given_up: set[int] = field(default_factory=set)

    def give_up(self, sequence: int) -> None:
        """Count a probe that is overdue as a loss, until its fate is known."""
        self._given_up.add(sequence)
        self.known += 1
        self.recent.append(None)

    def add(self, outcome: Outcome) -> None:
        """Count a fate."""
        if outcome.sequence in self._given_up:
            self._given_up.discard(outcome.sequence)
            if outcome.kind not in WHOLE:
                return
            self.known -= 1
        self.known += 1
        rtt_ns = outcome.rtt_ns if outcome.kind in WHOLE else None
        self.recent.append(rtt_ns)
        if rtt_ns is None:
            return
        self.whole += 1
        self.total_ns += rtt_ns
        self.last_ns = rtt_ns
        self.best_ns = rtt_ns if self.best_ns is None else min(self.best_ns, rtt_ns)
        self.worst_ns = max(self.worst_ns, rtt_ns)

    @property
    def loss(self) -> float | None:
        """The share that did not come back."""
        return 1 - self.whole / self.known if self.known else None

    def cells(self) -> list[RenderableType]:
        """Write the row."""
        loss = Text(percent(self.loss), style="bold red" if self.loss else "green")
        mean_ns = self.total_ns // self.whole if self.whole else None
        times = (self.last_ns, mean_ns, self.best_ns, self.worst_ns if self.whole else None)
        return [self.name, str(self.known), loss, *map(milliseconds, times), self._spark()]

    def _spark(self) -> Text:
        highest = max((rtt for rtt in self.recent if rtt is not None), default=1) or 1
        spark = Text(style="cyan")
        for rtt_ns in self.recent:
            if rtt_ns is None:
                spark.append("x", style="bold red")
            else:
                spark.append(SPARKS[min(7, 8 * rtt_ns // highest)])
        return spark


class LiveTable:
    """The table, drawn anew a few times a second; the summary takes its place."""

    def __init__(self, say: Callable[[str], None], console: Console | None = None) -> None:
        self._say = say
        self._console = console or Console()
        self._rows: dict[tuple[str, int], Row] = {}
        self._by_flow = False

    def start(self, run: Ping, reactor: Any) -> None:
        """Show the table from now on."""
        self._run = run
        self._by_flow = len(run.plan.targets) == 1
        for line in banner(run.plan):
            self._say(line)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        self._drawing = LoopingCall(self._draw)
        self._drawing.clock = reactor
        self._drawing.start(REFRESH_SECONDS, now=False)

    def outcome(self, outcome: Outcome) -> None:
        """Count a fate in its row."""
        if outcome.flow is not None and isinstance(outcome.kind, ProbeFate):
            self._row(outcome.flow).add(outcome)

    def overdue(self, probe: Probe) -> None:
        """Show a loss before it is certain: certainty takes as long as a late reply may."""
        self._row(probe.flow).give_up(probe.sequence)

    def end(self, summary: Summary) -> None:
        """Put the summary in the table's place."""
        self._drawing.stop()
        self._live.stop()
        for line in summary_text(summary, standard_output()):
            self._say(line)

    def table(self) -> RenderableType:
        """Make what is shown now: the rows that lose most, as many as fit."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        several = self._by_flow and self._run.plan.flows > 1
        table.add_column("source port" if several else "host", no_wrap=True)
        for name in ("probes", "loss", "last ms", "mean", "best", "worst"):
            table.add_column(name, justify="right")
        table.add_column("latest", min_width=RECENT)
        rows = sorted(self._rows.values(), key=lambda row: -(row.loss or 0.0))
        fitting = max(1, self._console.height - MARGIN)
        for row in rows[:fitting]:
            table.add_row(*row.cells())
        left_out = len(rows) - fitting
        foot = f"... and {left_out} that lost no more   " if left_out > 0 else ""
        return Group(table, Text(foot + self._progress(), style="dim"))

    def _row(self, flow: Flow) -> Row:
        key = (flow.target, flow.port if self._by_flow else 0)
        row = self._rows.get(key)
        if row is None:
            several = self._by_flow and self._run.plan.flows > 1
            row = self._rows[key] = Row(str(flow.port) if several else flow.target)
        return row

    def _progress(self) -> str:
        known, planned = sum(row.known for row in self._rows.values()), self._run.plan.probes
        if planned is None:
            return f"{known:,} probes; Ctrl-C for the summary"
        return f"{known:,} of {planned:,} probes, {100 * known // planned} %"

    def _draw(self) -> None:
        self._live.update(self.table(), refresh=True)
