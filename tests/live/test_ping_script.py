"""A script that was written for iputils' ping runs unchanged with ours."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.netns import Namespace, namespace, why_not
from tests.live.program import Program, environment, twistd, udpecho

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

SCRIPT = Path(__file__).with_name("is_up.sh")
PATIENCE = 60.0
HOST = "127.0.0.1"


def is_up(at: Namespace, ping: str) -> tuple[int, str]:
    """Run the script with a ping; return its status and what it prints."""
    done = subprocess.run(
        at.command("sh", str(SCRIPT), HOST),
        env=environment(PING=ping),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_it_says_of_an_echo_server_what_it_says_of_a_host(tmp_path: Path) -> None:
    """In the background, with an interrupt, the exit status, and what it reads of the lines."""
    ours = shlex.join(udpecho("ping"))
    with namespace("", "") as here:
        status, said = is_up(here, ours)
        assert (status, said) == (1, f"{HOST} is down\n"), "nothing serves yet"
        with Program(here.command(*twistd("udpecho", "--listen=udp:1060")), tmp_path) as server:
            server.wait_for("answers at")
            runs = [is_up(here, ours)]
        if shutil.which("ping") is not None:
            runs.append(is_up(here, "ping"))
    for status, said in runs:
        number = r"\d+(\.\d+)?"
        form = f"{HOST}: status 0, 0 % lost, average {number} ms, first {number} ms\n"
        assert status == 0
        assert re.fullmatch(form, said), said
