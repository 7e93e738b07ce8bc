"""twistd -n udpecho, and twist udpecho, as an operator meets them: real processes and signals."""

from __future__ import annotations

import re
import signal
import socket
import sys
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.live.conftest import (
    Start,
    addresses,
    answers_its_queue,
    bound,
    echo,
    free_port,
    has_ipv6,
    needs_ipv6,
    needs_our_port,
    needs_root,
)
from tests.live.deadline import SHUTDOWN, within
from tests.live.program import BIN, TWIST, activated, environment, python, run, twistd
from udpecho.port.listen import STOCK_PORT
from udpecho.port.sockets import only_address

Address = tuple[str, int]


@pytest.mark.parametrize("command", ["twistd", "twist"])
def test_listed(command: str, tmp_path: Path) -> None:
    """Both commands list the service, and neither imports it for that."""
    ended = run(python("-X", "importtime", str(BIN / command), "--help"), tmp_path)
    assert re.search(r"^ +udpecho +An echo service over UDP", ended.stdout, re.MULTILINE)
    assert re.search(r"\| +twisted\.plugins\.udpecho_plugin$", ended.stderr, re.MULTILINE)
    assert not re.search(r"\| +udpecho\b", ended.stderr)


@pytest.mark.parametrize("command", ["twistd", "twist"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(command: str, option: str, tmp_path: Path) -> None:
    ended = run([str(BIN / command), "udpecho", option], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("--listen=" if option == "--help" else "udpecho 0.") in ended.stdout


def test_default(start: Start) -> None:
    """It serves this machine alone, at port 1060, and says how to serve others."""
    try:
        bound("127.0.0.1", 1060).close()
    except OSError:
        pytest.skip("something else has port 1060")
    service = start(twistd("udpecho"))
    expected = [("127.0.0.1", 1060), ("::1", 1060)] if has_ipv6() else [("127.0.0.1", 1060)]
    assert addresses(service) == expected
    assert "this machine only; to serve the network: --listen=udp:1060" in service.output
    for address in expected:
        assert echo(address) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        echo(("127.0.0.2", 1060))


@pytest.mark.parametrize("reactor", ["epoll", "select", "poll", "asyncio"])
def test_on_each_reactor(reactor: str, start: Start, tmp_path: Path) -> None:
    service = start(twistd(f"--reactor={reactor}", "udpecho", "--port=0"))
    for address in addresses(service):
        for data in (b"", b"hello", bytes(65507)):
            assert echo(address, data) == data
    service.stop()


@pytest.mark.parametrize(
    ("options", "hosts"),
    [
        (["--interface=127.0.0.2", "--port=0"], ["127.0.0.2"]),
        (["--listen=udp:0:interface=127.0.0.1"], ["127.0.0.1"]),
        (["-l", "udp:0:interface=127.0.0.1", "-l", "udp:0:interface=127.0.0.2"], None),
        pytest.param(["-i", "::1", "-p", "0"], ["::1"], marks=needs_ipv6),
        pytest.param(["--interface=[::1]", "--port=0"], ["::1"], marks=needs_ipv6),
        pytest.param(["--listen=udp:0:interface=[::1]"], ["::1"], marks=needs_ipv6),
        pytest.param([r"--listen=udp:0:interface=\:\:1"], ["::1"], marks=needs_ipv6),
    ],
)
def test_listen_forms(options: list[str], hosts: list[str] | None, start: Start) -> None:
    """Each way to say where is understood, and answers there."""
    opened = addresses(start(twistd("udpecho", *options)))
    assert [host for host, _ in opened] == (hosts or ["127.0.0.1", "127.0.0.2"])
    for address in opened:
        assert echo(address) == b"hello"


@needs_ipv6
def test_wildcard_is_two_sockets(start: Start) -> None:
    """All addresses of both families; the IPv6 socket takes IPv6 alone."""
    port = free_port()
    service = start(twistd("udpecho", f"--listen=udp:{port}"))
    assert addresses(service) == [("0.0.0.0", port), ("::", port)]
    assert echo(("127.0.0.1", port)) == echo(("::1", port)) == b"hello"
    service.stop()
    start(twistd("udpecho", f"--port={port}", "--interface=::")).wait_for("answers at")
    bound("0.0.0.0", port).close()  # the kernel lets nobody have it twice


@needs_our_port("fault 7: a wildcard socket answers from the address that the route prefers")
def test_wildcard_answers_from_the_address_that_was_asked(start: Start) -> None:
    """A connected client hears only whom it asked, at whichever address of a host that is."""
    (_, port) = addresses(start(twistd("udpecho", "--interface=0.0.0.0", "--port=0")))[0]
    for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
        assert echo((host, port)) == b"hello"


@needs_our_port("fault 8: a protocol can't know that it was asked by broadcast")
@pytest.mark.skipif(sys.platform != "linux", reason="127.255.255.255 is broadcast on Linux")
def test_bound_to_a_broadcast_address_it_answers_nothing(start: Start) -> None:
    """It is told where each datagram was sent, as it need not be on an address of one host's."""
    program = start(twistd("udpecho", "--listen=udp:0:interface=127.255.255.255"))
    [(host, port)] = addresses(program)
    with bound() as skt:
        skt.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        skt.sendto(b"fraggle", (host, port))
        program.wait_for("not answered: sent to a broadcast address: 1 datagram")
        skt.settimeout(0.2)
        with pytest.raises(TimeoutError):
            skt.recv(100)


@pytest.mark.skipif(sys.platform != "linux", reason="needs our own port")
@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.2", bytes([127, 0, 0, 2])),
        ("0.0.0.0", None),
        ("127.255.255.255", None),
        ("255.255.255.255", None),
        ("224.0.0.251", None),
        pytest.param("::1", bytes(15) + b"\1", marks=needs_ipv6),
        pytest.param("::", None, marks=needs_ipv6),
    ],
)
def test_all_is_sent_to_an_address_of_one_hosts(host: str, known: bytes | None) -> None:
    with bound(host) as skt:
        assert only_address(skt) == known


@pytest.mark.parametrize("form", ["systemd:index=1", "systemd:name=second"])
@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
def test_systemd(form: str, stock: str, start: Start) -> None:
    """An inherited socket is served; what was sent before the service ran is answered."""
    with bound() as first, bound() as second, bound() as client:
        client.sendto(b"early", second.getsockname())
        command = activated(twistd("udpecho", f"--listen={form}"), "first:second", [first, second])
        fds = [first.fileno(), second.fileno()]
        service = start(command, pass_fds=fds, env=environment(**{STOCK_PORT: stock}))
        assert client.recvfrom(65536) == (b"early", second.getsockname())
        assert addresses(service) == [second.getsockname()]
        service.stop()
        client.sendto(b"meanwhile", second.getsockname())  # the parent's socket is still open
        service = start(command, pass_fds=fds, env=environment(**{STOCK_PORT: stock}))
        assert client.recv(65536) == b"meanwhile"


@pytest.mark.parametrize(
    ("kind", "form", "complaint"),
    [
        ("udp", "systemd:index=1", "a whole number from 0 to 0, got '1'"),
        ("udp", "systemd:name=other", r"the name of an inherited socket \(echo\), got 'other'"),
        ("tcp", "systemd:index=0", "not a UDP socket"),
        ("tcp", "systemd:name=echo", "not a UDP socket"),
        ("unbound", "systemd:index=0", "not bound to a port"),
        ("connected", "systemd:index=0", r"connected to 127\.0\.0\.1:9"),
    ],
)
def test_wrong_inheritance(kind: str, form: str, complaint: str, start: Start) -> None:
    skt = socket.create_server(("127.0.0.1", 0)) if kind == "tcp" else bound()
    if kind == "unbound":
        skt.close()
        skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if kind == "connected":
        skt.connect(("127.0.0.1", 9))
    with skt:
        command = activated(twistd("udpecho", f"--listen={form}"), "echo", [skt])
        service = start(command, pass_fds=[skt.fileno()])
        assert service.wait() == 1
    assert re.fullmatch(rf"udpecho: .*{complaint}\n", service.errors), service.errors


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port=65536"], "--port: expected a port from 0 to 65535, got '65536'"),
        (["--port=echo"], "--port: expected a port from 0 to 65535, got 'echo'"),
        (["--port=-1"], "--port: expected a port from 0 to 65535, got '-1'"),
        (["--interface=lo"], "--interface: expected an IPv4 or IPv6 address, got 'lo'"),
        (["--listen=tcp:7"], "--listen: expected udp:PORT.*, got 'tcp:7'"),
        (["--listen=udp"], "--listen: expected udp:PORT.*, got 'udp'"),
        (["--listen=udp:x"], "--listen udp:PORT: expected a port from 0 to 65535, got 'x'"),
        (["--listen=udp:7:interface=x"], "--listen .*: expected an IPv4 or IPv6 .* got 'x'"),
        (["--listen=udp:7:fun=1"], "--listen: expected interface or .* got 'udp:7:fun=1'"),
        (["--listen=systemd:index=0"], "--listen: expected sockets .* got 'systemd:index=0'"),
        (["--listen=udp:7", "--port=7"], "expected --listen, or --port.*, got both"),
        (["7"], "expected options only, got '7'"),
        (["--prot=7"], "option --prot not recognized"),
        (["--port"], "option --port requires argument"),
        (["--interface=192.0.2.1"], "can't listen on 192.0.2.1:1060: Cannot assign .*"),
        (["--interface=192.0.2.1", "--port=9"], "can't listen on 192.0.2.1:9: Cannot assign .*"),
    ],
)
@pytest.mark.parametrize("command", ["twistd", "twist"])
def test_wrong_options(command: str, options: list[str], complaint: str, tmp_path: Path) -> None:
    """One line that names the option, what was expected and what came; and no success."""
    line = twistd("udpecho", *options) if command == "twistd" else [TWIST, "udpecho", *options]
    ended = run(line, tmp_path)
    assert ended.returncode == 1
    assert re.fullmatch(rf"udpecho: {complaint}\n", ended.stderr)
    assert ended.stdout == ""


