"""Beyond loopback our own port serves or nobody does: under the unit's filter, and without it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]

from tests.live.conftest import Start, addresses, bound, echo, free_port
from tests.live.filtered import HEADER
from tests.live.program import ROOT, activated, environment, python, run, twistd, udpecho
from udpecho.errors import PortUnavailable
from udpecho.kernel import calls
from udpecho.port.listen import STOCK_PORT
from udpecho.server import EchoService, InheritedSocket, UdpAddress
from udpecho.testing import MemoryNetwork

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not HEADER.exists(),
    reason="needs x86-64 Linux and its headers (linux-libc-dev)",
)

NO_BATCHES = ["recvmmsg=ENOSYS", "recvmmsg=EPERM", "sendmmsg=ENOSYS", "sendmmsg=EPERM"]
"""A kernel without a call that our port needs, and a filter that denies it (as units do)."""

REFUSED = r"^udpecho: udpecho's own port can't serve 0\.0\.0\.0 \(it needs .*--stock-port"


def filtered(kinds: str, *command: str) -> list[str]:
    """Write the command line that runs a program under a filter (see filtered.py)."""
    return python("-m", "tests.live.filtered", kinds, *command)


def systems_set(name: str) -> Iterator[str]:
    """List the system calls of one of systemd's sets; a call is one alone."""
    if not name.startswith("@"):
        yield name
        return
    listed = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in map(str.strip, listed.stdout.splitlines()[1:]):
        if line.startswith("@"):
            yield from systems_set(line)
        elif line and not line.startswith("#"):
            yield line


