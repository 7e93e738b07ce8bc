"""udpecho ping on real sockets: its own server, other people's, a network that impairs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.live.impairing_echo import NAME
from tests.live.program import Program, environment, python, twistd, udpecho

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernel timestamps are Linux's")

PATIENCE = 30.0

SERVING_ALL = twistd("udpecho", "--listen=udp:1060", "--rate=0")


def run(*arguments: str, inside: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*inside, *udpecho(*arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def summary_of(*arguments: str, inside: tuple[str, ...] = ()) -> Any:
    done = run("ping", "--json", *arguments, inside=inside)
    assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def running(*command: str, ready: Callable[[], object]) -> Iterator[subprocess.Popen[str]]:
    """Run a program, from when it is ready until the context is left."""
    process = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # with whatever it forks, to be ended together
    )
    try:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert process.poll() is None, f"{command} has ended"
            assert time.monotonic() < end, f"{command} does not become ready"
            time.sleep(0.02)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def served(port: int, inside: tuple[str, ...] = ()) -> Callable[[], bool]:
    """Make a question: whether someone listens at a UDP port."""
    command = [*inside, "cat", "/proc/net/udp", "/proc/net/udp6"]
    return lambda: f":{port:04X} " in subprocess.check_output(command, text=True)


def dropped(port: int, inside: tuple[str, ...] = ()) -> int:
    """Read how many datagrams a server's sockets had no room for, as happens on a busy machine."""
    command = [*inside, "cat", "/proc/net/udp", "/proc/net/udp6"]
    table = subprocess.check_output(command, text=True)
    lines = [line for line in table.splitlines() if f":{port:04X} 00000000" in line]
    return sum(int(line.split()[-1]) for line in lines)


@pytest.fixture
def namespace() -> Iterator[tuple[str, ...]]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and ip(8)")
    name = f"udpecho-ping-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield "ip", "netns", "exec", name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_ping_of_its_own_server_is_by_the_kernels_clock() -> None:
    done = run("ping", "-c", "5", "-i", "0.05")
    assert done.returncode == 0
    assert done.stderr.startswith("No host given: ")
    assert done.stderr.count("\n") == 1
    assert "5 packets transmitted, 5 received, 0% packet loss" in done.stdout
    assert "clock: the kernel's timestamps" in done.stdout
    assert " ttl=63 " in done.stdout, "it answers with what it got less one"


def test_hops_are_those_of_what_was_sent() -> None:
    """Of its own server's replies, which have the probe's TTL less one."""
    done = run("ping", "-c", "1", "-t", "5")
    assert "replies came with TTL 4: 1 hop\n" in done.stdout


@pytest.mark.parametrize("arguments", [["-6"], ["--accept=connected"], ["--flows=4"], ["-s65507"]])
def test_of_either_family_and_either_kind_of_socket(arguments: list[str]) -> None:
    summary = summary_of("-c8", "-i.01", *arguments)
    assert summary["replied"] == 8
    assert summary["clocks"]["kernel"] >= 7, "a step may be suspected once, on a busy machine"


@contextmanager
def a_hundred_hosts(namespace: tuple[str, ...]) -> Iterator[None]:
    """10.66.0.1 to 10.66.0.100 are here, as 2001:db8:66::1 to 100, and answer."""
    four = [f"address add 10.66.0.{n}/32 dev lo" for n in range(1, 101)]
    six = [f"address add 2001:db8:66::{n}/128 dev lo nodad" for n in range(1, 101)]
    batch = "\n".join(four + six)
    subprocess.run([*namespace, "ip", "-batch", "-"], input=batch, text=True, check=True)
    with running(*namespace, *SERVING_ALL, ready=served(1060, namespace)):
        yield


def test_hosts_that_are_probed_together(namespace: tuple[str, ...]) -> None:
    """Each reply is its host's own, whoever among those sent with it is refused or can't go."""
    prohibit = ["ip", "route", "add", "prohibit", "192.0.2.0/24"]
    subprocess.run([*namespace, *prohibit], check=True)
    answering = [f"10.66.0.{n}:1060" for n in range(1, 100)]
    answering += [f"[2001:db8:66::{n}]:1060" for n in range(1, 100)]
    closed, prohibited = ["10.66.0.100:9", "[2001:db8:66::100]:9"], ["192.0.2.1", "192.0.2.2"]
    hosts = [*answering, *closed, *prohibited]
    options = ["-c4", "-i.05", *hosts[::2], *hosts[1::2]]
    with a_hundred_hosts(namespace):
        summary = summary_of(*options, inside=namespace)
        longer = summary_of(*options, "-s1400", inside=namespace)
        by_the_server = dropped(1060, namespace)
    assert summary["lost"] + longer["lost"] == by_the_server
    for found in (summary, longer):
        assert found["sent"] == 4 * len(hosts)
        assert found["replied"] + found["lost"] == 4 * len(answering)
        assert found["refused"] == 4 * (len(closed) + len(prohibited))
        assert found["strangers"] == found["forged"] == found["duplicates"] == 0


