"""The README's programs are complete: each runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.live.program import python, run

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXPECTED = ("b'hello' from", "refused|timed out", r"ServerCounters\(received=0", "PASSED")
"""What each of them prints, among other things; a pattern."""


@pytest.mark.parametrize(("program", "expected"), list(zip(PROGRAMS, EXPECTED, strict=True)))
def test_program(program: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "test_program.py"
    file.write_text(program, encoding="utf-8")
    runner = ["-m", "twisted.trial"] if "SynchronousTestCase" in program else []
    ended = run(python(*runner, str(file)), tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(expected, ended.stdout)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "Unhandled" not in ended.stdout + ended.stderr
