"""What a run of the tests did, wing by wing, and whether that is all that it should have done.

A test that is skipped says nothing, and one that is gone says less. With --census=NAME a run
fails if a test is skipped for a reason that census.json doesn't list under that name, or if
fewer tests of a wing pass than it says. --renew-census writes what there was instead: of the
wings that were run. Tests that are marked as extra don't count, neither way.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).with_name("census.json")

STOCK_OPENED = "UDPECHO_STOCK_OPENED"
"""The environment variable that names a file: it gets a byte for each stock port opened."""

PASSED, SKIPPED, EXPECTED_TO_FAIL = "passed", "skipped", "xfailed"


EXTRA = "extra"
"""The mark of a test that may be skipped: its program is too large for .ci/run to fetch."""


@dataclass
class Census:
    """The outcomes of a run."""

    wings: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    stock_ports: int | None = None
    """None where nobody counted them."""

    def add(self, nodeid: str, outcome: str, reason: str = "") -> None:
        """Count a test's outcome, and why it was skipped."""
        self.wings.setdefault(wing_of(nodeid), Counter())[outcome] += 1
        if outcome == SKIPPED:
            self.reasons[reason] += 1

    def lines(self) -> Iterator[str]:
        """Show it: a line for each wing."""
        for wing, count in sorted(self.wings.items()):
            each = (f"{number:5} {outcome}" for outcome, number in sorted(count.items()))
            yield f"{wing:12}{', '.join(each)}"
        for reason, number in sorted(self.reasons.items()):
            yield f"skipped {number:5}: {reason}"
        if self.stock_ports is not None:
            yield f"{self.stock_ports} of Twisted's own UDP ports were opened"

    def complaints(self, expected: dict[str, Any]) -> Iterator[str]:
        """Tell what is not as it should be: a line for each thing."""
        for wing, least in expected["passed"].items():
            passed = self.wings.get(wing, Counter())[PASSED]
            if passed < least:
                yield f"{wing}: expected {least} tests to pass at least, got {passed}"
        for reason in self.reasons:
            if reason not in expected["skips"]:
                yield f"skipped for a reason that {FILE.name} doesn't list: {reason}"
        least = expected.get("stock_ports", 1)
        if self.stock_ports is not None and self.stock_ports < least:
            yield f"Twisted's own UDP ports: expected {least} at least, got {self.stock_ports}"

    def expectation(self, known: dict[str, Any]) -> dict[str, Any]:
        """Write down this run as what later ones must do.

        Wings that were not run are expected as before, and reasons known so far are kept.
        """
        passed = {wing: count[PASSED] for wing, count in self.wings.items() if count[PASSED]}
        written: dict[str, Any] = {
            "passed": dict(sorted({**known.get("passed", {}), **passed}.items())),
            "skips": sorted({*known.get("skips", ()), *self.reasons}),
        }
        return written if self.stock_ports is None else written | {"stock_ports": self.stock_ports}


def wing_of(nodeid: str) -> str:
    """Tell a test's wing: its folder under tests/; tests/test_*.py are of the whole house."""
    _, wing, *rest = nodeid.partition("::")[0].split("/")
    return wing if rest else "house"


def outcome_of(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str] | None:
    """Tell what became of a test, and why it was skipped; None while that isn't known."""
    if hasattr(report, "wasxfail"):
        return (EXPECTED_TO_FAIL, "") if report.skipped else (report.outcome, "")
    if report.skipped:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return SKIPPED, text.removeprefix("Skipped: ")
    if report.failed or report.when == "call":
        return report.outcome, ""
    return None


class Plugin:
    """Takes the census of a run of pytest."""

    def __init__(self, name: str, renew: bool) -> None:
        self.census = Census()
        self.complaints: list[str] = []
        self._name = name
        self._renew = renew

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, unless it may be skipped anywhere."""
        found = outcome_of(report)
        if found is not None and EXTRA not in report.keywords:
            self.census.add(report.nodeid, *found)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that was skipped as a whole."""
        if report.skipped and (found := outcome_of(report)) is not None:
            self.census.add(report.nodeid, *found)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge, where the tests themselves found nothing wrong."""
        opened = os.environ.get(STOCK_OPENED)
        if opened:
            self.census.stock_ports = Path(opened).stat().st_size if Path(opened).exists() else 0
        if not self._name or session.exitstatus != pytest.ExitCode.OK:
            return
        known = json.loads(FILE.read_text(encoding="utf-8"))
        if self._renew:  # what is written down from a run is as that run was
            known[self._name] = self.census.expectation(known.get(self._name, {}))
            FILE.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
            return
        self.complaints = list(self.census.complaints(known[self._name]))
        if self.complaints:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print it."""
        terminalreporter.section("by wing")
        for line in self.census.lines():
            terminalreporter.write_line(line)
        for line in self.complaints:
            terminalreporter.write_line(f"census: {line}", red=True)


def add_options(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("census", "what a run is to pass")
    group.addoption("--census", default="", metavar="NAME", help="fail below NAME's counts")
    group.addoption("--renew-census", action="store_true", help="count anew, for --census=NAME")