@pytest.mark.parametrize("closed", [0, 8])
def test_the_kernel_stamps_each_of_those_sent_together(
    namespace: tuple[str, ...], closed: int
) -> None:
    """Nor does a refusal, which the next send meets with, cost another probe its stamp."""
    hosts = [f"10.66.0.{n}:{9 if n <= closed * 8 and n % 8 == 0 else 1060}" for n in range(1, 65)]
    with a_hundred_hosts(namespace):
        summary = summary_of("-c40", "-i.005", *hosts, inside=namespace)
        by_the_server = dropped(1060, namespace)
    assert (summary["lost"], summary["refused"]) == (by_the_server, 40 * closed)
    assert summary["replied"] == 40 * (64 - closed) - by_the_server > 0
    stamped = summary["clocks"]["kernel"] / summary["replied"]
    assert stamped > 0.97, "a step of the clock may be suspected, on a busy machine"


WITHOUT_STAMPS = """
import sys
from udpecho.instrument import stamped
from udpecho.commands import run_command
stamped.departures = lambda records, sizes: [None] * len(sizes)
run_command(sys.argv[1:])
"""


@pytest.mark.parametrize("stamps", [True, False])
def test_without_stamps_each_is_sent_by_its_own_time(
    namespace: tuple[str, ...], stamps: bool
) -> None:
    """A driver that stamps nothing has the process's clocks decide: one reading for each."""
    hosts = [f"10.66.0.{n}:1060" for n in range(1, 21)]
    command = udpecho() if stamps else python("-c", WITHOUT_STAMPS)
    with a_hundred_hosts(namespace):
        shown = subprocess.check_output(
            [*namespace, *command, "ping", "--json", "-c40", "-i.005", *hosts], env=environment()
        )
    *lines, summary = map(json.loads, shown.splitlines())
    replies = [line for line in lines if line["type"] == "reply" and line["sequence"] > 20]
    assert replies, "of the second half: a stamp has been seen by then"
    groups = {line["sequence"] for line in replies}
    times = {line["sent_ns"] for line in replies}
    assert len(times) == (len(groups) if stamps else len(replies))
    assert len(groups) < len(replies), "many leave together"
    assert (summary["clocks"]["kernel"] > 0) == stamps


@pytest.mark.parametrize("accept", ["matching", "connected"])
def test_a_host_with_a_scope(namespace: tuple[str, ...], accept: str) -> None:
    for command in (
        "ip link add here type veth peer name there",
        "ip link set here up",
        "ip link set there up",
        "ip address add fe80::1/64 dev here nodad",
    ):
        subprocess.run([*namespace, *command.split()], check=True)
    with running(*namespace, *SERVING_ALL, ready=served(1060, namespace)):
        host = "[fe80::1%here]:1060"
        summary = summary_of("-c3", "-i.01", f"--accept={accept}", host, inside=namespace)
    assert summary["replied"] == 3


@pytest.mark.parametrize("accept", ["matching", "connected"])
def test_a_host_behind_no_interface(accept: str) -> None:
    done = run("ping", "-c1", f"--accept={accept}", "fe80::1%nowhere")
    assert done.returncode == 2
    why = "expected the name of a network interface, got 'nowhere'"
    assert done.stderr == f"udpecho: fe80::1%nowhere: {why}\n"


@pytest.mark.parametrize(
    ("interface", "why"),
    [
        ("nowhere", "No such device"),
        ("203.0.113.5", "Cannot assign requested address"),
        ("::1", "Address family for hostname not supported"),
    ],
)
def test_what_cannot_be_sent_from(interface: str, why: str) -> None:
    done = run("ping", "-c1", "-I", interface, "127.0.0.1")
    assert done.returncode == 2
    assert done.stderr == f"udpecho: -I: expected where to send from, got {interface!r}: {why}\n"


SMALL_BUFFER = """
import sys
from udpecho.instrument import hearing
from udpecho.commands import run_command
hearing._BUFFER = 4096
run_command(sys.argv[1:])
"""


