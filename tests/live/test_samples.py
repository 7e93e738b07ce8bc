"""The pages' blocks of text: what is printed there is what is printed, what is typed can be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.internet.protocol import DatagramProtocol

from tests.live.conftest import Start, addresses
from tests.live.pages import ROOT, Example, examples
from tests.live.program import run, twistd, udpecho
from tests.path.test_judge import TARGET, dead, diamond, lost, path
from udpecho.commands.send_options import SendOptions
from udpecho.guard.reasons import Reason
from udpecho.path import Path as Flow
from udpecho.path import PathMtu, Paths, Verdict
from udpecho.path.judge import judge
from udpecho.ping.figures import (
    Distribution,
    Figures,
    FlowSummary,
    RateLimit,
    Summary,
    TargetSummary,
)
from udpecho.server.server import ServerCounters
from udpecho.show.path_text import paths_text, verdict_text
from udpecho.show.sheet import Sheet
from udpecho.show.text import summary_text
from udpecho.testing import MemoryNetwork

DEPLOY = ROOT / "deploy"


def block(page: str) -> str:
    """Return the one block of text that a page has."""
    [found] = blocks(page)
    return found


def blocks(page: str) -> list[str]:
    """Return the blocks of text that a page has."""
    return [each.text for each in examples("text") if each.page == page]


def test_every_block_is_one_that_is_compared() -> None:
    compared = {"deploy.md", "path.md", "ping.md", "server.md", "testing.md", "watch.md"}
    assert {each.page for each in examples("text")} == compared


def test_the_table_of_flows_is_as_ping_prints_it() -> None:
    """Of a run in which one source port of 16 loses all."""
    lost = Figures(sent=10, lost=10, loss_bursts=1, longest_loss_burst=10)
    ms = Distribution(
        count=10, min_ns=71_200, median_ns=113_000, p99_ns=220_100, max_ns=220_100
    )  # fmt: skip
    whole = Figures(sent=10, replied=10, rtt=ms)
    ports = [40011, 40003, *(port for port in range(40001, 40017) if port not in (40011, 40003))]
    flows = tuple(
        FlowSummary(port, lost, stands_out=True) if port == 40011 else FlowSummary(port, whole)
        for port in ports
    )
    target = TargetSummary("echo.example", ("192.0.2.1", 7), whole, flows)
    printed = list(summary_text(Summary(0, whole, (target,), 0, {}, Distribution())))
    table, _ = blocks("ping.md")
    first, rest = table.split("\n...\n")
    at = printed.index(first.splitlines()[0])
    assert first.splitlines() == printed[at : at + 4]
    assert set(rest.splitlines()) <= set(printed[at + 4 :])


def test_a_rate_limit_is_as_ping_prints_it() -> None:
    limit = RateLimit("192.0.2.0/24", 1, 3998, 0.375, 1250)
    figures = Figures(sent=10_000, replied=7748, lost=2252)
    target = TargetSummary("echo.example", ("192.0.2.1", 7), figures, ())
    summary = Summary(0, figures, (target,), 0, {}, Distribution(), rate_limits=(limit,))
    _, sample = blocks("ping.md")
    printed = "\n".join(summary_text(summary, Sheet(80)))
    assert sample.strip() in printed


LOST = (3, 7, 11, 15)


def judged(paths: Paths) -> Verdict:
    """Judge where four flows of sixteen die, of which as many others were traced."""
    traced = tuple(each for each in paths.paths if each.flow in {*LOST, *range(0, 16, 4)})
    return judge([replace(paths, paths=traced)], lost(dict.fromkeys(LOST, 30), of=30))


def test_paths_and_verdicts_are_printed_as_shown() -> None:
    gone = dead(*LOST, hops=("10.9.0.2", "10.9.4.2", None))
    told, drawn, back, packets = (each.text for each in examples("text") if each.page == "path.md")
    sheet = Sheet()
    assert told.splitlines() == list(verdict_text(judged(diamond(**gone)), sheet))[:3]
    returned = [
        path(
            n, "10.9.0.2", "10.9.4.2", "10.9.12.2", reached=n not in LOST,
            told=30 * (n in LOST), arrived=30 * (n in LOST),
            back=("10.9.9.1", f"10.9.{5 + n % 4}.1", "10.9.1.1")[: 2 if n in LOST else 3],
        )
        for n in range(16)
    ]  # fmt: skip
    back_paths = Paths("h", TARGET, tuple(returned), tells=True)
    said = list(verdict_text(judged(back_paths), sheet))
    assert back.splitlines() == said[: len(back.splitlines())]
    times = {"10.9.0.2": 10_000, "10.9.2.2": 12_000, "10.9.4.2": 11_000, "10.9.12.2": 17_000}
    there = [path(n, "10.9.0.2", "10.9.2.2", "10.9.12.2") for n in range(3)]
    found = tuple(
        replace(
            each,
            hops=tuple(replace(hop, rtt_ns=times[hop.addresses[0]]) for hop in each.hops),
            rtt_ns=24_000 if each.reached else None,
        )
        for each in (*there, path(3, "10.9.0.2", "10.9.4.2", reached=False))
    )
    names = {"10.9.0.2": "leaf1", "10.9.2.2": "spine2", "10.9.4.2": "spine4"}
    full = {address: f"{name}.example.net" for address, name in names.items()}
    assert drawn.splitlines() == list(paths_text(Paths("h", TARGET, found, (), full), sheet))[2:]
    narrow = (6, 7, 8, 11)
    met = [
        Flow(
            flow,
            40000 + flow,
            mtu=PathMtu(1400, "10.9.0.2") if flow in narrow else PathMtu(1500),
            dscp_back=(0,) if flow in narrow else (46,),
        )
        for flow in range(16)
    ]
    lines = list(paths_text(Paths("h", TARGET, tuple(met), dscp=46), sheet))
    assert packets.splitlines() == lines[-5:]


def test_the_counts_are_as_the_service_logs_them(start: Start) -> None:
    serving = start(twistd("udpecho", "--port=0"))
    assert addresses(serving)
    serving.stop()
    words = serving.wait_for(r"(udpecho has stopped: )0 received, 0 echoed$")[1]
    counts = ServerCounters(
        received=14,
        echoed=4,
        unanswered={Reason.PORT_ZERO: 5, Reason.SERVICE_PORT: 2},
        send_errors={"EAGAIN": 3},
    )
    assert block("server.md") == f"{words}{counts.in_words()}\n"


def test_a_record_is_printed_as_shown() -> None:
    net = MemoryNetwork()
    server, client = net.host("192.0.2.1"), net.host("192.0.2.2")
    net.link(client, server, loss=1.0)
    client.listenUDP(0, DatagramProtocol()).write(b"?", ("192.0.2.1", 17))
    assert block("testing.md") == f"{net.record.lost()}\n"


def commands() -> list[tuple[Example, str]]:
    """List the command lines of the page on deploying."""
    found = [each for each in examples("text") if each.page == "deploy.md"]
    return [(each, line) for each in found for line in each.text.splitlines()]


HOME = "/opt/udpecho"
UNITS = ("udpecho.socket", "udpecho.service")


def makes_the_home_of_the_units(folder: str) -> None:
    assert folder == HOME
    assert f"ExecStart={HOME}/bin/" in (DEPLOY / "udpecho.service").read_text()


def copies_the_units(*files: str) -> None:
    *sources, target = files
    assert sources == [f"deploy/{unit}" for unit in UNITS]
    for unit in UNITS:
        assert (DEPLOY / unit).read_text().startswith(f"# {target}{unit}: ")


def asks_where_the_socket_listens(host: str, message: str) -> None:
    port = SendOptions().settings([host, message]).port
    assert f"ListenDatagram=0.0.0.0:{port}\n" in (DEPLOY / "udpecho.socket").read_text()


def builds_as_the_file_says(*arguments: str) -> None:
    first = (DEPLOY / "Dockerfile").read_text().splitlines()[0]
    assert first.startswith(f"# docker build {' '.join(arguments)} ")


def publishes_what_the_image_exposes(port: str, image: str) -> None:
    [exposed] = re.findall("^EXPOSE (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert port in exposed.split()
    assert f" -t {image} " in (DEPLOY / "Dockerfile").read_text()
    assert f" image: {image} " in (DEPLOY / "kubernetes.yaml").read_text()


def applies_a_manifest(file: str) -> None:
    assert (ROOT / file).read_text().startswith("# ")
    assert re.search("^kind: (Deployment|DaemonSet)$", (ROOT / file).read_text(), re.MULTILINE)


def is_where_the_mesh_stands(namespace: str) -> None:
    manifest = (DEPLOY / "kubernetes-watch.yaml").read_text()
    assert {*re.findall("^  namespace: (.*)$", manifest, re.MULTILINE)} == {namespace}


def copies_the_watch_s_unit(target: str) -> None:
    unit = (DEPLOY / "udpecho-watch.service").read_text()
    assert unit.startswith(f"# {target}udpecho-watch.service: ")


def enables_the_watch_s_unit() -> None:
    assert "\n[Install]\nWantedBy=" in (DEPLOY / "udpecho-watch.service").read_text()


COMMANDS: list[tuple[str, Callable[..., None]]] = [
    (r"python3 -m venv (\S+)", makes_the_home_of_the_units),
    (rf"{HOME}/bin/pip install \.", lambda: None),  # which test_deploy does
    (r"cp (\S+) (\S+) (\S+)", copies_the_units),
    (r"systemctl daemon-reload", lambda: None),
    (rf"systemctl enable --now {UNITS[0]}", lambda: None),
    (rf"{HOME}/bin/udpecho send (\S+) (\S+)", asks_where_the_socket_listens),
    (r"docker build (\S+) (\S+) (\S+) (\S+) (\S+)", builds_as_the_file_says),
    (r"docker run --read-only --cap-drop=ALL -p 7:(\S+) (\S+)", publishes_what_the_image_exposes),
    (r"kubectl apply -f (\S+)", applies_a_manifest),
    (r"kubectl create namespace (\S+)", is_where_the_mesh_stands),
    (rf"{HOME}/bin/pip install '\.\[watch\]'", lambda: None),
    (r"cp deploy/udpecho-watch.service (\S+)", copies_the_watch_s_unit),
    (r"systemctl enable --now udpecho-watch\.service", enables_the_watch_s_unit),
]
"""What the page has typed, and what must be true for that."""


@pytest.mark.parametrize(("example", "line"), commands(), ids=str)
def test_what_is_typed_to_deploy_fits_the_files(example: Example, line: str) -> None:
    held = [(match, holds) for form, holds in COMMANDS if (match := re.fullmatch(form, line))]
    [(match, holds)] = held
    holds(*match.groups())


def test_each_command_is_on_the_page() -> None:
    lines = [line for _, line in commands()]
    for form, _ in COMMANDS:
        assert [line for line in lines if re.fullmatch(form, line)], form


def test_what_a_configuration_is_checked_for_is_as_shown(tmp_path: Path) -> None:
    [config] = [each.text for each in examples("toml") if "[probe]" in each.text]
    told, wrong = blocks("watch.md")

    def checked(text: str) -> str:
        (tmp_path / "watch.toml").write_text(text, encoding="utf-8")
        ended = run(udpecho("watch", "--check", "watch.toml"), tmp_path)
        return ended.stdout + ended.stderr

    assert checked(config) == told
    mistakes = (("interval = 1.0", 'interval = "fast"'), ("flows = 16", "flow = 16"))
    assert "".join(checked(config.replace(*each)) for each in mistakes) == wrong
