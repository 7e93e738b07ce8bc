"""The files that a user copies from deploy/ are what systemd, Kubernetes and Docker take."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.live.conftest import Start, addresses, echo, needs
from tests.live.pages import ROOT
from tests.live.program import python, run

DEPLOY = ROOT / "deploy"


@needs("systemd-analyze")
def test_systemd_units(tmp_path: Path) -> None:
    """Nothing is wrong with the units, by systemd, and the service is safe."""
    units = []
    for name in ("udpecho.service", "udpecho.socket"):
        # verify wants the program to be there, and to be one.
        text = (DEPLOY / name).read_text().replace("/opt/udpecho/bin/twistd", "/bin/true")
        (tmp_path / name).write_text(text)
        units.append(str(tmp_path / name))
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
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    assert [part["kind"] for part in documents] == ["Deployment", "Service"]
    for document in documents:
        validate.validate(document, validate.latest_version(), strict=True)
    [container] = documents[0]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == command_of_the_image()


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile: each instruction and what follows it."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    pairs = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(instruction, arguments) for instruction, _, arguments in pairs]


def command_of_the_image() -> list[str]:
    [command] = [json.loads(arguments) for word, arguments in instructions() if word == "CMD"]
    assert isinstance(command, list)
    return command


def test_dockerfile(start: Start, tmp_path: Path) -> None:
    """Its steps install the service where there was none, and its command then serves."""
    if run(python("-m", "pip", "download", "-q", "--no-deps", "twisted"), tmp_path).returncode:
        pytest.skip("no package index can be reached")

    def inside(path: str) -> str:
        return re.sub(r"(?<!\S)/(src|opt)\b", rf"{tmp_path}/\1", path)

    for word, arguments in instructions():
        if word == "COPY" and not arguments.startswith("--from"):
            *sources, target = shlex.split(arguments)
            Path(inside(target)).mkdir(parents=True, exist_ok=True)
            for source in map(ROOT.joinpath, sources):
                if source.is_dir():
                    shutil.copytree(source, inside(target), dirs_exist_ok=True)
                else:
                    shutil.copy(source, inside(target))
        elif word == "RUN":
            (tmp_path / "opt").mkdir(exist_ok=True)
            step = run(["sh", "-c", inside(arguments)], tmp_path, env={"PATH": "/usr/bin:/bin"})
            assert step.returncode == 0, step.stdout + step.stderr
    program, *options = command_of_the_image()
    assert "--listen=udp:1060" in options
    options[options.index("--listen=udp:1060")] = "--listen=udp:0"
    service = start([f"{tmp_path}/opt/udpecho/bin/{program}", *options], env={})
    (_, port), *_ = addresses(service)
    assert echo(("127.0.0.1", port)) == b"hello"
