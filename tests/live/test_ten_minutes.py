"""Three nodes, a Prometheus and an alert stand after the commands of docs/watch.md."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.live.monitored import ALERTMANAGER, PROMETHEUS, why_not
from tests.live.netns import namespace
from tests.live.netns import why_not as why_no_namespaces
from tests.live.pages import ROOT, examples
from tests.live.program import BIN, environment

PATIENCE = 400.0

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.skipif(why_no_namespaces() is not None, reason=str(why_no_namespaces())),
]


def commands() -> list[str]:
    """List the blocks, but for that which installs what is installed here."""
    blocks = [each.text for each in examples("bash") if each.page == "watch.md"]
    assert "pip install" in blocks[0]
    return blocks[1:]


def test_the_commands_end_in_an_alert(tmp_path: Path) -> None:
    """They have a network of their own, since they name ports."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(BIN)
    path = os.pathsep.join(
        [str(Path(PROMETHEUS).parent), str(Path(ALERTMANAGER).parent), os.environ["PATH"]]
    )
    told = tmp_path / "told"
    with namespace("", "") as alone, told.open("wb") as output:
        shell = subprocess.Popen(
            alone.command("bash", "-euc", "\n".join([*commands(), "wait"])),
            cwd=tmp_path, env=environment(PATH=path), stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            ends = time.monotonic() + PATIENCE
            while len(set(re.findall(r"firing (\w+) loses .* to three", told.read_text()))) < 2:
                assert time.monotonic() < ends, told.read_text()
                assert shell.poll() is None, told.read_text()
                time.sleep(0.5)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    assert not re.search(r"firing .* to (one|two)", told.read_text())
