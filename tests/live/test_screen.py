"""What a terminal shows of udpecho ping: of any size, of few talents, and of none."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.live.program import PATIENCE, environment, udpecho
from tests.live.tmux import Tmux
from udpecho.widths import columns_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernel timestamps are Linux's")

on_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

FLOWS = udpecho("ping", "--flows=4", "-i0.02", "-c100000")


def headed(*words: str) -> Callable[[list[str]], bool]:
    """Make a question: whether the live table is there, under these headings."""

    def shown(screen: list[str]) -> bool:
        [*headers] = (at for at, line in enumerate(screen) if "latest" in line or "last" in line)
        if not headers or screen[headers[-1]].split() != list(words):
            return False
        return "probes" in screen[-1] and len(screen) == headers[-1] + 6

    return shown


LIVE = {
    40: "source port loss last ms latest",
    80: "source port probes loss last mean best worst ms latest",
    200: "source port probes loss last mean best worst ms latest",
}
SUMMED_UP = {
    40: "source port sent loss median p99 ms",
    80: "source port sent lost loss min median p99 max ms",
    200: "source port sent lost loss min median p99 max ms",
}


@on_tmux
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_table_and_a_summary_fit(columns: int) -> None:
    with Tmux(FLOWS, columns) as tmux:
        tmux.wait_for(headed(*LIVE[columns].split()))
        tmux.keys("C-c")
        shown = tmux.wait_for_the_end()
    assert shown[-1] == "status 0"
    assert any(line.split() == SUMMED_UP[columns].split() for line in shown)
    assert all(columns_of(line) <= columns for line in shown)
    assert not any("last" in line.split() for line in shown), "nothing is left of the live table"
    assert sum("packets transmitted" in line for line in shown) == 1


@on_tmux
def test_losses_stand_out_by_their_colour() -> None:
    """Who has no colours sees them by their x."""
    with Tmux(udpecho("ping", "-i0.05", "127.0.0.1:9", "127.0.0.1:1"), 80) as tmux:
        tmux.wait_for(lambda shown: any("100%" in line for line in shown))
        coloured = "\n".join(tmux.screen("-e"))
        tmux.keys("C-c")
        tmux.wait_for_the_end()
    assert re.search(r"\x1b\[1m\x1b\[31m +100%", coloured), coloured
    assert re.search(r"\x1b\[31mx+", coloured)


@on_tmux
def test_a_terminal_resized_meanwhile_shows_one_table() -> None:
    with Tmux(FLOWS, 80) as tmux:
        tmux.wait_for(headed(*LIVE[80].split()))
        tmux.resize(40)
        shown = tmux.wait_for(headed(*LIVE[40].split()))
        assert all(columns_of(line) <= 40 for line in shown)
        tmux.resize(200)
        shown = tmux.wait_for(headed(*LIVE[200].split()))
        assert sum("latest" in line for line in shown) == 1
        tmux.resize(80, 5)
        tmux.wait_for(lambda shown: any("that lost no more" in line for line in shown))
        tmux.keys("C-c")
        tmux.resize(80, 24)
        tmux.wait_for_the_end()


@on_tmux
def test_an_interim_line_stands_above_the_table() -> None:
    with Tmux(FLOWS, 80) as tmux:
        tmux.wait_for(headed(*LIVE[80].split()))
        tmux.keys("C-\\")
        shown = tmux.wait_for(lambda shown: any("min/avg/max" in line for line in shown))
        shown = tmux.wait_for(headed(*LIVE[80].split()))
        tmux.keys("C-c")
        tmux.wait_for_the_end()
    [interim] = (at for at, line in enumerate(shown) if "min/avg/max" in line)
    [header] = (at for at, line in enumerate(shown) if "latest" in line)
    assert interim < header


@on_tmux
def test_what_the_shell_says_of_a_stopped_ping_is_not_drawn_over() -> None:
    with Tmux(["bash", "--norc", "-i"], 80, PS1="$ ") as tmux:
        tmux.keys(" ".join(FLOWS), "Enter")
        tmux.wait_for(headed(*LIVE[80].split()))
        tmux.keys("C-z")
        tmux.wait_for(lambda shown: any("Stopped" in line for line in shown))
        tmux.keys("sleep 2.5; fg", "Enter")
        tmux.wait_for(lambda shown: sum("latest" in line for line in shown) == 2)
        shown = tmux.wait_for(headed(*LIVE[80].split()))
        assert any("Stopped" in line for line in shown)
        tmux.keys("C-c")


def written_on_a_terminal(*arguments: str, **env: str) -> str:
    """Run a ping on a terminal, and return the bytes that it was sent, as text."""
    ours, theirs = pty.openpty()
    said = {"TERM": "xterm", "NO_COLOR": "", "COLUMNS": "", "PYTHONIOENCODING": "utf-8"} | env
    process = subprocess.Popen(
        udpecho("ping", *arguments),
        env={name: value for name, value in environment(**said).items() if value},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    written = b""
    try:
        # Both ends stay open: where the last one is closed, what is on its way may be lost.
        while (ready := select.select([ours], [], [], 0.05)[0]) or process.poll() is None:
            written += os.read(ours, 65536) if ready else b""
    finally:
        os.close(ours)
        os.close(theirs)
        process.wait(PATIENCE)
    return written.decode("latin-1")


RAPID = ["-c20", "-i0.01"]


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "dumb"},
        {"TERM": ""},
        {"NO_COLOR": "1"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "", "LC_ALL": "", "LC_CTYPE": "", "LANG": "C"},
        {"PYTHONIOENCODING": "", "LC_ALL": "C"},
    ],
)
def test_a_terminal_without_the_talents_gets_plain_lines(env: dict[str, str]) -> None:
    written = written_on_a_terminal(*RAPID, **env)
    assert written.count("icmp_seq=") == 20
    assert "20 packets transmitted" in written
    assert written.isascii()
    assert "\x1b" not in written


@pytest.mark.parametrize("option", ["--lines", "-D", "-O"])
def test_lines_can_be_chosen(option: str) -> None:
    written = written_on_a_terminal(*RAPID, option)
    assert written.count("icmp_seq=") == 20
    assert "\x1b" not in written


def test_a_table_can_be_chosen() -> None:
    """Of one host, too; without colours where they are not wanted."""
    written = written_on_a_terminal("-c3", "-i0.3", "--table")
    assert "\x1b[32m" in written
    assert "icmp_seq=" not in written
    written = written_on_a_terminal("-c3", "-i0.3", "--table", NO_COLOR="1")
    assert "\x1b[K" in written
    assert not re.search(r"\x1b\[[0-9;]*m", written)


def test_a_table_without_our_characters_has_others() -> None:
    written = written_on_a_terminal("-c20", "-i.05", "--table", PYTHONIOENCODING="ascii")
    assert re.search(r"\x1b\[36m[_.~=+*#-]+\x1b\[m", written)
    assert written.isascii()


@pytest.mark.parametrize("env", [{}, {"TERM": "dumb"}])
def test_a_table_where_none_can_be_drawn_is_refused(env: dict[str, str]) -> None:
    done = subprocess.run(
        udpecho("ping", "--table", *RAPID),
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "udpecho: --table: expected a terminal to draw on, got a pipe or a file\n"
    )
    if env:
        assert "--table: expected a terminal to draw on, got TERM=dumb" in written_on_a_terminal(
            "--table", **env
        )


@pytest.mark.parametrize(("said", "widest"), [("", 80), ("40", 40), ("200", 200)])
def test_a_pipe_has_80_columns_or_what_COLUMNS_says(said: str, widest: int) -> None:
    done = subprocess.run(
        udpecho("ping", "-q", "--flows=16", "-c32", "-i.01"),
        env=environment(COLUMNS=said),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    [header] = (line for line in done.stdout.splitlines() if line.startswith("source port"))
    assert header.split() == SUMMED_UP[widest].split()
    for_programs = re.compile("PING|--- |.*packet loss, time|rtt min/avg/max|No host given")
    lines = [line for line in done.stdout.splitlines() if not for_programs.match(line)]
    assert max(map(columns_of, lines)) <= widest


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", ["", "ping", "path", "report", "send", "talk", "watch"])
def test_help_fits(command: str, columns: int) -> None:
    """On whichever Python: from 3.14 on argparse has colours of its own."""
    done = subprocess.run(
        udpecho(*filter(None, [command]), "--help"),
        env=environment(COLUMNS=str(columns), FORCE_COLOR="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"usage: udpecho {command}".rstrip())
    assert max(map(columns_of, lines)) <= columns
    assert "\x1b" not in done.stdout


@on_tmux
@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["ping", "--sport=7,8", "::1"],
            "udpecho: --sport: expected a port from 1 to 65535, or FIRST-LAST of 1024, got '7,8'",
        ),
        (
            ["ping", "nobody.invalid"],
            "udpecho: no address found for 'nobody.invalid'",
        ),
        (
            ["path", "--demo"],
            "In memory: 7 hosts on as many leaves, four spines, 8 flows to each. "
            "After two seconds one link begins to lose what goes down it.",
        ),
    ],
)
def test_sentences_are_broken_at_spaces(words: list[str], sentence: str, columns: int) -> None:
    with Tmux(udpecho(*words), columns, 80) as tmux:
        shown = tmux.wait_for_the_end()
    assert sentence in " ".join(line.strip() for line in shown)