@pytest.mark.parametrize("command", ["twistd", "twist"])
def test_port_taken(command: str, tmp_path: Path) -> None:
    with bound() as taken:
        port = taken.getsockname()[1]
        line = twistd("udpecho") if command == "twistd" else [TWIST, "udpecho"]
        ended = run([*line, f"--port={port}"], tmp_path)
    expected = f"udpecho: can't listen on 127.0.0.1:{port}: Address already in use\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", expected)


@needs_root
def test_port_7_without_privileges(start: Start) -> None:
    """Twistd binds first and then becomes nobody, who could not have had the port."""
    try:
        bound("127.0.0.1", 7).close()
    except OSError:
        pytest.skip("something else has port 7")
    service = start(twistd("--uid=nobody", "--gid=nogroup", "udpecho", "--port=7"))
    service.wait_for("set uid/gid")
    assert echo(("127.0.0.1", 7)) == b"hello"
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    assert re.search(r"^Uid:\s(?!0\s)(\d+)\s\1\s\1\s\1$", status, re.MULTILINE), status
    service.stop()


def test_twist(start: Start) -> None:
    """Twist has no privileged start, and logs JSON where nobody watches."""
    service = start([TWIST, "--log-format=text", "udpecho", "--port=0"])
    for address in addresses(service):
        assert echo(address) == b"hello"
    with within(SHUTDOWN):
        service.stop()


