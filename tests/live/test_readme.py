"""The README's programs run, and its deployments are what systemd and Kubernetes take."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.live.program import python, run

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXPECTED = (
    "loss 0%",
    "b'hello' from",
    "refused|timed out",
    r"ServerCounters\(received=0",
    "PASSED",
)
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


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_systemd_units(tmp_path: Path) -> None:
    """Nothing is wrong with the units, by systemd, and the service is safe."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in blocks("ini"):
        name = re.match(r"# /etc/systemd/system/(\S+)", unit)
        assert name is not None
        # verify wants the program to be there, and to be one.
        text = unit.replace("/opt/udpecho/bin/twistd", "/bin/true")
        (tmp_path / name[1]).write_text(text, encoding="utf-8")
    units = [str(tmp_path / name) for name in ("udpecho.service", "udpecho.socket")]
    verified = run(["systemd-analyze", "verify", *units], tmp_path)
    assert "udpecho" not in verified.stdout + verified.stderr  # it grumbles about others' units
    rated = run(["systemd-analyze", "security", "--offline=yes", units[0]], tmp_path)
    level = re.search(r"exposure level for udpecho.service: ([0-9.]+)", rated.stdout)
    assert level is not None, rated.stdout + rated.stderr
    assert float(level[1]) < 1


def test_kubernetes_manifest() -> None:
    """The manifest is of Kubernetes' schema, with nothing that it does not know."""
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    yaml = pytest.importorskip("yaml", reason="PyYAML is missing")
    documents = [part for text in blocks("yaml") for part in yaml.safe_load_all(text)]
    assert [part["kind"] for part in documents] == ["Deployment", "Service"]
    for document in documents:
        validate.validate(document, validate.latest_version(), strict=True)
