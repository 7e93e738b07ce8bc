"""The live table, on a network in memory."""

from __future__ import annotations

import io
import re
from os import terminal_size
from typing import Any

import pytest

from udpecho.instrument.choose import choose_instrument
from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.ping.figures import Losers
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Plan, Target
from udpecho.ping.run import Ping
from udpecho.server.server import EchoServer
from udpecho.show.table import FIRST_LOOK, STOPPED_SECONDS, LiveTable
from udpecho.show.terminal import Canvas
from udpecho.testing.network import MemoryNetwork
from udpecho.widths import columns_of

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Watched:
    """A run that somebody watches on a terminal."""

    def __init__(
        self,
        *names: str,
        columns: int = 120,
        lines: int = 12,
        encoding: str = "utf-8",
        loss: float = 0.1,
        numeric: bool = False,
        **plan: Any,
    ) -> None:
        self.bytes = io.BytesIO()
        self.out = io.TextIOWrapper(self.bytes, encoding)
        self.size = terminal_size((columns, lines))
        self.net = MemoryNetwork(seed=1)
        self.host, server = self.net.host("192.0.2.2"), self.net.host("192.0.2.1")
        server.listenUDP(7, EchoServer())
        self.net.link(self.host, server, delay=0.01, loss=loss)
        self.canvas = Canvas(self.out, size=lambda _: self.size, encoding=encoding)
        self.view = LiveTable(lambda line: print(line, file=self.out), self.canvas, numeric=numeric)
        targets = tuple(Target(name, ("192.0.2.1", 7)) for name in names)
        self.plan = Plan(targets=targets, **{"count": 20, "interval_ns": 50_000_000} | plan)
        instrument = choose_instrument(self.host, SocketOptions(), size=56)
        self.run = Ping(
            instrument, self.plan, on_outcome=self.view.outcome, on_overdue=self.view.overdue
        )

    def start(self) -> Watched:
        self.run.start().addCallback(self.view.end)
        self.view.start(self.run, self.host)
        return self

    def to_the_end(self) -> str:
        self.start()
        self.net.advance(60)
        assert not self.host.getDelayedCalls()
        return self.written()

    def written(self) -> str:
        self.out.flush()
        return self.bytes.getvalue().decode(self.out.encoding)

    def shown(self) -> list[str]:
        """List the lines of the table as it is now."""
        lines = self.view.lines(self.canvas.sheet, self.canvas.rows)
        return ["".join(text for text, _ in line) for line in lines]


def test_a_fast_run_shows_its_progress() -> None:
    text = Watched("host", count=100).to_the_end()
    shown = [int(share) for share in re.findall(r"of 100 probes, (\d+) %", text)]
    assert len(shown) > 10
    assert shown == sorted(shown)
    assert "100 packets transmitted" in text


def test_an_empty_line_parts_the_summary_from_what_is_above() -> None:
    """As where lines are shown."""
    last = ESCAPES.sub("", Watched("host").to_the_end().rpartition("\x1b[J")[2])
    assert last.startswith(("\n\n", "\nUDP port", "\nLOSS")), last[:60]
    assert "ping statistics" in last


def test_flows_have_rows() -> None:
    watched = Watched("host", flows=4)
    watched.to_the_end()
    header, *rows = watched.shown()[:5]
    assert header.startswith("source port ")
    assert {re.match(r"\d+ ", row) is not None for row in rows} == {True}


def test_more_hosts_than_fit_are_left_out_and_counted() -> None:
    watched = Watched(*(f"host{n}" for n in range(20)))
    assert "... and 12 that lost no more" in watched.to_the_end()
    assert len(watched.shown()) == 11, "and a line for the cursor"


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (120, "host probes loss last mean best worst ms latest"),
        (80, "host probes loss last mean best worst ms latest"),
        (40, "host loss last ms"),
        (20, "host loss"),
    ],
)
def test_it_is_as_wide_as_the_terminal(columns: int, headings: str) -> None:
    watched = Watched("a-host.of-a-long-name.example", "日本" * 20, columns=columns)
    text = watched.to_the_end().partition("\x1b[J---")[0]
    frames = ESCAPES.sub("", text).splitlines()[1:]
    assert watched.shown()[0].split() == headings.split()
    assert max(columns_of(line) for line in watched.shown()) <= columns
    assert any("…" in line for line in frames)


