"""udpecho watch: its options; and --check, what a file would have a node do, or one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.test_main import told
from udpecho.commands.extras import Unusable
from udpecho.commands.watch import watch_command
from udpecho.commands.watch_options import WatchOptions, WatchSettings
from udpecho.testing import MemoryNetwork

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
[mesh]
web = "http://{address}:8060"
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
        "asks other nodes at http://{address}:8060, while somebody looks at its page",
        "tells what happens to the log",
        "peers: 4 known beforehand in 2 zones, this node among them perhaps",
        "and those that are asked for as it runs: dns udpecho.monitoring.svc",
        "each peer: 16 flows, a probe of each every 0.5 s: 32 probes a second, 21.504 kbit/s there"
        " and as much back",
        "all 4 that it would probe of these: 128 probes a second",
        "of more than 99 peers it probes 32: 1024 a second",
        "a peer's guard must let 32 tokens a second pass from this node: those of a mesh allow 448"
        " to each address that they know; others by their rate, 1000 for a /24 unless said",
    ]


def test_a_node_of_which_the_file_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "watch.toml"
    file.write_text("[reflect]\nlisten = 'systemd:index=0'\n[web]\nlisten = []")
    status, out, _ = told("watch", "--check", str(file), capsys=capsys)
    assert status == 0
    assert "reflects at systemd:index=0\nis asked at no address\n" in out
    assert "\ntells what happens to the log\npeers: none, so it" in out
    file.write_text("")
    assert "this machine only\n" in told("watch", "--check", str(file), capsys=capsys)[1]
    file.write_text("[[peers]]\ndns = 'udpecho.monitoring.svc'")
    out = told("watch", "--check", str(file), capsys=capsys)[1]
    assert "peers: none known beforehand\nand those that are asked for as it runs: dns" in out


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[probe]\nflow = 3", "{file}:2: [probe]: expected one of interval, flows, size, timeout,"),
        ("[reflect]\nlisten = 'udp:x'", "{file}:1: [reflect] listen udp:PORT: expected a port"),
        ("[web]\nlisten = 'tcp:x:interface=127.0.0.1'", "{file}:2: [web] listen port=: expect"),
        (
            "[web]\npublic = true\nlisten = 'ssl:1:privateKey=/no/key'",
            "{file}:1: [web] listen: 'ssl:1:privateKey=/no/key': can't read /no/key: No such file",
        ),
        ("[[peers]]\nfile = 'nope'", "{file}:1: [[peers]] file: can't read {dir}/nope: No such"),
        (
            "[events]\nwebhook = 'http://a.example'\ncredentials_file = 'nope'",
            "{file}:1: [events] webhook: can't open {dir}/nope: No such file or directory",
        ),
        (
            "[events]\nwebhook = 'https://a.example'\nca_file = 'nope'",
            "{file}:1: [events] webhook: can't open {dir}/nope: No such file or directory",
        ),
        (
            "[events]\nwebhook = 'https://a.example'\nca_file = 'watch.toml'",
            "{file}:1: [events] webhook: expected certificates in PEM, got none: {file}",
        ),
        (
            "[events]\nfile = 'no/such'\nwebhook = 'http://a.example'\ncredentials_file = '/dev'",
            "{file}:1: [events] webhook: can't open /dev: Is a directory",
        ),
        (
            "[[peers]]\nfile = 'watch.toml'",
            '{file}:1: [[peers]] file: {file}: expected {{"targets": ',
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


def test_a_file_that_can_not_be_read_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("watch", "--check", "/no/such", capsys=capsys)[2] == (
        "udpecho: can't read /no/such: No such file or directory\n"
    )


def test_what_is_asked_of_it() -> None:
    assert WatchOptions().settings([]) == WatchSettings(interval=0.5)
    assert WatchOptions().settings(["a.example", "::1"]) == WatchSettings(
        hosts=("a.example", "::1")
    )
    words = "-qi2 --flows=4 -s100 -W.5 --web=80 -p7 a.example b.example:9"
    assert WatchOptions().settings(words.split()) == WatchSettings(
        hosts=("a.example", "b.example:9"),
        port=7,
        interval=2.0,
        flows=4,
        size=100,
        timeout=0.5,
        web=80,
        quiet=True,
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("--check f h", "--check: expected no HOST, got 'h'"),
        ("--check f -i2", "--check: expected no other option"),
        ("--check f -q", "--check: expected no other option"),
        ("--check f --check f", "--check: expected one FILE, got two"),
        ("-p7", "-p: expected a host, too; nodes of our own have ports of their own"),
        ("-i.05 h", "-i: expected a number from 0.1 to 3600, got '.05'"),
        ("--flows=257", "--flows: expected a whole number from 1 to 256, got '257'"),
        ("--web=x", "--web: expected a port from 0 to 65535, got 'x'"),
        ("h:x", "HOST[:PORT]: expected a port from 1 to 65535, got 'x'"),
        ("h 7", "HOST[:PORT]: expected a host, not a number alone, got '7'; for the port of all"),
        ("-c5 h", "expected an option, got '-c'"),
    ],
)
def test_what_can_not_be_asked(words: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, errors = told("watch", *words.split(), capsys=capsys)
    assert (status, out) == (2, "")
    assert errors.startswith(f"udpecho: {what}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "[::]:7",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
        "a b",
        "a,b",
        "a\x1b",
        "http://h",
    ],
)
def test_a_host_that_is_none_is_one_line_before_anything_starts(host: str) -> None:
    reactor = MemoryNetwork().host("192.0.2.1")
    started = watch_command(reactor, WatchSettings(hosts=("a.example", host)), print, print)
    with pytest.raises(Unusable, match=r"^HOST: .*expected [^\n]*, got '[^\n]*$"):
        started.send(None)
    assert list(reactor.getDelayedCalls()) == []


def test_all_classes_of_traffic_are_in_what_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "watch.toml"
    file.write_text("[probe]\ndscp = ['CS0', 'EF']\n[[peers]]\nhosts = ['10.0.0.2']")
    out = told("watch", "--check", str(file), capsys=capsys)[1]
    assert "each peer: 16 flows in each of 2 classes, a probe of each every 1 s: 32 probes a" in out
    assert "a peer's guard must let 32 tokens a second pass" in out


@pytest.mark.parametrize(
    ("hosts", "fanout", "said"),
    [
        (["a.example", "10.0.0.1", "b.example"], 2, "2 of them are known by name: "),
        (["a.example", "10.0.0.1", "b.example"], 3, ""),
        (["a.example", "10.0.0.1", "b.example"], "'all'", ""),
        (["10.0.0.1", "10.0.0.2", "fd00::1"], 2, ""),
        ([f"{number}.example" for number in range(120)], "'auto'", "120 of them are known by name"),
    ],
)
def test_a_fanout_of_names_needs_an_exemption(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    hosts: list[str],
    fanout: int | str,
    said: str,
) -> None:
    """Who this node doesn't probe it doesn't look up, and so can't give a rate of its own."""
    file = tmp_path / "watch.toml"
    mesh = "" if fanout == "'auto'" else f"[mesh]\nfanout = {fanout}"
    file.write_text(f"{mesh}\n[[peers]]\nhosts = {hosts}")
    status, out, errors = told("watch", "--check", str(file), capsys=capsys)
    assert (status, errors) == (0, "")
    last = out.splitlines()[-1]
    assert last.startswith(said or "a peer's guard must let")
    assert ("[reflect] exempt, or a higher rate" in last) is bool(said)