def test_what_our_own_buffer_had_no_room_for_is_told() -> None:
    """60 hosts are asked together, and 4 KiB hold the replies of a few of them."""
    with subprocess.Popen(
        python("-m", "udpecho.commands.own_server", "0.0.0.0"),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        hosts = [f"127.0.0.{number}:{port}" for number in range(1, 61)]
        options = ["--json", "-c20", "-i.005", "-W.5", "-s1000"]
        done = subprocess.run(
            python("-c", SMALL_BUFFER, "ping", *options, *hosts),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        by_the_server = dropped(int(port))
        server.communicate(timeout=PATIENCE)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["lost"] == summary["dropped"] + by_the_server
    assert summary["dropped"] > 0


def test_the_users_clock_can_be_asked_for() -> None:
    assert summary_of("-c3", "-i.01", "--clock=user")["clocks"] == {"kernel": 0, "user": 3}


def test_a_closed_port_is_refused_probe_by_probe() -> None:
    done = run("ping", "-c", "3", "-i", "0.05", "127.0.0.1:9")
    assert done.returncode == 1
    assert done.stdout.count("From 127.0.0.1 icmp_seq=") == 3
    assert "Destination Port Unreachable" in done.stdout
    assert "+3 errors, 100% packet loss" in done.stdout


@pytest.mark.parametrize(
    ("address", "icmp"), [("127.0.0.1", (3, 3)), ("::1", (1, 4))], ids=["ICMP", "ICMPv6"]
)
def test_a_program_hears_which_message_refused(address: str, icmp: tuple[int, int]) -> None:
    text = f"""
from twisted.internet import task
from twisted.internet.defer import ensureDeferred
from udpecho.ping import ping

async def main(reactor):
    told = []
    await ping(reactor, [({address!r}, 9)], count=2, interval=0.01, on_outcome=told.append)
    for outcome in told:
        print(outcome.reason, outcome.icmp_type, outcome.icmp_code)

task.react(lambda reactor: ensureDeferred(main(reactor)))
"""
    done = subprocess.run(
        python("-c", text), env=environment(), capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert done.stdout == 2 * "ECONNREFUSED {} {}\n".format(*icmp), done.stderr


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("hdrh", ["ping"], "udpecho[ping]"),
        ("hdrh.histogram", ["report", "-"], "udpecho[ping]"),
        ("matplotlib", ["ping", "-c1", "--plot=x.svg"], "udpecho[plot]"),
        ("hdrh", ["watch"], "udpecho[watch]"),
    ],
)
def test_without_the_extra_it_says_what_to_install(
    missing: str, arguments: list[str], extra: str, tmp_path: Path
) -> None:
    text = (
        f"import sys; sys.modules[{missing!r}] = None; "
        f"from udpecho.commands import run_command; run_command({arguments!r})"
    )
    done = subprocess.run(
        python("-c", text), env=environment(), cwd=tmp_path, capture_output=True, text=True,
        timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert extra in done.stderr
    assert done.stderr.count("\n") == 1


def test_interrupted_it_still_sums_up(tmp_path: Path) -> None:
    with Program(udpecho("ping", "-i", "0.05", "-w", "60"), tmp_path) as user:
        user.wait_for("icmp_seq=2 ")
        user.signal(signal.SIGQUIT)
        user.wait_for(", 0% loss, min/avg/max = ")
        user.signal(signal.SIGINT)
        assert user.wait() == 0
        assert " 0% packet loss" in user.output


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("ncat", ["ncat", "-e", "/bin/cat", "-u", "-l", "127.0.0.1", "{port}"]),
        ("socat", ["socat", "UDP-LISTEN:{port},bind=127.0.0.1,fork", "EXEC:/bin/cat"]),
    ],
)
def test_other_peoples_echo_servers(program: str, command: list[str]) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    port = str(20000 + os.getpid() % 10000)
    with running(*(part.format(port=port) for part in command), ready=served(int(port))):
        summary = summary_of("-c10", "-i.05", f"127.0.0.1:{port}")
    assert (summary["replied"], summary["corrupt"], summary["forged"]) == (10, 0, 0)