def test_a_terminal_resized_meanwhile_is_drawn_as_it_is_then() -> None:
    watched = Watched("host", count=None, columns=100).start()
    watched.net.advance(1)
    watched.written()
    watched.size = terminal_size((20, 5))
    watched.net.advance(1)
    assert "\r\x1b[" in watched.written()
    assert max(map(len, watched.shown())) <= 20
    watched.run.stop()
    watched.net.advance(5)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_encoding_lacks_is_not_needed(encoding: str) -> None:
    text = Watched("日本", "h\x1b[31m\nx", encoding=encoding, columns=60).to_the_end()
    assert ("█" in text) == (encoding == "utf-8")
    assert ("\\u65e5" in text) == (encoding != "utf-8")
    assert "\x1b[31m" not in text
    assert "\\x1b[31m\\nx" in text


def test_two_targets_of_one_name_have_two_rows() -> None:
    """The address and the port tell them apart."""
    watched = Watched("host").start()
    for port in (7, 8):
        flow = Flow("host", ("192.0.2.1", port), 40001)
        watched.view.outcome(Outcome(ProbeFate.REPLIED, 0, flow, port, port, 0, 10))
    assert len(watched.shown()) == 4
    watched.net.advance(60)


def test_addresses_in_place_of_names() -> None:
    watched = Watched("one", "two", numeric=True)
    watched.to_the_end()
    assert watched.shown()[1].startswith("192.0.2.1:7 ")


def test_a_name_that_moved_has_a_row_for_each_address() -> None:
    watched = Watched("host").start()
    for address in ("192.0.2.1", "192.0.2.9", "192.0.2.10"):
        flow = Flow("host", (address, 7), 40001)
        watched.view.outcome(Outcome(ProbeFate.REPLIED, 0, flow, 1, 1, 0, 10))
    names = [line.partition("  ")[0] for line in watched.shown()[1:4]]
    assert names == ["host (192.0.2.1)", "host (192.0.2.9)", "host (192.0.2.10)"]
    watched.net.advance(60)


def test_a_host_that_is_probed_no_more_has_no_row() -> None:
    """In a run without an end, whose hosts come and go."""
    watched = Watched("one", "two", count=None).start()
    watched.net.advance(3)
    assert {line.split()[0] for line in watched.shown()[1:3]} == {"one", "two"}
    watched.run.roster.move(watched.plan.targets[1], Target("two", ("192.0.2.1", 8)))
    watched.net.advance(20)
    assert {line.split()[0] for line in watched.shown()[1:3]} == {"one", "two"}
    assert len(watched.shown()) == 5
    assert "stands out: two" in watched.shown(), "nobody answers at that port"
    assert any("100%" in line for line in watched.shown()), "nobody answers there"
    watched.run.stop()
    watched.net.advance(20)


def test_rows_of_hosts_that_came_and_went_are_forgotten() -> None:
    watched = Watched("one", count=None).start()
    watched.net.advance(1)
    for port in range(2 * FIRST_LOOK):
        flow = Flow("one", ("192.0.2.9", port + 1), 40001)
        watched.view.outcome(Outcome(ProbeFate.REPLIED, 0, flow, 1, 1, 0, 10))
    assert len(watched.shown()) == 3
    watched.run.stop()
    watched.net.advance(20)


def test_what_is_said_meanwhile_stands_above() -> None:
    watched = Watched("host", count=None).start()
    watched.net.advance(1)
    said: list[str] = []
    before = len(watched.written())
    watched.view.beside(said.append)("2/3 packets")
    assert said == ["2/3 packets"]
    assert watched.written()[before:] == "\r\x1b[3A\x1b[J"
    watched.run.stop()
    watched.net.advance(5)


def test_after_the_process_was_stopped_nothing_is_drawn_over_what_the_shell_wrote() -> None:
    watched = Watched("host", count=None).start()
    watched.net.advance(1)
    before = len(watched.written())
    watched.view._drawn_at -= STOPPED_SECONDS + 1
    watched.net.advance(0.25)
    assert "\x1b[3A" not in watched.written()[before:]
    watched.run.stop()
    watched.net.advance(5)


def test_a_terminal_that_has_gone_ends_the_run() -> None:
    watched = Watched("host", count=None)

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    watched.view._canvas = Canvas(Gone(), size=lambda _: watched.size)
    watched.start()
    watched.net.advance(60)
    assert not watched.host.getDelayedCalls()


def test_who_stands_out_is_said_below(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched("one.example", "two.example", lines=12)
    watched.start()
    watched.net.advance(0.3)
    assert not any("stands out" in line for line in watched.shown())
    losers = Losers(hosts=frozenset({("two.example", ("192.0.2.1", 7))}))
    monkeypatch.setattr(watched.run, "losers", lambda: losers)
    assert "stands out: two.example" in watched.shown()
    watched.net.advance(60)
