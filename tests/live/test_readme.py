"""What the README and the pages of docs/ show runs, and ends as they say."""

from __future__ import annotations

import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import Start, addresses, bound, needs
from tests.live.pages import Example, examples
from tests.live.program import BIN, Program, python, run, twistd

EXPECTED = {
    "README.md": (
        r"ServerCounters\(received=0",
        "no reply|b'hello' from",
        "loss 0%",
        "1 passed",
    ),
    "clients.md": ("b'hello' from", "answered|refused|timed out"),
    "path.md": (r"\[\] True[^\0]*State.UNDECIDED",),
    "ping.md": (r"loss 0%[^\0]*ProbeFate.REPLIED",),
    "port.md": (r"asked at 127.0.0.1 with TTL \d+\nb'HELLO'",),
    "server.md": (r"\('127.0.0.1', \d+\)[^\0]*ServerCounters",),
    "watch.md": (r"127\.0\.0\.1:\d+ replied: \d\d",),
    "testing.md": ("9 passed", "2 passed", "4 passed", "2 passed"),
}
"""What each page's programs print, in order, among other things; patterns."""


def programs() -> list[tuple[Example, str]]:
    """Lay each program beside what it prints; a page's row has as many as the page."""
    found = [each for each in examples("python") if each.file is None]
    assert {program.page for program in found} == EXPECTED.keys()
    pairs: list[tuple[Example, str]] = []
    for page, expected in EXPECTED.items():
        pairs += zip([each for each in found if each.page == page], expected, strict=True)
    return pairs


@pytest.mark.parametrize(("program", "expected"), programs(), ids=str)
def test_program(
    program: Example, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs as a user's would, whatever the pytest that runs it was told."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--an-option-of-ours")
    file = tmp_path / "test_program.py"
    file.write_text(program.text, encoding="utf-8")
    for each in examples("python"):
        if each.page == program.page and each.file is not None:
            (tmp_path / each.file).write_text(each.text, encoding="utf-8")
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in program.text else []
    ended = run(python(*runner, str(file)), tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(expected, ended.stdout), ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "Unhandled" not in ended.stdout + ended.stderr


# Commands, which are run against a server of ours.

IN_A_SHELL = """
set -e
udpecho() {{
    if [ "$1" = ping ]; then
        timeout --foreground --preserve-status -s INT 2 {bin}/udpecho "$@"
    else
        {bin}/udpecho "$@"
    fi
}}
{commands}
"""
"""Each ping is interrupted after a while, as its user would."""


def asking() -> list[Example]:
    return [each for each in examples("sh") if re.search("^udpecho |^echo ", each.text, re.M)]


@pytest.mark.parametrize("example", asking(), ids=str)
def test_commands_that_ask(example: Example, start: Start, tmp_path: Path) -> None:
    """Each ends well, where a server answers."""
    host, port = addresses(start(twistd("udpecho", "--port=0")))[0]
    (tmp_path / "hosts.txt").write_text(f"{host}:{port}\n")
    commands = re.sub(r"\bHOST\b|\becho\.example\b|127\.0\.0\.1\b", f"{host}:{port}", example.text)
    ended = run(["bash", "-c", IN_A_SHELL.format(bin=BIN, commands=commands)], tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def serving() -> list[tuple[Example, str]]:
    found = []
    for example in examples("sh"):
        found += [(example, line) for line in example.text.splitlines() if line[:7] == "twistd "]
    return found


@pytest.mark.parametrize(("example", "line"), serving(), ids=str)
def test_commands_that_serve(example: Example, line: str, tmp_path: Path) -> None:
    """Each is understood; with an address that nobody has, it says so and has opened nothing."""
    options = shlex.split(line)[1:]
    ended = run([str(BIN / "twistd"), *options, "--listen=udp:1:interface=203.0.113.1"], tmp_path)
    assert re.fullmatch(r"udpecho: can't listen on \S+: .*\n", ended.stderr), ended.stderr


@needs("jq")
def test_jq(start: Start, tmp_path: Path) -> None:
    """The filter for the record prints the round trips, in milliseconds."""
    [example] = [each for each in examples("sh") if each.text.startswith("jq ")]
    host, port = addresses(start(twistd("udpecho", "--port=0")))[0]
    ping = f"{BIN}/udpecho ping --json -c 3 -i 0.01 {host}:{port} > run.json"
    ended = run(["bash", "-c", f"{ping}\n{example.text}"], tmp_path)
    assert [0 < float(line) < 1000 for line in ended.stdout.split()] == [True] * 3


def test_who_may_answer(tmp_path: Path) -> None:
    """What the README shows of the three clients and a stranger is what one sees."""
    try:
        bound("127.0.0.1", 1061).close()
    except OSError:
        pytest.skip("something else has port 1061")
    [shown] = examples("console")
    local = ""
    with ExitStack() as running:
        for line in shown.text.splitlines():
            if line.startswith("$ twistd "):
                server = Program(in_background(line.partition(" > ")[0]), tmp_path)
                running.enter_context(server).wait_for("answers at")
            elif line.endswith(" &"):
                client = running.enter_context(Program(in_background(line), tmp_path))
            elif line.startswith("$ "):
                lie = re.sub(r"\d+$", local, line.removeprefix("$ "))
                assert run(["bash", "-c", lie], tmp_path).returncode == 0
            else:
                shown_line = client.wait_for(but_for_numbers(line))[0]
                local = shown_line.rpartition(":")[2] if line.startswith("local") else local


def in_background(line: str) -> list[str]:
    """Read a command that a shell is to start; it waits for less than a user would."""
    command = line.removeprefix("$ ").removesuffix(" &").replace(" send ", " send -t 0.4 ")
    return shlex.split(f"{BIN}/{command}")


def but_for_numbers(line: str) -> str:
    return "^" + r"[\d.]+".join(map(re.escape, re.split(r"\d[\d.]*", line))) + "$"
