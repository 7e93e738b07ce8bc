"""udpecho report: each run of a file, whatever the file is like."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.show.recorded import MS, OUTCOMES, PLAN, START, record
from udpecho.commands.extras import Unusable
from udpecho.commands.report import report_command
from udpecho.commands.report_options import ReportSettings
from udpecho.ping.plan import Target
from udpecho.show.reading import LONGEST_LINE

RUN = "".join(record(OUTCOMES))
REPLY = "".join(record(OUTCOMES[:1]))
LOSS = "".join(record(OUTCOMES[6:7]))


class Told:
    """What a report says, where, and its status."""

    def __init__(self, asked: ReportSettings) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.status = report_command(asked, self.out.append, self.err.append)

    @property
    def text(self) -> str:
        return "\n".join(self.out)


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are short, so that no line is broken."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file() -> Path:
    return Path("run.jsonl")


def told(file: Path, text: str | bytes, **asked: object) -> Told:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return Told(replace(ReportSettings(str(file)), **asked))  # type: ignore[arg-type]


def test_a_run_is_told_as_ping_would(file: Path) -> None:
    said = told(file, RUN)
    assert said.out[0].startswith("PING echo.example (192.0.2.1)")
    assert "6 packets transmitted, 2 received" in said.text
    assert "sent after schedule" in said.text, "its own summary"
    assert (said.status, said.err) == (0, [])


def test_each_run_of_a_file_is_told(file: Path) -> None:
    said = told(file, RUN + REPLY + LOSS)
    assert said.text.count("PING ") == said.text.count("ping statistics") == 3
    assert "1 packets transmitted, 1 received" in said.text
    assert said.status == 1, "in one of them no reply came"


def test_what_was_cut_short_says_so(file: Path) -> None:
    said = told(file, RUN + RUN[: len(RUN) // 2])
    assert f"run 2 of {file} was cut short: this is what there is of it" in said.text
    assert said.text.count("cut short") == 1


def test_damaged_lines_are_counted_and_the_first_is_described(file: Path) -> None:
    lines = RUN.splitlines(keepends=True)
    said = told(file, "".join([*lines[:2], "x\n", '{"type":"reply"}\n', *lines[2:]]))
    assert "6 packets transmitted, 2 received" in said.text
    assert said.err == [
        f"udpecho: {file}: 2 damaged lines left out: "
        "line 3: Expecting value: line 1 column 1 (char 0)"
    ]


def test_lines_of_unknown_types_are_counted(file: Path) -> None:
    said = told(file, RUN.replace('{"type":"lost"', '{"type":"novelty"'))
    assert said.err == [f"udpecho: {file}: 1 line of types unknown to this udpecho left out"]


@pytest.mark.parametrize("name", ["run.jsonl.gz", "run"])
def test_a_compressed_file_is_known_by_its_beginning(name: str) -> None:
    packed = gzip.compress(RUN.encode())
    said = told(Path(name), packed + gzip.compress(REPLY.encode()))
    assert said.text.count("ping statistics") == 2


def test_a_compressed_file_that_was_cut_is_told_as_far_as_it_goes() -> None:
    packed = gzip.compress(("".join(record(OUTCOMES * 100))).encode())
    said = told(Path("run.jsonl.gz"), packed[: len(packed) // 2])
    assert "was cut short" in said.text
    assert not said.err


def test_a_compressed_file_with_something_else_behind_it_is_told_up_to_there(file: Path) -> None:
    said = told(file, gzip.compress(RUN.encode()) + b"something else")
    assert "6 packets transmitted, 2 received" in said.text
    assert len(said.err) == 1
    assert f"{file}: can't be read any further: Not a gzipped file" in said.err[0]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (RUN.encode(), gzip.compress(RUN.encode()), RUN[:-9].encode()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
        assert "6 packets transmitted, 2 received" in Told(ReportSettings("-")).text


def test_a_closed_standard_input_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Unusable, match=r"\Acan't read standard input: Bad file descriptor\Z"):
        Told(ReportSettings("-"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", r"line 1: expected the start that udpecho ping --json writes \(nothing\)"),
        ("PING localhost\n" * 1000, "line 1: expected the start .*Expecting value"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "line 1: expected the start .*Expecting value"),
        (b"\x1f\x8b", "line 1: expected the start"),
    ],
)
def test_a_file_without_a_run_is_one_line(file: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(Unusable, match=why) as caught:
        told(file, content)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    for file, why in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(Unusable, match=f"can't read {file}: {why}"):
            Told(ReportSettings(str(file)))


def test_a_line_without_an_end_takes_no_memory_without_one() -> None:
    """A file of zeros, however long, is no record after a piece of it."""
    with pytest.raises(Unusable, match="line 1: expected the start"):
        Told(ReportSettings("/dev/zero"))
    assert LONGEST_LINE < 1 << 27


def test_a_part_of_the_time_is_summed_up_anew(file: Path) -> None:
    said = told(file, RUN, begins=0.0025, ends=0.0055)
    assert "of what was sent from 0.0025 s to 0.0055 s after the start:" in said.out
    assert "3 packets transmitted, 0 received" in said.text
    assert "sent after schedule" not in said.text


def test_a_part_by_the_clock_is_said_by_the_clock(file: Path) -> None:
    """Who asks for ten o'clock is not told of seconds; if there is nothing, why that may be."""
    begins = datetime(2100, 1, 2, 10, 5)
    said = told(file, RUN, begins=begins)
    assert "of what was sent from 2100-01-02 10:05:00 on:" in said.out
    began = datetime.fromtimestamp(START.unix_ns // 1_000_000_000).isoformat(" ")
    assert f"nothing: the run began at {began}" in said.out
    said = told(file, RUN, ends=begins)
    assert f"of what was sent from {began} to 2100-01-02 10:05:00:" in said.out
    assert "nothing:" not in said.text
    mixed = told(file, RUN, begins=999_999_999_999.0, ends=begins)
    assert " s after the start:" in mixed.text, "a year 33658 is no date"


def test_with_lines_those_of_the_part_are_told(file: Path) -> None:
    assert told(file, RUN, lines=True).text.count("icmp_seq=") == 6
    assert told(file, RUN, lines=True, begins=0.0045).text.count("icmp_seq=") == 2


def test_a_host_is_told_alone(file: Path) -> None:
    plan = replace(PLAN, targets=(*PLAN.targets, Target("other", ("192.0.2.2", 7))))
    lines = record(OUTCOMES, replace(START, plan=plan))
    said = told(file, "".join(lines), hosts=frozenset({"echo.example"}))
    assert said.out[0].startswith("PING echo.example (192.0.2.1)")
    assert "--- echo.example ping statistics ---" in said.out
    with pytest.raises(Unusable, match=rf"--host: expected a host of {file}, got nobody"):
        told(file, "".join(lines), hosts=frozenset({"nobody"}))


def test_a_run_without_the_host_is_passed_over(file: Path) -> None:
    other = replace(START, plan=replace(PLAN, targets=(Target("other", ("192.0.2.2", 7)),)))
    said = told(file, RUN + "".join(record([], other)), hosts=frozenset({"echo.example"}))
    assert said.text.count("ping statistics") == 1


def test_the_summary_alone_is_json(file: Path) -> None:
    said = told(file, RUN + RUN[:-9], form="json")
    own, summed = map(json.loads, said.out)
    assert own == json.loads(RUN.splitlines()[-1])
    assert summed["sent"] == own["sent"]
    assert summed["schedule_error"]["count"] == 0
    assert said.err == [f"udpecho: run 2 of {file} was cut short: this is what there is of it"]


def test_the_summary_is_csv_below_one_header(file: Path) -> None:
    said = told(file, RUN + REPLY, form="csv")
    rows = list(csv.DictReader(said.out))
    assert [row["run"] for row in rows] == ["1", "1", "1", "2"]
    assert {row["target"] for row in rows} == {"echo.example"}


def test_each_run_has_a_picture(file: Path) -> None:
    picture = file.with_suffix(".svg")
    told(file, RUN + REPLY, plot=str(picture))
    assert picture.read_text().count("<svg") == 1
    assert file.with_name("run-2.svg").exists()


def test_nothing_sent_is_no_error(file: Path) -> None:
    assert told(file, "".join(record([]))).status == 1
    assert told(file, RUN, begins=1000.0 * MS).status == 1


NAMINGS = [
    {"type": "unresolved", "at_ns": 0, "target": "nobody.example", "port": 7,
     "reason": "no address found for 'nobody.example'"},
    {"type": "unresolved", "at_ns": 0, "target": "h:99999", "port": None, "reason": "a port"},
    {"type": "readdressed", "at_ns": 2 * MS, "target": "late.example", "address": "192.0.2.8",
     "port": 7, "old_address": None},
    {"type": "readdressed", "at_ns": 2 * 10**9, "target": "echo.example", "address": "2001:db8::9",
     "port": 7, "old_address": "192.0.2.1"},
]  # fmt: skip
RETOLD = [
    "0.000 s: no address found for 'nobody.example'",
    "0.000 s: h:99999: a port",
    "0.002 s: late.example is at 192.0.2.8:7, and probed from now on",
    "2.000 s: echo.example has moved from 192.0.2.1 to 2001:db8::9",
]


def with_namings(*namings: dict[str, object]) -> str:
    start, *others = RUN.splitlines(keepends=True)
    return start + "".join(f"{json.dumps(each)}\n" for each in namings) + "".join(others)


def test_what_became_of_names_is_retold(file: Path) -> None:
    """As ping had said on standard error: beside data it is there again."""
    text = with_namings(*NAMINGS)
    plain = told(file, RUN)
    said = told(file, text)
    assert [line for line in said.out if line in RETOLD] == RETOLD
    assert [line for line in said.out if line not in RETOLD] == plain.out
    for form in ("json", "csv"):
        data = told(file, text, form=form)
        assert data.out == told(file, RUN, form=form).out
        assert data.err == [f"udpecho: {line}" for line in RETOLD]


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ({"hosts": frozenset({"echo.example"})}, [3]),
        ({"hosts": frozenset({"192.0.2.8"})}, [2]),
        ({"hosts": frozenset({"2001:db8::9"})}, [3]),
        ({"begins": 1.0}, [3]),
        ({"ends": 1.0}, [0, 1, 2]),
    ],
)
def test_of_names_too_only_what_is_asked_for(
    file: Path, asked: dict[str, object], lines: list[int]
) -> None:
    said = told(file, with_namings(*NAMINGS), **asked)
    assert [line for line in said.out if line in RETOLD] == [RETOLD[each] for each in lines]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target": 7}, "target: expected a text, got 7"),
        ({"reason": None}, "reason: expected a text, got None"),
        ({"port": 65536}, "port: expected a whole number from 0 to 65535, got 65536"),
        ({"at_ns": -1}, "at_ns: expected a whole number from 0, got -1"),
        ({"type": "readdressed"}, "address: expected a text, got nothing"),
        (
            {"type": "readdressed", "address": "192.0.2.1", "old_address": "x"},
            "old_address: expected an IP address, got 'x'",
        ),
    ],
)
def test_what_is_damaged_of_names_is_left_out(
    file: Path, wrong: dict[str, object], message: str
) -> None:
    said = told(file, with_namings(NAMINGS[0] | wrong))
    assert said.err == [f"udpecho: run.jsonl: 1 damaged line left out: line 2: {message}"]


def test_a_table_of_rows_has_its_header_whichever_runs_it_is_of(file: Path) -> None:
    """The first run has not that host."""
    other = RUN.replace("echo.example", "other.example").replace("192.0.2.1", "192.0.2.7")
    rows = [
        *csv.DictReader(told(file, RUN + other, form="csv", hosts=frozenset({"192.0.2.7"})).out)
    ]
    assert {(row["run"], row["target"]) for row in rows} == {("2", "other.example")}
    said = told(file, RUN + other, hosts=frozenset({"192.0.2.7"}))
    assert said.out[0].startswith("PING other.example")