def test_xinetds_built_in_echo(tmp_path: Path, namespace: tuple[str, ...]) -> None:
    if shutil.which("xinetd") is None:
        pytest.skip("xinetd is not installed")
    (tmp_path / "xinetd.conf").write_text(
        "service echo\n{\n type = INTERNAL\n id = echo-dgram\n socket_type = dgram\n"
        " protocol = udp\n user = root\n wait = yes\n disable = no\n}\n"
    )
    # Not /dev/null: xinetd deletes its pidfile, as root whatever it is.
    config, pidfile = str(tmp_path / "xinetd.conf"), str(tmp_path / "xinetd.pid")
    command = [*namespace, "xinetd", "-dontfork", "-f", config, "-pidfile", pidfile]
    with running(*command, ready=served(7, namespace)):
        summary = summary_of("-c10", "-i.05", "127.0.0.1:7", inside=namespace)
    assert summary["replied"] == 10


def test_the_one_source_port_that_loses_is_named(namespace: tuple[str, ...]) -> None:
    if shutil.which("nft") is None:
        pytest.skip("nft(8) is not installed")
    # Sixteen ports for sixteen flows: every one of them is used.
    ports = "net.ipv4.ip_local_port_range=40000 40015"
    subprocess.run([*namespace, "sysctl", "-qw", ports], check=True)
    rules = (
        "table inet t { chain input { type filter hook input priority 0; "
        "udp sport 40011 udp dport 1060 drop; }; }"
    )
    subprocess.run([*namespace, "nft", rules], check=True)
    with running(*namespace, *twistd("udpecho"), ready=served(1060, namespace)):
        done = run("ping", "-c160", "-i.005", "--flows=16", "-q", "127.0.0.1", inside=namespace)
    losing = [line for line in done.stdout.splitlines() if line.startswith("LOSS")]
    assert losing == ["LOSS to 127.0.0.1: 1 of 16 source ports loses: 40011 (100%)"]


def test_a_ping_that_was_stopped_says_for_how_long_it_sent_nothing(tmp_path: Path) -> None:
    with Program(udpecho("ping", "--json", "-c20", "-i.1"), tmp_path) as ping:
        ping.wait_for('"type":"reply"')
        ping.signal(signal.SIGSTOP)
        time.sleep(3)
        ping.signal(signal.SIGCONT)
        ping.wait_for('"type":"summary"')
        summary = json.loads(ping.output.splitlines()[-1])
    assert summary["held_ns"] > 2.5e9
    assert (summary["sent"], summary["received"]) == (20, 20), "the rest is sent in its own time"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_counts_are_what_was_done_to_the_traffic(namespace: tuple[str, ...], seed: int) -> None:
    if not Path("/dev/net/tun").exists():
        pytest.skip("there is no TUN device")
    first = (*namespace, "nice", "-n", "-20")  # or a busy machine would hold back what overtakes
    command = [*first, *python("-m", "tests.live.impairing_echo", str(seed))]
    up = [*namespace, "ip", "-oneline", "link", "show", "up"]
    ready = lambda: f" {NAME}: " in subprocess.check_output(up, text=True)  # noqa: E731
    with running(*command, ready=ready) as impairing:
        summary = summary_of("-c1000", "-i.002", "198.18.1.7:7", inside=first)
        impairing.terminate()
        out, errors = impairing.communicate(timeout=PATIENCE)
    done = json.loads(out.splitlines()[-1])
    assert errors == ""
    assert done["seen"] == summary["sent"] == 1000
    assert summary["lost"] == done["lost"]
    assert summary["corrupt"] == done["damaged"]
    assert summary["duplicates"] == done["doubled"]
    assert summary["reordered"] == done["delayed"], "each was overtaken by four or five"
    assert summary["replied"] == 1000 - done["lost"] - done["damaged"]
    assert (summary["forged"], summary["strangers"], summary["refused"]) == (0, 0, 0)


def test_tshark_finds_the_probes_well_formed(namespace: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which("tshark") is None or shutil.which("tcpdump") is None:
        pytest.skip("tshark and tcpdump are not both installed")
    capture = tmp_path / "probes.pcap"
    command = ["tcpdump", "-i", "lo", "--immediate-mode", "-Uw", str(capture), "udp"]
    looking = [*namespace, "cat", "/proc/net/packet"]
    ready = lambda: subprocess.check_output(looking).count(b"\n") > 1  # noqa: E731
    with running(*namespace, *command, ready=ready):
        assert summary_of("-c5", "-i.05", "-s1472", inside=namespace)["replied"] == 5
        end = time.monotonic() + PATIENCE
        while capture.stat().st_size < 10 * 1500 and time.monotonic() < end:
            time.sleep(0.02)
    shown = subprocess.run(
        ["tshark", "-r", str(capture), "-o", "udp.check_checksum:FALSE", "-T", "fields",
         "-e", "udp.length", "-e", "_ws.malformed", "-e", "_ws.expert.severity"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.split() == ["1480"] * 10
