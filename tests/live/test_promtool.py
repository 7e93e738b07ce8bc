"""What Prometheus' own checker says of what a node tells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.watch.test_metrics import HARD, Scraped

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_it_finds_no_fault(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    for number in range(60):
        scraped.node.roll[HARD].losing.lost(1, number)
    scraped.node.roll[HARD].losing.settle(60, scraped.node.now_ns())
    checked = subprocess.run(
        [PROMTOOL or "", "check", "metrics"],
        input=scraped.text().encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    scraped.bench.stop()
