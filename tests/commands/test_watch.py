"""udpecho watch --check: what a file would have a node do, or one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.test_main import told

GOOD = """
[node]
name = "fra-1"
zone = "fra"
[reflect]
listen = "udp:1060:interface=192.0.2.1"
[probe]
flows = 16
interval = 0.5
[[peers]]
hosts = ["10.0.0.2", "fra-1", "ams-1.example:7"]
zone = "fra"
[[peers]]
file = "peers.txt"
zone = "ams"
[[peers]]
dns = "udpecho.monitoring.svc"
"""


def test_what_would_be_probed_and_how_often(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "peers.txt").write_text("10.0.1.1\n10.0.1.2\n")
    file = tmp_path / "watch.toml"
    file.write_text(GOOD)
    status, out, errors = told("watch", "--check", str(file), capsys=capsys)
    assert (status, errors) == (0, "")
    assert out.splitlines() == [
        "node fra-1 in zone fra",
        "reflects at 192.0.2.1 port 1060",
        "is asked at tcp:8060:interface=127.0.0.1",
        "peers: 4 known beforehand in 2 zones, this node among them perhaps",
        "and those that are asked for as it runs: dns udpecho.monitoring.svc",
        "each peer: 16 flows, a probe of each every 0.5 s: 32 probes a second, 21.504 kbit/s there"
        " and as much back",
        "all 4 that it would probe of these: 128 probes a second",
        "of more than 99 peers it probes 32: 1024 a second",
        "a peer's guard must let 32 tokens a second pass from this node: those of a mesh allow 128"
        " to each address that they know; others by their rate, 1000 for a /24 unless said",
    ]


def test_a_node_of_which_the_file_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "watch.toml"
    file.write_text("[reflect]\nlisten = 'systemd:index=0'\n[web]\nlisten = []")
    status, out, _ = told("watch", "--check", str(file), capsys=capsys)
    assert status == 0
    assert "reflects at systemd:index=0\nis asked at no address\npeers: 0 known" in out
    file.write_text("")
    assert "this machine only\n" in told("watch", "--check", str(file), capsys=capsys)[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[probe]\nflow = 3", "{file}:2: [probe]: expected one of interval, flows, size, timeout,"),
        ("[reflect]\nlisten = 'udp:x'", "{file}:1: [reflect] listen udp:PORT: expected a port"),
        ("[web]\nlisten = 'tcp:x:interface=127.0.0.1'", "{file}:1: [web] listen: 'tcp:x:interf"),
        ("[[peers]]\nfile = 'nope'", "{file}:1: [[peers]] file: can't read {dir}/nope: No such"),
        (
            "[[peers]]\nfile = 'watch.toml'",
            "{file}:1: [[peers]] file: {file}: expected JSON, got wh",
        ),
    ],
)
def test_what_can_not_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(text)
    status, out, errors = told("watch", "--check", str(file), capsys=capsys)
    assert (status, out) == (2, "")
    assert errors.startswith(f"udpecho: {line}".format(file=file, dir=tmp_path))
    assert errors.count("\n") == 1


def test_without_a_file_it_says_what_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, errors = told("watch", capsys=capsys)
    assert (status, errors) == (
        2,
        "udpecho: expected --check FILE, as a node is run by twistd, got nothing\n",
    )
    assert told("watch", "--check", "/no/such", capsys=capsys)[2] == (
        "udpecho: can't read /no/such: No such file or directory\n"
    )