def units_filter(name: str = "udpecho.service") -> str:
    """Read what a unit in deploy/ allows, and what systemd would deny beside it."""
    unit = (ROOT / "deploy" / name).read_text()
    kind = "family" if "RestrictAddressFamilies=none\n" in unit else "memory"
    assert "MemoryDenyWriteExecute=yes\n" in unit
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        named = {call for each in line.lstrip("~").split() for call in systems_set(each)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return ",".join([kind, *sorted(allowed)])


def reply_ttl(server: tuple[str, int], ttl: int) -> int:
    """Ask with a TTL, and tell that of the reply."""
    with bound() as client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        client.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
        client.sendto(b"hello", server)
        data, ancillary, _, _ = client.recvmsg(65536, 64)
        assert data == b"hello"
        return int.from_bytes(ancillary[0][2], sys.byteorder)


@pytest.mark.parametrize("unit", [False, True], ids=["families", "the unit's calls"])
def test_our_port_serves_under_the_units_filter(unit: bool, start: Start) -> None:
    """A service that can open no socket of its own has all of the guard."""
    kinds = units_filter() if unit else "family"
    with bound("0.0.0.0") as skt:
        command = filtered(kinds, *twistd("udpecho", "--listen=systemd:index=0"))
        service = start(activated(command, "echo", [skt]), pass_fds=[skt.fileno()])
        [(_, port)] = addresses(service)
        assert reply_ttl(("127.0.0.1", port), 50) == 49
        assert "Twisted's UDP port" not in service.output
        service.stop()


def test_a_node_watches_under_its_units_filter(start: Start, tmp_path: Path) -> None:
    """It asks itself at its other address, and a name that the C library looks up."""
    port, web = free_port(), free_port()
    file = tmp_path / "watch.toml"
    file.write_text(
        f"""
        [reflect]
        listen = "udp:{port}:interface=127.0.0.1"
        [probe]
        interval = 0.2
        [[peers]]
        hosts = ["localhost:{port}"]
        [[peers]]
        file = "peers.json"
        [web]
        listen = "tcp:{web}:interface=127.0.0.1"
        """
    )
    with bound() as nobody:
        where = f"127.0.0.1:{nobody.getsockname()[1]}"
        (tmp_path / "peers.json").write_text(json.dumps([{"targets": [where]}]))
        kinds = units_filter("udpecho-watch.service")
        node = start(filtered(kinds, *twistd("udpecho", f"--watch={file}")))
        addresses(node)
        nobody.recvfrom(2048)  # it probes
    url = f"http://127.0.0.1:{web}/metrics"
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert b"udpecho_peers_probed 1" in answer.read()
    node.stop()
    assert "Traceback" not in node.output


@pytest.mark.parametrize("can_be_nice", [True, False])
def test_a_node_checks_passwords_under_its_units_filter(
    can_be_nice: bool, start: Start, tmp_path: Path
) -> None:
    """Their child gives way to the probes; where a filter forbids that, it checks them as well."""
    bcrypt = pytest.importorskip("bcrypt", reason="bcrypt is missing")
    web = free_port()
    hashed = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()
    (tmp_path / "passwords").write_text(f"alice:{hashed}\n")
    file = tmp_path / "watch.toml"
    file.write_text(
        f"""
        [reflect]
        listen = "udp:{free_port()}:interface=127.0.0.1"
        [web]
        listen = "tcp:{web}:interface=127.0.0.1"
        password_file = "passwords"
        """
    )
    kinds = units_filter("udpecho-watch.service")
    assert ",setpriority," in kinds
    if not can_be_nice:
        kinds = kinds.replace(",setpriority,", ",")
    node = start(filtered(kinds, *twistd("udpecho", f"--watch={file}")))
    addresses(node)
    who = b64encode(b"alice:sesame").decode()
    url = f"http://127.0.0.1:{web}/metrics"
    asked = urllib.request.Request(url, headers={"Authorization": f"Basic {who}"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert b"udpecho_peers_probed 0" in answer.read()
    node.stop()
    assert "Traceback" not in node.output + node.errors


@pytest.mark.parametrize("denied", NO_BATCHES)
@pytest.mark.parametrize("inherited", [False, True], ids=["opened", "inherited"])
def test_beyond_loopback_nothing_else_serves(inherited: bool, denied: str, start: Start) -> None:
    """One line says what is missing, and the service does not start."""
    with bound("0.0.0.0") as skt:
        where = "--listen=systemd:index=0" if inherited else "--interface=0.0.0.0"
        options = [where] if inherited else [where, "--port=0"]
        command = filtered(denied, *twistd("udpecho", *options))
        service = start(activated(command, "echo", [skt]), pass_fds=[skt.fileno()])
        assert service.process.wait(20) == 1
        assert re.search(REFUSED, service.errors)
        assert service.errors.count("\n") == 1
        assert "answers at" not in service.output


@pytest.mark.parametrize("denied", ["epoll_create1=ENOSYS", "epoll_ctl=EPERM"])
def test_nor_where_a_socket_cannot_be_watched(denied: str, start: Start) -> None:
    """Twisted's select reactor needs no epoll; our port does."""
    command = twistd("--reactor=select", "udpecho", "--interface=0.0.0.0", "--port=0")
    service = start(filtered(denied, *command))
    assert service.process.wait(20) == 1
    assert re.search(REFUSED, service.errors)
    assert service.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--interface=0.0.0.0", "--stock-port"], "0"),
        (["--interface=0.0.0.0"], "1"),
        (["--interface=127.0.0.1"], "0"),
    ],
    ids=["permitted", "chosen", "loopback"],
)
def test_with_leave_twisteds_port_serves(options: list[str], chosen: str, start: Start) -> None:
    command = filtered(NO_BATCHES[0], *twistd("udpecho", "--port=0", *options))
    service = start(command, env=environment(**{STOCK_PORT: chosen}))
    [(_, port)] = addresses(service)
    assert echo(("127.0.0.1", port)) == b"hello"
    assert "Twisted's UDP port serves instead of udpecho's own" in service.output


@pytest.mark.parametrize("denied", NO_BATCHES)
def test_who_asks_goes_on(denied: str, server: tuple[str, int], tmp_path: Path) -> None:
    """What asks needs no guard; the ping's clock is then the process's own."""
    where = "{}:{}".format(*server)
    sent = run(filtered(denied, *udpecho("send", where, "hello")), tmp_path)
    assert (sent.returncode, sent.stdout.count("reply 127.0.0.1")) == (0, 1), sent.stderr
    pinged = run(filtered(denied, *udpecho("ping", "--count=1", where)), tmp_path)
    assert (pinged.returncode, pinged.stdout.count("64 bytes from")) == (0, 1), pinged.stderr
    assert "clock: the process's own" in pinged.stdout


def test_leave_is_no_choice(start: Start) -> None:
    """Where ours can serve, it does."""
    service = start(twistd("udpecho", "--port=0", "--interface=0.0.0.0", "--stock-port"))
    [(_, port)] = addresses(service)
    assert reply_ttl(("127.0.0.1", port), 50) == 49


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def unable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a kernel on which our port can't serve."""
    monkeypatch.setattr(calls, "can_serve", lambda _: False)


@pytest.mark.usefixtures("unable")
def test_embedded_it_raises_before_anything_is_opened(reactor: Any) -> None:
    opened = reactor.getReaders()
    with bound("0.0.0.0") as skt:
        for listen in (UdpAddress(0, "0.0.0.0"), InheritedSocket(skt.fileno())):
            service = EchoService(reactor, [UdpAddress(0, "127.0.0.1"), listen])
            with pytest.raises(PortUnavailable, match=r"own port can't serve 0\.0\.0\.0"):
                service.startService()
            assert service.addresses() == []
    assert reactor.getReaders() == opened


@pytest.mark.usefixtures("unable")
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_embedded_with_leave(host: str, reactor: Any) -> None:
    service = EchoService(reactor, [UdpAddress(0, host)], stock_port=host == "0.0.0.0")
    service.startService()
    assert len(service.addresses()) == 1
    await service.stopService()


def test_a_host_in_memory_needs_no_leave() -> None:
    net = MemoryNetwork()
    service = EchoService(net.host("192.0.2.1"), [UdpAddress(1060, "192.0.2.1")])
    service.startService()
    assert service.addresses() == [("192.0.2.1", 1060)]
