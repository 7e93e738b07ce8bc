"""A run in which less was tested than before is no green one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.workshop.census import (
    FILE,
    PASSED,
    SKIPPED,
    STOCK_OPENED,
    Census,
    Plugin,
    outcome_of,
    wing_of,
)

EXPECTED = {"passed": {"guard": 2, "house": 1}, "skips": ["needs port 7"]}


def taken() -> Census:
    """Make a census in which all is as expected."""
    census = Census()
    for name in ("guard/test_a.py::test_1", "guard/test_a.py::test_2[x/y]", "test_laws.py::test"):
        census.add(f"tests/{name}", PASSED)
    census.add("tests/live/test_b.py::test", SKIPPED, "needs port 7")
    return census


def test_what_is_as_expected_is_not_complained_of() -> None:
    assert list(taken().complaints(EXPECTED)) == []


def test_more_is_as_good() -> None:
    census = taken()
    census.add("tests/guard/test_a.py::test_3", PASSED)
    census.add("tests/client/test_c.py::test", PASSED)
    assert list(census.complaints(EXPECTED)) == []


@pytest.mark.parametrize("gone", ["guard", "house"])
def test_fewer_that_pass(gone: str) -> None:
    """Of a whole wing, too."""
    census = taken()
    del census.wings[gone]
    [complaint] = census.complaints(EXPECTED)
    assert complaint.startswith(f"{gone}: expected ")
    assert complaint.endswith("got 0")


@pytest.mark.parametrize("reason", ["tshark is not installed", "needs port 7, which is taken"])
def test_a_reason_that_is_not_in_the_list(reason: str) -> None:
    census = taken()
    census.add("tests/live/test_b.py::test_2", SKIPPED, reason)
    [complaint] = census.complaints(EXPECTED)
    assert complaint.endswith(reason)


@pytest.mark.parametrize(
    ("least", "opened", "complaints"),
    [({}, None, 0), ({}, 0, 1), ({}, 1, 0), ({"stock_ports": 3}, 2, 1), ({"stock_ports": 3}, 3, 0)],
)
def test_too_few_stock_ports(least: dict[str, int], opened: int | None, complaints: int) -> None:
    census = taken()
    census.stock_ports = opened
    assert len(list(census.complaints(EXPECTED | least))) == complaints


def test_what_needs_a_package_may_not_be_skipped() -> None:
    """Where .ci/run takes a census there is an index: programs of others are met, or it fails."""
    listed = json.loads(FILE.read_text(encoding="utf-8"))
    reasons = [reason for each in listed.values() for reason in each["skips"]]
    assert [reason for reason in reasons if "index" in reason or "installed" in reason] == []


def test_it_is_shown_by_wing() -> None:
    assert list(taken().lines()) == [
        "guard           2 passed",
        "house           1 passed",
        "live            1 skipped",
        "skipped     1: needs port 7",
    ]


def test_what_is_written_down_is_what_is_then_expected() -> None:
    census = taken()
    census.add("tests/live/test_b.py::test_2", SKIPPED, "not here (yet)")
    expected = census.expectation({"passed": {"guard": 9, "client": 4}, "skips": ["needs port 7"]})
    assert expected["passed"] == {"client": 4, "guard": 2, "house": 1}
    assert expected["skips"] == ["needs port 7", "not here (yet)"]
    census.add("tests/client/test_c.py::test", PASSED)
    assert [line.partition(":")[0] for line in census.complaints(expected)] == ["client"]


def test_wings() -> None:
    assert wing_of("tests/port/test_batch.py::Test::test_it[a/b]") == "port"
    assert wing_of("tests/test_laws.py::test_law") == "house"


def report(when: str, outcome: str, **others: object) -> pytest.TestReport:
    longrepr = others.pop("longrepr", None)
    made = pytest.TestReport(
        "tests/test_a.py::test", ("", 0, ""), {}, outcome, longrepr, when  # type: ignore[arg-type]
    )  # fmt: skip
    vars(made).update(others)
    return made


def test_outcomes() -> None:
    """Of the three reports of a test, one counts."""
    assert outcome_of(report("setup", "passed")) is None
    assert outcome_of(report("call", "passed")) == ("passed", "")
    assert outcome_of(report("teardown", "passed")) is None
    assert outcome_of(report("setup", "failed")) == ("failed", "")
    assert outcome_of(report("call", "skipped", wasxfail="fault 1")) == ("xfailed", "")
    skipped = report("setup", "skipped", longrepr=("a.py", 3, "Skipped: needs root"))
    assert outcome_of(skipped) == (SKIPPED, "needs root")


def test_what_is_marked_as_extra_does_not_count() -> None:
    plugin = Plugin("", renew=False)
    for outcome in ("passed", "skipped"):
        extra = report("call", outcome, keywords={"extra": 1}, longrepr=("", 3, "Skipped: big"))
        plugin.pytest_runtest_logreport(extra)
    assert plugin.census == Census()
    plugin.pytest_runtest_logreport(report("call", "passed"))
    assert plugin.census.wings == {"house": Counter(passed=1)}


@pytest.mark.parametrize("wing", ["guard", "port"])
def test_a_wing_alone_can_be_counted_anew(
    wing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others, which were not run, are neither changed nor complained of."""
    file = tmp_path / "census.json"
    file.write_text(json.dumps({"suite": EXPECTED}))
    monkeypatch.setattr("tests.workshop.census.FILE", file)
    monkeypatch.delenv(STOCK_OPENED, raising=False)
    plugin = Plugin("suite", renew=True)
    plugin.census.add(f"tests/{wing}/test_a.py::test_1", PASSED)
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert (session.exitstatus, plugin.complaints) == (pytest.ExitCode.OK, [])
    written = json.loads(file.read_text())["suite"]
    assert written == {**EXPECTED, "passed": {"guard": 2, "house": 1} | {wing: 1}}


def test_a_run_that_is_not_to_count_anew_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "census.json"
    file.write_text(json.dumps({"suite": EXPECTED}))
    monkeypatch.setattr("tests.workshop.census.FILE", file)
    monkeypatch.delenv(STOCK_OPENED, raising=False)
    plugin = Plugin("suite", renew=False)
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    plugin.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED
    assert len(plugin.complaints) == 2
    assert json.loads(file.read_text())["suite"] == EXPECTED
