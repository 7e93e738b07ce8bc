"""udpecho ping and report, as a user types them: on a network in memory, and on their options."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
from collections.abc import Callable, Coroutine
from importlib.resources import files
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from udpecho.commands import recording
from udpecho.commands.commandline import WrongUsage
from udpecho.commands.extras import Unusable
from udpecho.commands.own_server import OwnServer
from udpecho.commands.ping import NEW_OBJECTS, ping_command
from udpecho.commands.ping_options import OWN_COUNT, PingOptions
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.report import report_command
from udpecho.commands.report_options import ReportOptions, ReportSettings
from udpecho.commands.status import FAILED, NO_REPLY, OK, exit_status
from udpecho.ping.figures import Figures, Summary, TargetSummary
from udpecho.ping.plan import Plan, Target
from udpecho.server.server import EchoServer
from udpecho.show.views import wants_table
from udpecho.testing.network import MemoryNetwork

VALIDATOR = Draft202012Validator(
    json.loads(files("udpecho.show").joinpath("ping.schema.json").read_text())
)


def settings_of(*arguments: str) -> PingSettings:
    return PingOptions().settings(arguments)


class Terminal:
    """A user on a host in memory, beside an echo server."""

    def __init__(self, **link: Any) -> None:
        self.net = MemoryNetwork(seed=3)
        self.host = self.net.host("192.0.2.2", refusals="called")
        server = self.net.host("192.0.2.1", names=["echo.example"])
        server.listenUDP(7, EchoServer())
        self.net.link(self.host, server, **{"delay": 0.01} | link)
        self.said: list[str] = []
        self.complained: list[str] = []
        self.results: list[Any] = []

    def ping(self, *arguments: str, seconds: float = 60) -> Any:
        self.begin(*arguments)
        self.net.advance(seconds)
        [result] = self.results
        return result

    def begin(self, *arguments: str) -> Deferred[int]:
        command: Coroutine[Any, Any, int] = ping_command(
            self.host, settings_of(*arguments), self.said.append, self.complained.append
        )
        running = Deferred.fromCoroutine(command)
        running.addBoth(self.results.append)
        return running


def test_no_server_of_our_own_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files, or processes."""

    async def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(OwnServer, "start", fail)
    failure = Terminal().ping()
    assert failure.type is Unusable
    assert failure.getErrorMessage() == "can't start an echo server of our own: Too many open files"


def test_where_flows_die_stands_before_the_lines_that_programs_read() -> None:
    for loss in (0.0, 1.0):
        user = Terminal(loss=loss)
        user.ping("-c4", "-i0.1", "--flows=2", "--trace", "echo.example:7")
        [verdict] = [n for n, line in enumerate(user.said) if line.startswith("where flows lose")]
        assert user.said[verdict - 1] == ""
        assert user.said[verdict - 2] != ""
        assert user.said[-3] == "--- echo.example:7 ping statistics ---"


