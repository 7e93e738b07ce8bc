"""The files that a user copies from deploy/ are what systemd, Kubernetes and Docker take."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import Start, addresses, echo, needs
from tests.live.pages import ROOT
from tests.live.program import python, run
from udpecho.watch import read_config

DEPLOY = ROOT / "deploy"


@needs("systemd-analyze")
@pytest.mark.parametrize(
    ("names", "exposure"),
    [(("udpecho.service", "udpecho.socket"), 1.0), (("udpecho-watch.service",), 1.6)],
    ids=["service", "watch"],
)
def test_systemd_units(tmp_path: Path, names: tuple[str, ...], exposure: float) -> None:
    """Nothing is wrong with the units, by systemd, and the service is safe."""
    units = []
    for name in names:
        # verify wants the program to be there, and to be one.
        text = (DEPLOY / name).read_text().replace("/opt/udpecho/bin/twistd", "/bin/true")
        (tmp_path / name).write_text(text)
        units.append(str(tmp_path / name))
    verified = run(["systemd-analyze", "verify", *units], tmp_path)
    assert "udpecho" not in verified.stdout + verified.stderr  # it grumbles about others' units
    rated = run(["systemd-analyze", "security", "--offline=yes", units[0]], tmp_path)
    level = re.search(rf"exposure level for {re.escape(names[0])}: ([0-9.]+)", rated.stdout)
    assert level is not None, rated.stdout + rated.stderr
    assert float(level[1]) < exposure


def manifests(name: str) -> list[Any]:
    """Read a manifest's documents, each of Kubernetes' schema and with nothing that it lacks."""
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    yaml = pytest.importorskip("yaml", reason="PyYAML is missing")
    documents = list(yaml.safe_load_all((DEPLOY / name).read_text()))
    for document in documents:
        validate.validate(document, validate.latest_version(), strict=True)
    return documents


def test_kubernetes_manifest() -> None:
    documents = manifests("kubernetes.yaml")
    assert [part["kind"] for part in documents] == ["Deployment", "Service"]
    [container] = documents[0]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == command_of_the_image()


def test_the_watchs_manifest_is_of_one_mind() -> None:
    """Ports, names and paths are the same wherever they stand, and the node takes its file."""
    config_map, daemons, service, policy = manifests("kubernetes-watch.yaml")
    assert {each["metadata"]["namespace"] for each in (config_map, daemons, service, policy)} == {
        "monitoring"
    }
    config = read_config(config_map["data"]["watch.toml"], "watch.toml", "pod-1")
    name = service["metadata"]["name"]
    assert [each.names for each in config.peers] == [(f"{name}.monitoring.svc",)]
    pod = daemons["spec"]["template"]
    [container] = pod["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert config.reflect.listen == (f"udp:{ports['udpecho']}",)
    assert config.web.listen == (f"tcp:{ports['web']}",)
    [mount], [volume] = container["volumeMounts"], pod["spec"]["volumes"]
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]
    assert container["args"][-1] == f"--watch={mount['mountPath']}/watch.toml"
    assert container["args"][:-1] == command_of_the_image()[:-1]
    labels = pod["metadata"]["labels"]
    for each in (daemons["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        assert each == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    allowed = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
    assert allowed == [ports["udpecho"], ports["web"], ports["web"]]
    assert service["spec"]["publishNotReadyAddresses"] is True


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
