"""Network namespaces that a test makes for itself, joined by veth, and forgers within them.

All of it is gone when the context is left, and the machine's own network is not touched. The
programs of a test run under Namespace.command; a socket of the test's own process comes from
Namespace.socket and stays in that namespace, whoever uses it.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TypeVar

from tests.live.packets import Peer, udp_packet

Made = TypeVar("Made")

_CLONE_NEWNET = 0x40000000  # setns(2); os.setns needs Python 3.12
_ETHERNET = {4: 0x0800, 6: 0x86DD}
_serial = itertools.count()


@cache
def why_not() -> str | None:
    """Say why no namespaces can be had here, or None: what a test is skipped with."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if shutil.which("ip") is None:
        return "making network namespaces needs ip(8), of iproute2"
    try:
        with namespace("", "") as one, namespace("", "") as other:
            _join(one, other)
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespaces joined by veth here: {error.stderr.strip()}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace: its name, and the addresses of its end of the link."""

    name: str
    ipv4: str
    ipv6: str
    interface: str = "udp0"

    def command(self, *arguments: str) -> list[str]:
        """Write the command line that runs a program inside."""
        return ["ip", "netns", "exec", self.name, *arguments]

    def run(self, *arguments: str) -> str:
        """Run a program inside to its end and return its output; it must succeed."""
        return _run(*self.command(*arguments))

    def ip(self, *arguments: str) -> str:
        """Have iproute2 show or change what is inside."""
        return _run("ip", "-n", self.name, *arguments)

    def set(self, name: str, value: str) -> None:
        """Set what sysctl(8) would, by its path below /proc/sys."""
        self.do(lambda: Path("/proc/sys", name).write_text(value))

    def read(self, name: str) -> str:
        """Read what sysctl(8) would, by its path below /proc/sys."""
        return self.do(lambda: Path("/proc/sys", name).read_text())

    def do(self, what: Callable[[], Made]) -> Made:
        """Call a function on a thread inside: what it opens belongs to the namespace."""
        outcome: list[Made | BaseException] = []

        def inside() -> None:
            try:
                with open(f"/run/netns/{self.name}") as namespace:
                    libc = ctypes.CDLL(None, use_errno=True)
                    if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.append(what())
            except BaseException as error:
                outcome.append(error)

        thread = Thread(target=inside)
        thread.start()
        thread.join()
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def socket(
        self, family: int, kind: int = socket.SOCK_DGRAM, protocol: int = 0
    ) -> socket.socket:
        """Open a socket inside."""
        return self.do(lambda: socket.socket(family, kind, protocol))


Pair = tuple[Namespace, Namespace]


@contextmanager
def namespace(ipv4: str, ipv6: str) -> Iterator[Namespace]:
    """Make a namespace with nothing in it but its loopback interface, up."""
    made = Namespace(f"udpecho-{os.getpid()}-{next(_serial)}", ipv4, ipv6)
    _run("ip", "netns", "add", made.name)
    try:
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        _run("ip", "netns", "del", made.name)


@contextmanager
def pair() -> Iterator[Pair]:
    """Make two namespaces, for a server and for whoever asks it, joined by veth.

    The addresses are those set aside for measuring between two networks (RFC 2544) and unique
    local ones. The server sends all that is not its own to the other, also what a forged source
    has it send, and takes what comes from any source.
    """
    with ExitStack() as stack:
        server = stack.enter_context(namespace("198.18.0.1", "fd00:db8::1"))
        client = stack.enter_context(namespace("198.18.0.2", "fd00:db8::2"))
        _join(server, client)
        for one in (server, client):
            for what in ("all", "default", one.interface):
                one.set(f"net/ipv4/conf/{what}/rp_filter", "0")
            one.ip("link", "set", one.interface, "up")
            address(one)
        server.ip("route", "add", "default", "via", client.ipv4)
        server.ip("route", "add", "default", "via", client.ipv6)
        yield server, client


@contextmanager
def routed(mtu: int) -> Iterator[tuple[Namespace, Namespace]]:
    """Make two namespaces, for a server and for whoever asks it, and a router between them.

    The link between router and asker takes packets of mtu bytes, the server's those of 1500.
    """
    with ExitStack() as stack:
        server = stack.enter_context(namespace("198.18.0.1", "fd00:db8::1"))
        client = stack.enter_context(namespace("198.18.1.1", "fd00:db8:1::1"))
        router = stack.enter_context(namespace("198.18.0.2", "fd00:db8::2"))
        beyond = replace(router, ipv4="198.18.1.2", ipv6="fd00:db8:1::2", interface="udp1")
        router.set("net/ipv4/ip_forward", "1")
        router.set("net/ipv6/conf/all/forwarding", "1")
        for host, gateway, takes in ((server, router, 1500), (client, beyond, mtu)):
            _join(host, gateway)
            for one in (host, gateway):
                # A router whose address may be another's, too, asks for no neighbour.
                one.set(f"net/ipv6/conf/{one.interface}/accept_dad", "0")
                one.ip("link", "set", one.interface, "mtu", str(takes), "up")
                address(one)
            host.ip("route", "add", "default", "via", gateway.ipv4)
            host.ip("route", "add", "default", "via", gateway.ipv6)
        yield server, client


def _join(one: Namespace, other: Namespace) -> None:
    veth = ["type", "veth", "peer", "name", other.interface, "netns", other.name]
    one.ip("link", "add", "name", one.interface, *veth)


def address(one: Namespace) -> None:
    """Give a namespace's end of the link its addresses."""
    one.ip("address", "add", f"{one.ipv4}/24", "broadcast", "+", "dev", one.interface)
    one.ip("address", "add", f"{one.ipv6}/64", "dev", one.interface, "nodad")


class Forger:
    """Puts packets onto the link as they are: no routing, no check of their addresses."""

    def __init__(self, at: Namespace, to: Namespace) -> None:
        self._socket = at.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self._interface = at.interface
        text = to.do(lambda: link_address(to.interface))
        self._hardware = bytes.fromhex(text.replace(":", ""))

    def __enter__(self) -> Forger:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(
        self, data: bytes, source: Peer, to: Peer, *, ttl: int = 64, tos: int = 0, times: int = 1
    ) -> None:
        """Send a datagram that claims to come from a source."""
        self.send_packets([udp_packet(data, source, to, ttl=ttl, tos=tos)] * times)

    def send_packets(self, packets: Sequence[bytes]) -> None:
        """Send packets that stand as they are."""
        for packet in packets:
            kind = _ETHERNET[packet[0] >> 4]
            self._socket.sendto(packet, (self._interface, kind, 0, 0, self._hardware))


def link_address(interface: str) -> str:
    """Read an interface's Ethernet address; to be called inside its namespace."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as skt:
        skt.bind((interface, 0))
        address: bytes = skt.getsockname()[4]
        return address.hex(":")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