TAC = """
from twisted.application.service import Application, MultiService
from twisted.internet import reactor
from udpecho.server import EchoService, UdpAddress

both = MultiService()
for _ in range(2):
    EchoService(reactor, [UdpAddress(0, "127.0.0.1")]).setServiceParent(both)
application = Application("two of them")
both.setServiceParent(application)
"""


def test_within_an_application(start: Start, tmp_path: Path) -> None:
    """The service runs in anyone's MultiService, with others of its kind."""
    (tmp_path / "app.tac").write_text(TAC)
    service = start(twistd("--python=app.tac"))
    service.wait_for(r"answers at[^\0]*answers at")
    ports = re.findall(r"answers at 127\.0\.0\.1:([0-9]+)", service.output)
    assert len(set(ports)) == 2
    for port in ports:
        assert echo(("127.0.0.1", int(port))) == b"hello"
    service.stop()


@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
@pytest.mark.parametrize("command", ["twistd", "twist"])
def test_stop_answers_what_is_queued(command: str, stock: str, start: Start) -> None:
    """Two hundred datagrams wait when SIGTERM comes: all are answered, and quickly."""
    line = twistd("udpecho") if command == "twistd" else [TWIST, "--log-format=text", "udpecho"]
    service = start([*line, "--port=0"], env=environment(**{STOCK_PORT: stock}))
    answers_its_queue(service, addresses(service)[0], signal.SIGTERM)


@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
def test_stop_under_load(stock: str, start: Start) -> None:
    """Whoever goes on asking does not keep the service from ending."""
    service = start(twistd("udpecho", "--port=0"), env=environment(**{STOCK_PORT: stock}))
    server = addresses(service)[0]
    over = Event()

    def flood() -> None:
        with bound() as client:
            end = time.monotonic() + 10
            while not over.is_set() and time.monotonic() < end:
                client.sendto(b"more", server)

    flooding = Thread(target=flood)
    flooding.start()
    try:
        time.sleep(0.2)
        with within(2 * SHUTDOWN):  # the flood has one of the cores
            service.stop()
    finally:
        over.set()
        flooding.join()


@needs_our_port("the log warns of what is missing")
def test_nothing_is_left_behind(start: Start, tmp_path: Path) -> None:
    """It writes no file, its log tells of no trouble, and at the end what it did."""
    service = start(twistd("udpecho", "--port=0"))
    assert echo(addresses(service)[0]) == b"hello"
    service.stop()
    assert "Server Shut Down" in service.output
    assert re.findall("has stopped: .*", service.output) == ["has stopped: 1 received, 1 echoed"]
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("std")] == []
    assert service.errors == ""
    assert not re.search(r"Traceback|Unhandled|#(warn|error|critical)", service.output)