@pytest.mark.parametrize("hosts", [["echo.example:7"], ["--targets=hosts"], []])
def test_a_trace_of_one_flow_is_refused(
    hosts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There would be nothing to compare it with, and nothing to tell."""
    monkeypatch.chdir(tmp_path)
    Path("hosts").write_text("echo.example\n")
    user = Terminal()
    failure = user.ping("-c1", "--trace", *hosts)
    assert failure.check(Unusable)
    assert failure.getErrorMessage() == (
        "--trace: expected several flows to compare (--flows=16), got 1"
    )
    assert list(user.net.record) == []


def test_only_hosts_that_are_pinged_are_counted(tmp_path: Path) -> None:
    """One that has no address may get one; what is no host, or can't be a name, never will."""
    file = tmp_path / "hosts"
    file.write_text(f"echo.example\n192.0.2.1\nnobody.example\n{'x' * 64}\n:x:\n1.2.3\n")
    user = Terminal()
    assert user.ping("-c1", "-p7", f"--targets={file}") == FAILED
    assert user.said[:2] == [
        "PING 2 hosts, 56 bytes of data each.",
        "1 more without an address so far",
    ]
    assert "--- 2 hosts ping statistics ---" in user.said


def absent_letters() -> list[str]:
    """Read the table of iputils' options in docs/ping.md."""
    table = (Path(__file__).parents[2] / "docs/ping.md").read_text()
    rows = re.findall(r"^\| (`-.*?) \| absent \|", table, re.M)
    return [letter for row in rows for letter in re.findall(r"`(-\w)", row)]


@pytest.mark.parametrize("letter", absent_letters())
def test_a_letter_of_iputils_that_is_absent_is_said_to_be(letter: str) -> None:
    with pytest.raises(WrongUsage, match=f"^{letter}: .*(absent|all is said|none waits here)"):
        settings_of(letter, "::1")


def test_a_file_in_place_of_a_host_is_one_line_that_offers_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hosts.txt").write_text("echo.example\n")
    user = Terminal()
    assert user.ping("-c1", "hosts.txt") == FAILED
    [line] = user.complained
    assert line.endswith("'hosts.txt'; for the hosts of that file, --targets=hosts.txt")


class Named(Terminal):
    """A user whose names' addresses change, of a resolver that takes some seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.names: dict[str, list[str]] = {}
        self.seconds = seconds
        for address in ("192.0.2.3", "192.0.2.4"):
            server = self.net.host(address)
            server.listenUDP(7, EchoServer())
            self.net.link(self.host, server, delay=0.01)
        self.host.installNameResolver(self)  # type: ignore[arg-type] # it has what is called

    def resolveHostName(self, receiver: Any, name: str, port: int, *_: object) -> None:
        def tell() -> None:
            for address in self.names.get(name, []):
                receiver.addressResolved(IPv4Address("UDP", address, port))
            receiver.resolutionComplete()

        self.host.callLater(self.seconds, tell)


class TestPing:
    def test_prints_what_ping_prints_and_exits_with_0(self) -> None:
        user = Terminal()
        assert user.ping("-c", "2", "echo.example:7") == OK
        assert user.said[:4] == [
            "PING echo.example:7 (192.0.2.1) 56(84) bytes of data.",
            "64 bytes from echo.example:7 (192.0.2.1): icmp_seq=1 ttl=64 time=20.000 ms",
            "64 bytes from echo.example:7 (192.0.2.1): icmp_seq=2 ttl=64 time=20.000 ms",
            "",
        ]
        assert "2 packets transmitted, 2 received, 0% packet loss, time 1030ms" in user.said
        assert user.complained == []

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (["-n"], "64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=20.000 ms"),
            (["-s", "16"],
             "24 bytes from echo.example:7 (192.0.2.1): icmp_seq=1 ttl=64 time=20.000 ms"),
            (["-W", "0.015"],
             "64 bytes from echo.example:7 (192.0.2.1): icmp_seq=1 ttl=64 time=20.000 ms (LATE!)"),
        ],
    )  # fmt: skip
    def test_lines_as_they_were_asked_for(self, arguments: list[str], line: str) -> None:
        user = Terminal()
        user.ping(*arguments, "-c3", "-i", "0.1", "echo.example:7")
        assert line in user.said

    def test_what_is_overdue_has_a_line_if_it_is_wanted(self) -> None:
        for option, lines in (("-O", 2), ("-n", 0)):
            user = Terminal(loss=1.0)
            user.ping(option, "-c3", "-i", "0.1", "-W", "0.05", "echo.example:7")
            assert sum("no answer yet for icmp_seq=" in line for line in user.said) == lines

    def test_timestamps_stand_before_each_line(self) -> None:
        user = Terminal()
        user.ping("-D", "-c1", "echo.example:7")
        stamp, _, line = user.said[1].partition(" ")
        assert 1e9 < float(stamp.strip("[]")) < 1e10
        assert line.startswith("64 bytes")

    def test_the_garbage_collector_is_left_as_it_was_found(self) -> None:
        before = gc.get_threshold()
        user = Terminal()
        user.begin("-c2", "echo.example:7")
        user.net.advance(0.5)
        assert gc.get_threshold()[0] == NEW_OBJECTS
        assert gc.get_freeze_count() > 0
        user.net.advance(60)
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() == 0

    def test_quiet_prints_the_summary_only(self) -> None:
        user = Terminal()
        user.ping("-q", "-c", "2", "echo.example:7")
        assert not [line for line in user.said if "icmp_seq" in line]
        assert any("2 packets transmitted" in line for line in user.said)

    def test_without_a_host_it_pings_a_server_of_its_own(self) -> None:
        user = Terminal()
        assert user.ping() == OK
        [notice] = user.complained
        assert notice.startswith("No host given: pinging an echo server of our own")
        assert any(f"{OWN_COUNT} received" in line for line in user.said)
        assert not user.host.getDelayedCalls()

    def test_options_may_stand_behind_the_host(self) -> None:
        assert Terminal().ping("echo.example:7", "-c", "1", "--interval=0.5", "-q") == OK

    @pytest.mark.parametrize("how", [[], ["-q"], ["--accept=connected"]])
    def test_without_a_reply_the_status_is_1(self, how: list[str]) -> None:
        user = Terminal(loss=1.0)
        assert user.ping("-c", "2", *how, "echo.example:7") == NO_REPLY
        assert "2 packets transmitted, 0 received, 100% packet loss, time 2000ms" in user.said

    def test_an_interrupt_ends_with_the_summary(self) -> None:
        user = Terminal()
        running = user.begin("echo.example:7")
        user.net.advance(2.5)
        running.cancel()
        user.net.advance(1)
        assert user.results == [OK]
        assert any("3 packets transmitted, 3 received" in line for line in user.said)

    def test_a_host_that_is_not_found_costs_the_others_nothing_but_the_status(self) -> None:
        user = Terminal()
        assert user.ping("-c", "1", "-q", "nobody.example", "echo.example:7") == 2
        assert user.complained == ["udpecho: no address found for 'nobody.example'"]
        assert any("1 received" in line for line in user.said)

    def test_when_no_host_is_found_each_has_its_line_and_no_more(self) -> None:
        user = Terminal()
        assert user.ping("nobody.example", "fe80::1") == 2
        assert sorted(user.complained) == [
            "udpecho: expected fe80::1%INTERFACE, got fe80::1: "
            "each link has link-local addresses of its own",
            "udpecho: no address found for 'nobody.example'",
        ]
        assert user.said == []

    def test_what_only_linux_has_is_one_clear_line(self) -> None:
        failure = Terminal().ping("-I", "eth0", "echo.example:7")
        assert failure.check(Unusable)
        assert "No such device" in failure.getErrorMessage()

    def test_hosts_come_from_a_file_too(self, tmp_path: Path) -> None:
        (tmp_path / "hosts").write_text("# ours\necho.example:7\n\n192.0.2.1:8 # dead\n")
        user = Terminal()
        user.ping("-c", "1", "-q", "--targets", str(tmp_path / "hosts"))
        assert user.said[0] == "PING 2 hosts, 56 bytes of data each."
        assert any("2 packets transmitted, 1 received" in line for line in user.said)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "can't read"),
            ("[::1\n", "no host"),
            ("", "no host"),
            ("a\n" + "\0" * (1 << 20), "hosts:2: expected lines, got one of 65536 characters"),
        ],
    )
    def test_a_file_of_hosts_that_is_none(
        self, text: str | None, message: str, tmp_path: Path
    ) -> None:
        if text is not None:
            (tmp_path / "hosts").write_text(text)
        failure = Terminal().ping("--targets", str(tmp_path / "hosts"))
        assert failure.check(Unusable)
        assert message in failure.getErrorMessage()

    def test_what_is_wrong_with_a_host_costs_it_alone(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """C12: nothing was pinged, without a word of the line; and of names nothing was kept."""
        hosts = tmp_path / "hosts"
        hosts.write_text(
            "# ours\n\necho.example:99999\nfe80::1%tun0\nnobody.example\n"
            "[::1\n1060\necho.example:7  # the last\n"
        )
        user = Terminal()
        assert user.ping("-c", "2", "--json", "--targets", str(hosts), "h:x", "gone.example:7") == 2
        lines = capsys.readouterr().out.splitlines()
        record = [json.loads(line) for line in lines]
        for each in record:
            VALIDATOR.validate(each)
        unresolved = [each for each in record if each["type"] == "unresolved"]
        assert [(each["target"], each["port"]) for each in unresolved] == [
            ("h:x", None), ("echo.example:99999", None), ("[::1", None), ("1060", None),
            ("fe80::1%tun0", 1060), ("gone.example:7", 7), ("nobody.example", 1060),
        ]  # fmt: skip
        assert record[0]["type"] == "start"
        assert {each["at_ns"] for each in unresolved} == {0}
        assert sum(each["type"] == "reply" for each in record) == 2
        told = [line.removeprefix(f"udpecho: {hosts}:") for line in user.complained]
        assert told[1:] == [
            "3: HOST[:PORT]: expected a port from 1 to 65535, got '99999'",
            "6: HOST[:PORT]: expected a host, HOST:PORT or [IPv6]:PORT, got '[::1'",
            "7: HOST[:PORT]: expected a host, not a number alone, got '1060'; for the port of "
            "all hosts, -p 1060",
            "4: fe80::1%tun0: expected the name of a network interface, got 'tun0'",
            "udpecho: no address found for 'gone.example'",
            "5: no address found for 'nobody.example'",
        ]
        assert told[0] == "udpecho: HOST[:PORT]: expected a port from 1 to 65535, got 'x'"

    def test_a_number_in_place_of_a_host_is_refused_as_before(self) -> None:
        for words in (["echo.example", "1060"], ["h:x"], ["1060"]):
            with pytest.raises(WrongUsage):
                settings_of(*words)

    def test_a_host_that_moves_is_told_and_recorded(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        user = Named()
        user.names["echo.example"] = ["192.0.2.1"]
        running = user.begin("--json", "-i", "1", "echo.example:7", "later.example:7")
        user.net.advance(30)
        user.names["echo.example"] = ["192.0.2.3", "192.0.2.4"]
        user.net.advance(35)
        user.names["later.example"] = ["192.0.2.4"]
        user.net.advance(35)
        running.cancel()
        user.net.advance(20)
        assert user.results == [OK], "each has an address now"
        assert user.complained == [
            "udpecho: no address found for 'later.example'",
            "udpecho: echo.example:7 has moved from 192.0.2.1 to 192.0.2.3",
            "udpecho: later.example:7 is at 192.0.2.4:7, and probed from now on",
        ]
        lines = capsys.readouterr().out.splitlines()
        record = [json.loads(line) for line in lines]
        for each in record:
            VALIDATOR.validate(each)
        assert record[0]["expected"] == 1
        moved = [each for each in record if each["type"] == "readdressed"]
        assert [(each["target"], each["old_address"], each["address"]) for each in moved] == [
            ("echo.example:7", "192.0.2.1", "192.0.2.3"),
            ("later.example:7", None, "192.0.2.4"),
        ]
        assert [(each["target"], each["address"]) for each in record[-1]["targets"]] == [
            ("echo.example:7", "192.0.2.1"),
            ("echo.example:7", "192.0.2.3"),
            ("later.example:7", "192.0.2.4"),
        ]

    def test_a_name_that_nothing_was_heard_of_is_told_at_the_end(self) -> None:
        user = Named(seconds=50.0)
        assert user.ping("-c", "1", "-w", "2", "192.0.2.1:7", "slow.example", seconds=20) == 2
        assert user.complained == ["udpecho: no answer yet about 'slow.example'"]


class TestJson:
    def record(self, capsys: pytest.CaptureFixture[str], *arguments: str, **link: Any) -> list[Any]:
        user = Terminal(**link)
        user.ping("--json", *arguments)
        assert user.said == [], "nothing but JSON on standard output"
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        for line in lines:
            VALIDATOR.validate(line)
        return lines

    def test_a_run_is_what_the_schema_says(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = self.record(
            capsys, "-c40", "-i.01", "--flows=3", "echo.example:7", "192.0.2.1:9",
            loss=0.2, duplicate=0.2, corrupt=0.2, reorder=0.2,
        )  # fmt: skip
        types = [line["type"] for line in lines]
        assert (types[0], types[-1]) == ("start", "summary")
        assert {"reply", "lost", "corrupt", "duplicate"} <= set(types)
        known = ("reply", "lost", "corrupt", "late", "refused")
        fates = [line for line in lines if line["type"] in known]
        assert len(fates) == lines[-1]["sent"] == 80

    def test_a_summary_comes_at_full_loss(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = self.record(capsys, "-c2", "echo.example:7", loss=1.0)
        assert [line["type"] for line in lines] == ["start", "lost", "lost", "summary"]
        assert lines[-1]["loss_percent"] == 100

    def test_report_shows_a_saved_run_again(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        arguments = ["-c5", "-i.1", "echo.example:7"]
        self_said = Terminal()
        self_said.ping(*arguments)
        Terminal().ping("--json", *arguments)
        saved, picture = tmp_path / "saved.json", tmp_path / "picture.png"
        saved.write_text(capsys.readouterr().out)
        settings = ReportOptions().settings([str(saved), "--plot", str(picture), "--lines"])
        said: list[str] = []
        assert report_command(settings, said.append, said.append) == OK
        assert said == self_said.said
        assert picture.read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("text", "message"), [(None, "can't read"), ("PING\n", "line 1: expected the start")]
    )
    def test_report_of_what_is_no_record(
        self, text: str | None, message: str, tmp_path: Path
    ) -> None:
        if text is not None:
            (tmp_path / "file").write_text(text)
        settings = ReportSettings(str(tmp_path / "file"))
        with pytest.raises(Unusable, match=message):
            report_command(settings, print, print)


class TestRecord:
    """-o FILE, and --every."""

    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recording, "PATIENCE", 1e6)  # a thread has a time of its own

    def recorded(self, file: Path, *arguments: str, **link: Any) -> Terminal:
        user = Terminal(**link)
        calls: SimpleQueue[tuple[Callable[..., object], Any]] = SimpleQueue()
        host: Any = user.host
        host.callFromThread = lambda call, *values: calls.put((call, values))
        user.begin("-o", str(file), *arguments)
        user.net.advance(60)
        while not user.results:  # what writes the file is a thread
            call, values = calls.get(timeout=30)
            call(*values)
        return user

    def test_the_record_is_written_beside_what_is_shown(self, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        user = self.recorded(file, "-c3", "-i.1", "echo.example:7")
        assert user.results == [OK]
        alone = Terminal()
        alone.ping("-c3", "-i.1", "echo.example:7")
        assert user.said == alone.said
        lines = list(map(json.loads, file.read_text().splitlines()))
        assert [line["type"] for line in lines] == ["start", *["reply"] * 3, "summary"]

    def test_a_file_that_fails_is_one_line_and_the_run_goes_on(self) -> None:
        user = self.recorded(Path("/dev/full"), "-c3", "-i.1", "echo.example:7")
        assert user.results == [OK]
        assert "3 packets transmitted, 3 received" in "\n".join(user.said)
        [line] = user.complained
        assert line.startswith("udpecho: -o: can't write /dev/full: No space left")

    def test_a_file_that_cannot_be_opened_ends_it_before_anything_is_sent(
        self, tmp_path: Path
    ) -> None:
        user = Terminal()
        file = tmp_path / "nowhere" / "run.jsonl"
        user.begin("-o", str(file), "echo.example:7")
        [result] = user.results
        assert f"-o: can't write {file}: No such file" in str(result.value)
        assert not user.said
        assert not len(user.net.record)

    def test_each_interval_has_a_line(self) -> None:
        user = Terminal()
        user.ping("-c4", "-i1", "--every=2", "echo.example:7")
        lines = [line for line in user.said if re.match(r"[\d:.]{8,} - [\d:.]{8,}: ", line)]
        assert [line.split(": ", 1)[1] for line in lines] == [
            "2/2 packets, 0% loss, min/median/p99/max = 20.000/20.000/20.000/20.000 ms"
        ] * 2

    def test_each_interval_has_a_line_of_json_for_all_hosts_and_for_each(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        user = Terminal()
        hosts = [f"192.0.2.{n}:7" for n in range(1, 101)]
        user.ping("--json", "-c4", "-i1", "--every=2", *hosts)
        lines = list(map(json.loads, capsys.readouterr().out.splitlines()))
        for line in lines:
            VALIDATOR.validate(line)
        intervals = [line for line in lines if line["type"] == "interval"]
        assert len(intervals) == 2 * 101
        assert sum(line["sent"] for line in intervals if line["target"] is None) == 400
        assert sum(line["sent"] for line in intervals if line["target"] is not None) == 400
        assert sum(line["received"] for line in intervals if line["target"] is None) == 4
        assert lines[-1]["type"] == "summary"

    @pytest.mark.parametrize("text", ["0", "0.01", "x", "1e9"])
    def test_every_is_a_length(self, text: str) -> None:
        with pytest.raises(WrongUsage, match="--every: expected"):
            settings_of("--every", text, "echo.example")


def test_plot_draws_the_run(tmp_path: Path) -> None:
    picture = tmp_path / "run.svg"
    assert Terminal().ping("-c", "3", "-q", "--plot", str(picture), "echo.example:7") == OK
    assert "</svg>" in picture.read_text()


def test_a_picture_that_can_no_longer_be_written_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    user = Terminal()
    user.begin("-c", "1", "-q", "--plot", str(folder / "run.svg"), "echo.example:7")
    folder.rmdir()
    user.net.advance(60)
    [failure] = user.results
    assert failure.check(Unusable)
    assert "can't write" in failure.getErrorMessage()


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("missing/run.svg", "No such file or directory"),
        ("a-file/run.svg", "Not a directory"),
        ("folder.svg", "Is a directory"),
    ],
)
def test_a_picture_that_can_not_be_written_is_refused_before_the_run(
    file: str, why: str, tmp_path: Path
) -> None:
    """Of report, too; and nothing is made where it could be."""
    (tmp_path / "a-file").touch()
    (tmp_path / "folder.svg").mkdir()
    where = str(tmp_path / file)
    for options in (PingOptions(), ReportOptions()):
        with pytest.raises(WrongUsage, match=rf"^--plot: can't write {where}: {why}$"):
            options.settings(["--plot", where, "host"])
    PingOptions().settings(["--plot", str(tmp_path / "run.svg"), "host"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-file", "folder.svg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-c", "0"], "-c: expected a whole number from 1"),
        (["-i", "0.00001"], "-i: expected a number from 0.0001 to 86400, got '0.00001'"),
        (["-i", "nan"], "-i: expected a number"),
        (["-s", "15"], "-s: expected a whole number from 16 to 65507, got '15'"),
        (["-s", "65508"], "-s: expected"),
        (["-t", "256"], "-t: expected"),
        (["-Q", "256"], "-Q: expected a byte from 0 to 255, 0x for hexadecimal, got '256'"),
        (["-Q", "CS9"], "-Q: expected a byte from 0 to 255"),
        (["-Q", "46"], "got '46': --dscp=46 for a DSCP, -Q 0x2e for the byte"),
        (["-Q", "1"], "got '1': --dscp=1 for a DSCP, -Q 0x01 for the byte"),
        (["-Q", "63"], "got '63': --dscp=63 for a DSCP, -Q 0x3f for the byte"),
        (["-Q", "ef"], "got 'ef': --dscp=ef for a DSCP, -Q 0xb8 for the byte"),
        (["--dscp", "64"], "--dscp: expected a DSCP from 0 to 63 or by name (EF, AF41), got '64'"),
        (["--dscp=EF", "-Q0xb8", "host"], "expected -Q or --dscp, got both"),
        (["-M", "maybe"], "-M: expected one of dont, want, do, probe, got 'maybe'"),
        (
            ["-f", "host"],
            "-f: a flood in iputils' ping, absent here; as many source ports are",
        ),
        (["-qf16", "host"], "-f: a flood in iputils' ping"),
        (["-f", "hosts.txt"], "are --flows=N; a file of hosts is --targets=FILE"),
        (["-V"], "-V: the version in iputils' ping; here it is --version"),
        (["-A", "host"], "-A: adaptive in iputils' ping, absent here; how often is -i SECONDS"),
        (["-qv", "host"], "-v: absent here: all is said"),
        (
            ["-a", "connected"],
            "-a: a bell in iputils' ping, absent here; whose replies count is",
        ),
        (["-p", "0xff"], "-p: expected a port from 1 to 65535, got '0xff'; iputils' -p, a pattern"),
        (["-p", "00", "host"], "-p: expected a port"),
        (["-p", "7"], "-p: expected a host, too"),
        (
            ["host", "1060"],
            "HOST[:PORT]: expected a host, not a number alone, got '1060'; "
            "for the port of all hosts, -p 1060",
        ),
        (["0x7f000001"], "HOST[:PORT]: expected a host, not a number alone, got '0x7f000001'"),
        (["7:7"], "HOST[:PORT]: expected a host, not a number alone, got '7:7'"),
        (["1.2.3"], "expected an IPv4 address of four decimal numbers, as 192.0.2.1, got '1.2.3'"),
        (["--sport=0"], "--sport: expected a port from 1 to 65535, or FIRST-LAST of 1024, got '0'"),
        (["--sport=40000-"], "--sport: expected"),
        (["--sport=40001-40000"], "--sport: expected"),
        (["--sport=1-1025"], "--sport: expected"),
        (["--sport=a-b"], "--sport: expected"),
        (
            ["--sport=40000-40003", "--flows=2"],
            "--sport: expected 2 ports, one for each of --flows, got 4",
        ),
        (
            ["--sport=40000", "--accept=connected", "a", "b"],
            "--sport: expected one host with --accept=connected, got 2",
        ),
        (["-I", "a/b"], "-I: expected an address or a network interface, got 'a/b'"),
        (["-I", "FE80::1"], "-I: expected fe80::1%INTERFACE, since each link has such addresses"),
        (["--flows", "0"], "--flows: expected"),
        (["--accept", "any"], "--accept: expected one of connected, matching"),
        (["--max-loss", "101"], "--max-loss: expected a number from 0 to 100"),
        (["--plot", "run.gif"], "--plot: expected FILE.svg or FILE.png, got 'run.gif'"),
        (["-4", "-6"], "expected -4 or -6, got both"),
        (
            ["--lines", "--table"],
            "expected one of --json, --quiet, --lines and --table, got --lines and --table",
        ),
        (["--json", "--table"], "got --json and --table"),
        (["-q", "--lines"], "got --quiet and --lines"),
        (["host:0"], "HOST[:PORT]: expected a port"),
        (["host", "--nonsense"], "expected an option, got '--nonsense'"),
    ],
)
def test_a_wrong_option_is_one_clear_line(arguments: list[str], message: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        settings_of(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("said", [["--count="], ["--count", ""], ["-c", ""]])
def test_an_empty_value_is_one(said: list[str]) -> None:
    """It does not take the next word for its own."""
    with pytest.raises(WrongUsage, match=r"^-c: expected .*, got ''$"):
        settings_of(*said, "-i", "1", "192.0.2.1")


@pytest.mark.parametrize(
    ("text", "value"),
    [("EF", 46), ("af41", 34), ("CS1", 8), ("0x2e", 46), ("0X2E", 46), ("0", 0), ("63", 63)],
)
def test_dscp_by_name_or_number(text: str, value: int) -> None:
    assert settings_of("--dscp", text).dscp == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("64", 64), ("184", 184), ("255", 255), ("0x01", 1), ("0x2e", 46), ("0XB8", 184)],
)
def test_tos_is_iputils_byte(text: str, value: int) -> None:
    """Until 0.3, what -Q took for a DSCP in 0.1 is refused, but for 0, which is the same."""
    assert settings_of("-Q", text).tos == value


@pytest.mark.parametrize(
    ("said", "flows", "ports"),
    [
        ([], 1, ()),
        (["--flows=4"], 4, ()),
        (["--sport=40000"], 1, (40000,)),
        (["--sport=40000-40003"], 4, (40000, 40001, 40002, 40003)),
        (["--sport=40000-40001", "--flows=2"], 2, (40000, 40001)),
    ],
)
def test_there_are_as_many_flows_as_source_ports(
    said: list[str], flows: int, ports: tuple[int, ...]
) -> None:
    settings = settings_of(*said)
    assert (settings.flows, settings.source_ports) == (flows, ports)


def test_a_host_is_named_as_it_was_given() -> None:
    """With its port, where it has one; -p is of the others (C4)."""
    hosts = ["127.0.0.1", "127.0.0.1:9", "[::1]:9", "::1", "Echo.example"]
    assert settings_of("-p", "7", *hosts).hosts == (
        ("127.0.0.1", 7, "127.0.0.1"),
        ("127.0.0.1", 9, "127.0.0.1:9"),
        ("::1", 9, "[::1]:9"),
        ("::1", 7, "::1"),
        ("Echo.example", 7, "Echo.example"),
    )


@pytest.mark.parametrize(
    ("text", "source", "device"), [("192.0.2.5", "192.0.2.5", None), ("eth0", None, "eth0")]
)
def test_an_interface_is_an_address_or_a_name(
    text: str, source: str | None, device: str | None
) -> None:
    settings = settings_of("-I", text)
    assert (settings.source, settings.device) == (source, device)


@pytest.mark.parametrize(
    ("received", "arguments", "status", "why"),
    [
        ([0], [], NO_REPLY, "no reply"),
        ([1], [], OK, "one reply is enough"),
        ([9], ["--max-loss=10"], OK, "10 % is not beyond 10 %"),
        ([8], ["--max-loss=10%"], NO_REPLY, "20 % is"),
        ([7], ["--max-loss=30"], OK, "nor is 30 % beyond 30 %, as 1 - 7 / 10 has it"),
        ([9], ["-c10", "-w5"], NO_REPLY, "ping's rule: fewer than -c when -w is given too"),
        ([9], ["-c10"], OK, "with -c alone it is not"),
        ([0, 0], [], NO_REPLY, "no reply from any"),
        ([0, 1], [], OK, "one of many is enough"),
        ([0, 1], ["--all"], NO_REPLY, "unless all are to"),
        ([0, 1], ["--all", "-w5"], NO_REPLY, "with an end, too"),
        ([1, 1], ["--all"], OK, "a reply of each is enough"),
        ([0, 10], ["--max-loss=50"], NO_REPLY, "the loss is each host's: 100 %, not 50 %"),
        ([5, 5], ["--max-loss=50"], OK, "50 % of each"),
        ([0, 10], ["--max-loss=100"], OK, "no loss is beyond 100 %"),
        ([9, 11], ["-c10", "-w5"], NO_REPLY, "each is to give as many as -c"),
        ([10, 10], ["-c10", "-w5"], OK, "as each does"),
    ],
)
def test_the_exit_status(received: list[int], arguments: list[str], status: int, why: str) -> None:
    def figures(sent: int, replied: int) -> Figures:
        return Figures(sent=sent, replied=replied, lost=max(sent - replied, 0))

    targets = tuple(
        TargetSummary(f"h{n}", ("192.0.2.1", n), figures(max(10, replied), replied), ())
        for n, replied in enumerate(received, 1)
    )
    all_of_them = figures(10 * len(received), sum(received))
    summary = Summary(0, all_of_them, targets, 0, {}, all_of_them.rtt)
    assert exit_status(summary, settings_of(*arguments)) == status, why


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--all"], OK), (["-c9", "-w5"], OK), (["-c11", "-w5"], NO_REPLY), (["--max-loss=40"], OK),
     (["--max-loss=30"], NO_REPLY)],
)  # fmt: skip
def test_a_host_that_moved_is_one_host(arguments: list[str], status: int) -> None:
    """5 of 5 were lost at its old address, 10 of 10 answered at its new one."""
    old, new = Figures(sent=5, lost=5), Figures(sent=10, replied=10)
    targets = tuple(
        TargetSummary("h", (f"192.0.2.{n}", 7), figures, ())
        for n, figures in enumerate((old, new), 1)
    )
    summary = Summary(0, Figures(sent=15, lost=5, replied=10), targets, 0, {}, old.rtt)
    assert exit_status(summary, settings_of(*arguments)) == status


def test_a_table_where_lines_would_say_less() -> None:
    one = (Target("h", ("192.0.2.1", 7)),)
    assert not wants_table(Plan(targets=one))
    assert wants_table(Plan(targets=one, interval_ns=1_000_000))
    assert wants_table(Plan(targets=one * 2))
