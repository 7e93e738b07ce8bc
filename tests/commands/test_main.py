"""udpecho itself: its commands, their help, and what is typed wrong."""

from __future__ import annotations

import os
import re

import pytest

from udpecho import __version__
from udpecho.commands import run_command
from udpecho.commands.main import COMMANDS, every_command
from udpecho.commands.ping_options import PingOptions
from udpecho.commands.talk_options import TalkOptions


def told(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """Run the command, which ends; give its status and what it printed."""
    with pytest.raises(SystemExit) as caught:
        run_command(words)
    out, errors = capsys.readouterr()
    return caught.value.code, out, errors


EXPECTED = "expected a command, send, talk, ping, path, report or watch"


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_help_begins_with_the_programs_name_and_fits(
    command: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    status, out, errors = told(*command.split(), "--help", capsys=capsys)
    assert (status, errors) == (0, "")
    assert out.startswith(f"usage: udpecho {command}")
    assert max(map(len, out.splitlines())) <= int(columns)
    assert "\nGeneral:\n" in out, "options stand in groups"
    assert "\noptions:\n" not in out


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("columns", ["0", "1", "2", "3", "9" * 30])
def test_help_is_whole_however_narrow(
    command: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    status, out, errors = told(*command.split(), "--help", capsys=capsys)
    assert (status, errors) == (0, "")
    assert "--version" in re.sub(r"\s", "", out)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_tells_its_version(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    told_version = told(*command.split(), "--version", capsys=capsys)
    assert told_version == (0, f"udpecho {__version__}\n", "")


def test_alone_it_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was done: that is no success."""
    status, out, errors = told(capsys=capsys)
    assert (status, out) == (2, "")
    for command in COMMANDS:
        assert re.search(rf"^ +{command} +[A-Z].*\.$", errors, re.M)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pign", f"{EXPECTED}, got 'pign'; did you mean ping?"),
        ("Ping", f"{EXPECTED}, got 'Ping'; did you mean ping?"),
        ("10.0.0.1", f"{EXPECTED}, got '10.0.0.1'; did you mean udpecho ping 10.0.0.1?"),
        ("::1", f"{EXPECTED}, got '::1'; did you mean udpecho ping ::1?"),
        ("help", f"{EXPECTED}, got 'help'; did you mean --help?"),
        ("help ping", f"{EXPECTED}, got 'help'; did you mean --help?"),
        ("sing", f"{EXPECTED}, got 'sing'; did you mean ping?"),
        ("--json", "expected an option, got '--json'"),
        ("ping --intervall=3", "expected an option, got '--intervall'; did you mean --interval?"),
        ("ping --inter=3", "expected an option, got '--inter'; did you mean --interval or "
         "--interface?"),
        ("ping -i 1_0 h", "-i: expected a number from 0.0001 to 86400, got '1_0'"),
        ("ping h -i -1", "-i: expected a number from 0.0001 to 86400, got '-1'"),
        ("ping h -c -1", "-c: expected a whole number from 1 to 1000000000000, got '-1'"),
        ("ping h -c", "-c: expected a value, got nothing"),
        ("ping --json=yes", "--json: expected no value, got 'yes'"),
        ("talk x y", "expected options only, got 'x'"),
        ("send h", "expected HOST[:PORT] MESSAGE, got 'h'"),
        ("send h x --timout=1", "expected an option, got '--timout'; did you mean --timeout?"),
        ("report", "expected one FILE, got 0"),
    ],
)  # fmt: skip
def test_what_is_typed_wrong_is_one_line(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(*line.split(), capsys=capsys) == (2, "", f"udpecho: {message}\n")


def test_what_is_typed_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["\x1b[2J"], ["ping", "--\x1b[2J"], ["ping", "-i", "\x1b[2J"], ["talk", "\n\r"]):
        _, _, errors = told(*words, capsys=capsys)
        assert "\x1b" not in errors
        assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "line", ["-t 3 h hello", "h -t 3 hello", "h hello -t3", "-t3 -- h hello", "h hello --timeout=3"]
)
def test_options_may_stand_anywhere(line: str) -> None:
    from udpecho.commands.send_options import SendOptions

    asked = SendOptions().settings(line.split())
    assert (asked.host, asked.message, asked.timeout) == ("h", b"hello", 3.0)


def test_a_message_may_be_anything_behind_dashes() -> None:
    from udpecho.commands.send_options import SendOptions

    assert SendOptions().settings(["h", "--", "-t"]).message == b"-t"
    assert SendOptions().settings(["h", "--", "--"]).message == b"--"
    assert SendOptions().settings(["--", "h", os.fsdecode(b"\xff")]).message == b"\xff"


def test_what_is_not_said_is_the_usual() -> None:
    asked = TalkOptions().settings([])
    assert (asked.port, asked.timeout, asked.retries) == (1060, 1.0, 2)


def test_the_whole_parser_has_every_commands_options() -> None:
    """For completion and man pages, which are made from it."""
    text = every_command().format_help()
    assert all(f"    {command} " in text for command in COMMANDS)
    parser = every_command()
    [listed] = [each for each in parser._actions if each.choices]
    assert listed.choices is not None
    for command in COMMANDS:
        options = dict(listed.choices)[command]._option_string_actions
        assert {"--help", "--version"} < set(options)


LONG = f"begins{'x' * 5000}ends"


@pytest.mark.parametrize(
    "line",
    [
        "L", "ping --L", "ping --quiet=L", "ping [L]:7", "ping L:x", "ping -c L", "ping -I L",
        "ping -p L", "ping -Q L", "ping --sport L", "ping -M L", "ping -w L",
        "ping --plot L", "ping --plot /L.svg", "path --demo L", "path -I L x", "path L:x",
        "send L:x x", "send L L L", "talk L", "talk -p L", "report x --from L", "report -L",
    ],
)  # fmt: skip
def test_what_is_too_long_loses_its_middle(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what is wrong, however long a word was typed; so it is with a name."""
    words = [word.replace("L", LONG) for word in line.split()]
    status, out, errors = told(*words, capsys=capsys)
    assert (status, out) == (2, "")
    assert len(errors.splitlines()) == 1
    assert len(errors) < 500
    assert "begins" in errors or not any(word == "L" for word in line.split())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ping -o a -o b", "-o: expected one FILE, got two"),
        ("ping --record=a -oa", "-o: expected one FILE, got two"),
        ("ping --targets=a --targets b", "--targets: expected one FILE, got two"),
        ("ping --plot=a.svg --plot=b.svg", "--plot: expected one FILE, got two"),
        ("ping --sport=1 --sport=2 a", "--sport: expected one PORT[-LAST], got two"),
        ("ping -I lo -I ::1 a", "-I: expected one ADDRESS|NAME, got two"),
        ("path --sport=1 --sport=2 a", "--sport: expected one PORT[-LAST], got two"),
        ("path -I lo -I ::1 a", "-I: expected one NAME, got two"),
        ("report --plot=a.svg --plot=b.svg a", "--plot: expected one FILE, got two"),
        ("report --from=1 --from=2 a", "--from: expected one WHEN, got two"),
        ("report --to=1 --to=2 a", "--to: expected one WHEN, got two"),
    ],
)
def test_what_would_lose_what_was_said_before_is_one_line(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers and ways to show may be said again, as an alias's are: the last one holds."""
    assert told(*line.split(), capsys=capsys) == (2, "", f"udpecho: {message}\n")
    assert PingOptions().settings(["-c1", "-c2", "--lines", "--lines", "::1"]).count == 2
