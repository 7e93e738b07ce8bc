"""What the live tests share: programs that end with the test, and loopback sockets."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from os import environ, geteuid
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest

from tests.live.deadline import SHUTDOWN, within
from tests.live.netns import Pair, pair
from tests.live.program import Program, twistd
from udpecho.guard.reasons import REFLECTOR_PORTS
from udpecho.kernel.layout import SO_TIMESTAMPNS
from udpecho.port.listen import STOCK_PORT

Start = Callable[..., Program]

# Whoever is run in the background by a shell has these ignored, and so have its children.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),  # nohup(1)
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

needs_root = pytest.mark.skipif(geteuid() != 0, reason="needs root")


@pytest.fixture(scope="session", autouse=True)
def stamping() -> Iterator[None]:
    """Have the kernel stamp all the time: whoever asks first gets no stamps until a worker ran.

    On a busy machine that is after the first reply (net_enable_timestamp in linux/net/core/dev.c).
    """
    if sys.platform != "linux":
        yield
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
        asks.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        yield


def has_ipv6() -> bool:
    """Tell whether the loopback interface has its IPv6 address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="needs IPv6 on the loopback interface")


families = pytest.mark.parametrize("family", ["ipv4", "ipv6"])


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not installed."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def needs_our_port(fault: str) -> pytest.MarkDecorator:
    """Skip a test where Twisted's own port serves in place of ours, as it has this fault."""
    over_stock = environ.get(STOCK_PORT) == "1"
    return pytest.mark.skipif(over_stock, reason=f"Twisted's port serves: {fault}")


def bound(host: str = "127.0.0.1", port: int = 0, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """Open a socket, UDP's unless told otherwise, that waits 5 s at most for what it receives."""
    skt = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    if ":" in host:
        skt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        skt.bind((host, port))
    except OSError:
        skt.close()
        raise
    skt.settimeout(5)
    return skt


def free_port(*addresses: str) -> int:
    """Find a port that is free for UDP and TCP; it is not held, and so may be taken again.

    It is none that Linux gives by itself, from 32,768 on: or else who connects to a server that
    is just starting may be given the server's port, is connected to itself, and has taken it.
    """
    everywhere = ("0.0.0.0", "::") if has_ipv6() else ("0.0.0.0",)
    for _ in range(100):
        port = SystemRandom().randrange(20_000, 32_768)
        if port not in REFLECTOR_PORTS and all(
            _is_free(kind, address, port)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
            for address in addresses or everywhere
        ):
            return port
    raise AssertionError(f"no port is free at {addresses or everywhere}")


def _is_free(kind: int, address: str, port: int) -> bool:
    try:
        bound(address, port, kind).close()
    except OSError:
        return False
    return True


def echo(address: tuple[str, int], data: bytes = b"hello") -> bytes:
    """Ask as the simplest of clients does; raises TimeoutError or ConnectionRefusedError."""
    with bound("::1" if ":" in address[0] else "127.0.0.1") as skt:
        skt.connect(address)
        skt.send(data)
        return skt.recv(65536)


def addresses(program: Program) -> list[tuple[str, int]]:
    """Wait until a service listens, and read from its log where."""
    line = program.wait_for(r"udpecho answers at ((?:\S+, )*\S+:[0-9]+)")[1]
    return [
        (host.strip("[]"), int(port)) for host, port in re.findall(r"(\S+):([0-9]+)(?:, |$)", line)
    ]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start programs in a directory of the test's own; none outlives the test."""
    with ExitStack() as running:

        def start_program(command: list[str], **options: Any) -> Program:
            return running.enter_context(Program(command, tmp_path, **options))

        yield start_program


@pytest.fixture
def server(start: Start) -> tuple[str, int]:
    """Start twistd -n udpecho, and tell where on 127.0.0.1 it answers."""
    return addresses(start(twistd("udpecho", "--port=0")))[0]


@pytest.fixture
def joined() -> Iterator[Pair]:
    """Make two namespaces that are joined, for as long as the test takes."""
    with pair() as both:
        yield both


def answers_its_queue(service: Program, server: tuple[str, int], number: signal.Signals) -> None:
    """Have two hundred datagrams wait when a signal comes: it answers all, and quickly ends."""
    assert echo(server) == b"hello"  # the reactor runs, and has taken over the signals
    with bound() as client:
        client.settimeout(0.5)
        service.signal(signal.SIGSTOP)
        sent = [b"%d" % i for i in range(200)]
        for data in sent:
            client.sendto(data, server)
        service.signal(number)
        with within(SHUTDOWN):
            service.signal(signal.SIGCONT)
            service.wait()
        assert [client.recv(99) for _ in sent] == sent
