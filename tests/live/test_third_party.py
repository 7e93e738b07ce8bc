"""Third-party clients get their datagrams back from twistd -n udpecho."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.live.conftest import (
    Start,
    addresses,
    bound,
    echo,
    free_port,
    needs,
    needs_root,
)
from tests.live.program import PATIENCE, environment, run, twistd
from udpecho.port.listen import STOCK_PORT

Address = tuple[str, int]

LENGTHS = (0, 1, 1472, 9000, 65507)

PING = """
use Net::Ping;
my ($port, $size) = @ARGV;
my $ping = Net::Ping->new("udp", 3, $size);
$ping->port_number($port);
$ping->service_check(1);  # or it takes a refusal for a sign of life
exit !$ping->ping("127.0.0.1");
"""

EXACT = """
use IO::Socket::IP;
my ($host, $port, $size) = @ARGV;
my $socket = IO::Socket::IP->new(Proto => "udp", PeerHost => $host, PeerPort => $port) or die $@;
my $sent = join "", map { chr($_ % 251) } 0 .. $size - 1;
alarm 10;
defined $socket->send($sent) or die $!;
defined $socket->recv(my $back, 65536) or die $!;
print length $back;
exit $back ne $sent;
"""


@needs("perl")
@pytest.mark.parametrize("size", [1, 64, 1472, 1499])
def test_net_ping(size: int, server: Address, tmp_path: Path) -> None:
    """Net::Ping in udp mode finds the server alive (it sends one byte more, and hears 1500)."""
    ended = run(["perl", "-e", PING, str(server[1]), str(size)], tmp_path)
    assert ended.returncode == 0, ended.stderr


@needs("perl")
def test_net_ping_can_fail(tmp_path: Path) -> None:
    """Where nothing listens it does not: the test above means something."""
    assert run(["perl", "-e", PING, str(free_port()), "64"], tmp_path).returncode == 1


@needs("perl")
@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
def test_perl_socket(stock: str, start: Start, tmp_path: Path) -> None:
    """Every length comes back whole to perl, in both families."""
    service = start(twistd("udpecho", "--port=0"), env=environment(**{STOCK_PORT: stock}))
    for host, port in addresses(service):
        for size in LENGTHS:
            ended = run(["perl", "-e", EXACT, host, str(port), str(size)], tmp_path)
            assert (ended.returncode, ended.stdout, ended.stderr) == (0, str(size), ""), host


@needs("ncat")
@pytest.mark.parametrize("size", LENGTHS[1:])
def test_ncat(size: int, server: Address, start: Start) -> None:
    """Ncat gets back all that it was given (it can't send nothing, and cuts at 8192 bytes)."""
    sent = bytes(33 + i % 94 for i in range(size))
    ncat = start(["ncat", "-u", server[0], str(server[1])], stdin=subprocess.PIPE)
    assert ncat.process.stdin is not None
    ncat.process.stdin.write(sent)
    ncat.process.stdin.flush()  # and leave it open: at its end ncat hears no more
    ncat.wait_for(rf"\A.{{{size}}}\Z")
    assert ncat.output.encode() == sent


@needs("nping")
@needs_root
@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65400])
def test_nping(size: int, server: Address, tmp_path: Path) -> None:
    """Nping sees replies of its probes' length (65400 is its most).

    Not always all three: it takes what others receive on loopback for its own, and ends.
    """
    with bound() as source:  # held, so that the kernel does not refuse the replies
        mine, port = source.getsockname()[1], server[1]
        ports = [f"--source-port={mine}", f"--dest-port={port}"]
        probes = ["-c3", "--delay=50ms", f"--data-length={size}"]
        ended = run(["nping", "--udp", *probes, *ports, server[0]], tmp_path)
    back = re.findall(rf"^RCVD .*:{port} > .*:{mine} .*iplen=(\d+)", ended.stdout, re.MULTILINE)
    assert set(back) == {str(size + 28)}, ended.stdout + ended.stderr


@needs("nping")
@needs_root
@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
@pytest.mark.parametrize("source", ["port 0", "the server's own port"])
def test_unanswerable_source_ports(source: str, stock: str, start: Start, tmp_path: Path) -> None:
    """Who asks from port 0, or from the server's own, is not answered; others still are."""
    service = start(twistd("udpecho", "--port=0"), env=environment(**{STOCK_PORT: stock}))
    server = addresses(service)[0]
    port = 0 if source == "port 0" else server[1]
    ports = [f"--source-port={port}", f"--dest-port={server[1]}"]
    probes = ["-c3", "--delay=50ms", "--source-ip=127.0.0.3", "--data-string=x"]
    ended = run(["nping", "--udp", *probes, *ports, server[0]], tmp_path)
    assert "sent: 3" in ended.stdout, ended.stdout + ended.stderr
    assert not re.search(rf"^RCVD .*:{server[1]} > 127\.0\.0\.3", ended.stdout, re.MULTILINE)
    assert echo(server) == b"hello"
    service.stop()
    assert not re.search("could not send|Traceback", service.output)  # it did not even try


@needs("socat")
@pytest.mark.parametrize("size", LENGTHS[1:])
def test_socat(size: int, server: Address, tmp_path: Path) -> None:
    """Socat sends each length as one datagram, and gets it back."""
    sent = bytes(i % 251 for i in range(size))
    command = ["socat", "-b65507", "-t1", "-", f"UDP:{server[0]}:{server[1]}"]
    ended = subprocess.run(command, input=sent, capture_output=True, timeout=PATIENCE, check=True)
    assert ended.stdout == sent
