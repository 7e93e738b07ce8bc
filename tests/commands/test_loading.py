"""What is loaded for what: whoever asks for little does not wait for all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import udpecho

LOADED = """
import os, sys
sys.argv = ["udpecho", *{words!r}]
from udpecho.__main__ import main
try:
    main()
except SystemExit:
    pass
os.write(2, ("\\n" + " ".join(sys.modules)).encode())
"""


def loaded(*words: str) -> set[str]:
    """Run the command in a Python of its own; give the modules that are loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(words=words)],
        cwd=Path(udpecho.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("line", ["", "--version", "--help", "pign"])
def test_of_the_program_alone_nothing_that_takes_time(line: str) -> None:
    """No Twisted; and none of what takes the most of what is left, as a short test tells."""
    modules = loaded(*line.split())
    assert {"twisted", "zope", "typing", "dataclasses", "socket", "shutil"} & modules == set()


@pytest.mark.parametrize(
    "line", ["ping --version", "ping --help", "ping -c x", "send --help", "talk -p x", "report",
             "path --help", "watch --help"],
)  # fmt: skip
def test_of_options_no_twisted(line: str) -> None:
    assert "twisted" not in loaded(*line.split())


def test_a_ping_of_a_host_loads_no_server() -> None:
    modules = loaded("ping", "-c1", "-W.01", "127.0.0.1:9")
    assert "udpecho.ping.run" in modules
    not_needed = {"udpecho.server.server", "udpecho.guard.guard", "udpecho.port.listen"}
    assert not_needed & modules == set()
