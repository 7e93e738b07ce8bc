"""Twisted's own UDP suites, as they are shipped, run over listen_udp on each of its reactors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.live.conftest import needs_our_port
from tests.live.program import environment, python, run

REACTORS = ("epoll", "select", "poll", "asyncio")
SUITES = ("twisted.test.test_udp", "twisted.internet.test.test_udp", "twisted.names")

FAIL = {
    "twisted.test.test_udp.UDPTests.test_badConnect": "a second connect() is allowed, and connects",
}
"""What fails over ours, and why; a test that is listed here must fail."""

pytestmark = needs_our_port("they are its own suites")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("reactor", REACTORS)
def test_twisted_s_own_suite(suite: str, reactor: str, tmp_path: Path) -> None:
    have = run(python("-m", "twisted.trial", "--help-reactors"), tmp_path)
    if not re.search(rf"^\s+{reactor}\s", have.stdout, re.MULTILINE):
        pytest.skip(f"no {reactor} reactor on this platform")
    command = python("-m", "tests.live.over_ours", f"--reactor={reactor}", suite)
    ended = run(command, tmp_path, env=environment())
    output = ended.stdout + ended.stderr
    failed = re.findall(r"^(twisted\.[\w.]+\.test\w+)$", _failures(ended.stdout), re.MULTILINE)
    wanted = {name for name in FAIL if name.startswith(f"{suite}.")}
    assert set(failed) == wanted, output
    successes = re.search(r"successes=([0-9]+)", ended.stdout)
    assert successes is not None, output
    assert int(successes[1]) > 0, output
    called = ast.literal_eval(output.rpartition("calls: ")[2].splitlines()[0])
    assert called.get("listen_udp", 0) > 0, output


def _failures(output: str) -> str:
    """Cut out what trial says of failures and errors; what is skipped is listed alike."""
    blocks = output.split("=" * 79)
    return "\n".join(each for each in blocks if re.search(r"^\[(FAIL|ERROR)\]", each, re.MULTILINE))
