"""What may befall a UDP port, each played in a process and a network namespace of its own.

python -m tests.live.scenarios SCENARIO PORT REACTOR plays one on "ours" or on Twisted's "stock"
port, and prints what came of it as a line of JSON. Threads and raw sockets do the mischief, so
that it goes on when the reactor hangs; a watchdog then prints {"hung": true}.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from tests.live.program import python
from udpecho.client.client import MatchingEchoClient
from udpecho.refusal import Refusal
from udpecho.server.server import EchoServer

if TYPE_CHECKING:
    from udpecho.port.batch import Batch

PATIENCE = 6.0
"""Seconds after which the watchdog takes a scenario for hung."""

END = 0.1
"""Seconds from the outcome to the end, for those who are to hear SIGTERM between."""

NOWHERE = ("127.0.0.1", 9)

SCENARIOS: dict[str, Callable[[Lab], Awaitable[dict[str, object]]]] = {}


def scenario(play: Any) -> Any:
    """Have a scenario found by its name."""
    SCENARIOS[play.__name__] = play
    return play


class Lab:
    """The reactor, the kind of port, and what the log was told."""

    def __init__(self, reactor: Any, kind: str) -> None:
        self.reactor = reactor
        self.kind = kind
        self.failures: list[str] = []
        globalLogPublisher.addObserver(cast(ILogObserver, self._observe))

    def _observe(self, event: LogEvent) -> None:
        if "log_failure" in event or event.get("isError"):
            self.failures.append(str(event))

    def listen(
        self, protocol: DatagramProtocol, interface: str = "127.0.0.1", size: int = 65536
    ) -> Any:
        """Listen with the kind of port that is tried."""
        if self.kind == "ours":
            from udpecho.port.listen import listen_udp

            return listen_udp(self.reactor, 0, protocol, interface, size)
        return self.reactor.listenUDP(0, protocol, interface, size)

    def sleep(self, seconds: float) -> Deferred[None]:
        """Let the reactor run."""
        done: Deferred[None] = Deferred()
        self.reactor.callLater(seconds, done.callback, None)
        return done

    async def until(self, happened: Callable[[], bool], patience: float = 2.0) -> None:
        """Let the reactor run until something has happened, and a little longer."""
        end = time.monotonic() + patience
        while not happened() and time.monotonic() < end:
            await self.sleep(0.01)
        await self.sleep(0.05)


class Echo(DatagramProtocol):
    """Sends everything back."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.transport.write(datagram, addr)  # type: ignore[union-attr]


class Client(DatagramProtocol):
    """Notes what happens to it."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.refused = 0
        self.refused_in_write = 0
        self.writing = self.stopped = False

    def send(self, data: bytes, addr: tuple[str, int] | None = None) -> None:
        self.writing = True
        try:
            self.transport.write(data, addr)  # type: ignore[union-attr]
        finally:
            self.writing = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(datagram)

    def connectionRefused(self) -> None:
        self.refused += 1
        self.refused_in_write += self.writing

    def stopProtocol(self) -> None:
        self.stopped = True


def udp(host: str = "127.0.0.1", family: int = socket.AF_INET) -> socket.socket:
    """Open a blocking socket that does not wait for ever."""
    skt = socket.socket(family, socket.SOCK_DGRAM)
    skt.bind((host, 0))
    skt.settimeout(1)
    return skt


def ask(port: int, data: bytes = b"alive?", host: str = "127.0.0.1") -> bool:
    """Ask an echo server from a connected socket, and tell whether it answered."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as skt:
        skt.settimeout(1)
        skt.connect(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4])
        skt.send(data)
        try:
            return skt.recv(65536) == data
        except OSError:
            return False


def configure(command: str) -> None:
    """Change the network namespace."""
    subprocess.run(["ip", *command.split()], check=True)


def ipv4_packet(
    source: tuple[str, int], destination: tuple[str, int], data: bytes, ttl: int = 64
) -> bytes:
    """Lay out a whole IPv4 packet with a datagram; the kernel adds IP's checksum."""
    udp_part = struct.pack(">HHHH", source[1], destination[1], 8 + len(data), 0) + data
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp_part), 0, 0, ttl, 17, 0)
    return head + addresses + udp_part


def send_raw(packet: bytes, times: int = 1) -> None:
    """Send IPv4 packets with whatever source they bear (raw(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for _ in range(times):
            raw.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))


def forge_icmp(code: int, sender: tuple[str, int], peer: tuple[str, int], times: int = 1) -> None:
    """Claim, from another address, that what the sender sent to the peer is unreachable."""
    quoted = ipv4_packet(sender, peer, b"forged")
    body = struct.pack(">BBHI", 3, code, 0, 0) + quoted
    words = struct.unpack(f">{len(body) // 2}H", body + b"\0" * (len(body) % 2))
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.bind(("127.0.0.66", 0))
        for _ in range(times):
            raw.sendto(body[:2] + struct.pack(">H", 0xFFFF & ~total) + body[4:], (sender[0], 0))


FIREWALL = """
table ip test {{
  chain out {{
    type filter hook output priority 0; policy accept;
    udp dport {port} drop
  }}
}}
"""
"""Drops what goes to a port, of which the sender is told: EPERM."""


@scenario
async def self_source(lab: Lab) -> dict[str, object]:
    """Fault 1: an empty datagram from the server's own address and port."""
    port = lab.listen(Echo()).getHost().port
    here = ("127.0.0.1", port)
    await deferToThread(send_raw, ipv4_packet(here, here, b""))
    alive = await deferToThread(ask, port)
    lab.reactor.callLater(END / 2, os.kill, os.getpid(), signal.SIGTERM)
    return {"alive": alive}


@scenario
async def flood(lab: Lab) -> dict[str, object]:
    """Fault 2: empty datagrams without end, all echoed, against a timer of 10 ms.

    For each that is read another is sent, so that there is always one more, whatever else the
    machine has to do.
    """
    ends = time.monotonic() + 1.0

    class Endless(Echo):
        def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
            super().datagramReceived(datagram, addr)
            if time.monotonic() < ends:
                sender.sendto(b"", where)

    where = ("127.0.0.1", lab.listen(Endless()).getHost().port)
    worst = 0.0
    with udp() as sender:
        for _ in range(100):
            sender.sendto(b"", where)
        while (before := time.monotonic()) < ends:
            await lab.sleep(0.01)
            worst = max(worst, time.monotonic() - before - 0.01)
    return {"worst_ms": worst * 1000}


@scenario
async def icmp(lab: Lab) -> dict[str, object]:
    """Refusals of what was never sent, without end, while a client asks and a timer of 10 ms runs.

    For each that is told another is forged, so that there is always one more.
    """
    ends = time.monotonic() + 1.0

    class Accused(MatchingEchoClient):
        refusals = 0

        def peerRefused(self, refusal: Refusal) -> None:
            super().peerRefused(refusal)
            self.refusals += 1
            if time.monotonic() < ends:
                forge_icmp(3, self.local_addresses[0], NOWHERE)

    peer = ("127.0.0.1", lab.listen(EchoServer()).getHost().port)
    client = await Accused.open(lab.reactor, "127.0.0.1")
    forge_icmp(3, client.local_addresses[0], NOWHERE, times=100)
    outcomes: Counter[str] = Counter()

    def ask(ended: object = None) -> None:
        if ended is not None:
            outcomes["failed" if isinstance(ended, Failure) else "replied"] += 1
        if time.monotonic() < ends:
            client.request(b"%d" % outcomes.total(), peer, timeout=5.0).addBoth(ask)

    for _ in range(32):
        ask()
    worst = 0.0
    while (before := time.monotonic()) < ends:
        await lab.sleep(0.01)
        worst = max(worst, time.monotonic() - before - 0.01)
    await lab.sleep(0.5)
    await client.close()
    return {"worst_ms": worst * 1000, "refused": client.refusals, **outcomes}


async def refusal(lab: Lab, code: int | None) -> dict[str, object]:
    """Have a connected client refused, for real or by forgery, and see whether it lives."""
    with udp() as peer:
        address = peer.getsockname()
        client = Client()
        port = lab.listen(client)
        port.connect(*address)
        here = ("127.0.0.1", port.getHost().port)
        if code is None:
            peer.close()
            client.send(b"to nobody")
            await lab.until(lambda: client.stopped or client.refused > 0)
            again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            again.bind(address)
        else:
            await deferToThread(forge_icmp, code, here, address)
            await lab.until(lambda: client.stopped or client.refused > 0)
            again = peer.dup()
        with again:
            again.settimeout(1)
            if not client.stopped:
                client.send(b"still here")
                try:
                    data, sender = await deferToThread(again.recvfrom, 100)
                    again.sendto(data, sender)
                except OSError:
                    pass
                await lab.until(lambda: client.stopped or bool(client.heard))
        return {"stopped": client.stopped, "refused": client.refused, "heard": len(client.heard)}


@scenario
async def refused(lab: Lab) -> dict[str, object]:
    """Fault 3: a peer that is gone."""
    return await refusal(lab, None)


@scenario
async def forged_port_unreachable(lab: Lab) -> dict[str, object]:
    """Fault 3: ICMP 3/3 from someone who is not the peer."""
    return await refusal(lab, 3)


@scenario
async def forged_host_prohibited(lab: Lab) -> dict[str, object]:
    """Fault 3: ICMP 3/10."""
    return await refusal(lab, 10)


@scenario
async def forged_prohibited(lab: Lab) -> dict[str, object]:
    """Fault 3: ICMP 3/13."""
    return await refusal(lab, 13)


@scenario
async def ten_to_a_dead_peer(lab: Lab) -> dict[str, object]:
    """Fault 4: ten writes in a row, each refused."""
    with udp() as peer:
        address = peer.getsockname()
    client = Client()
    port = lab.listen(client)
    port.connect(*address)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire:
        wire.bind(("lo", 0x0800))
        wire.setblocking(False)
        for index in range(10):
            if not client.stopped:
                client.send(b"datagram %d" % index)
        await lab.sleep(0.3)
        seen = set()
        try:
            while True:
                packet = wire.recv(2000)
                if packet[9] == 17:
                    seen.add(packet[28:])
        except BlockingIOError:
            pass
    return {
        "sent": len(seen),
        "refused": client.refused,
        "refused_in_write": client.refused_in_write,
        "stopped": client.stopped,
    }


@scenario
async def source_port_0(lab: Lab) -> dict[str, object]:
    """Fault 5: requests whose answer can't be sent."""
    port = lab.listen(Echo())
    here = ("127.0.0.1", port.getHost().port)
    await deferToThread(send_raw, ipv4_packet(("127.0.0.1", 0), here, b"x"), 50)
    alive = await deferToThread(ask, here[1])
    not_sent = dict(port.counters().not_sent) if lab.kind == "ours" else {}
    return {"alive": alive, "logged": len(lab.failures), "not_sent": not_sent}


@scenario
async def firewalled(lab: Lab) -> dict[str, object]:
    """Fault 5: answers that a firewall rule drops on their way out."""
    port = lab.listen(Echo())
    here = port.getHost().port
    with udp() as asker:
        rules = FIREWALL.format(port=asker.getsockname()[1])
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
        for _ in range(50):
            asker.sendto(b"x", ("127.0.0.1", here))
        await lab.sleep(0.2)
    alive = await deferToThread(ask, here)
    not_sent = dict(port.counters().not_sent) if lab.kind == "ours" else {}
    return {"alive": alive, "logged": len(lab.failures), "not_sent": not_sent}


@scenario
async def no_route(lab: Lab) -> dict[str, object]:
    """Fault 5: a write to where no route leads."""
    client = Client()
    port = lab.listen(client, "0.0.0.0")
    raised = 0
    for _ in range(20):
        try:
            client.send(b"x", ("192.0.2.1", 7))
        except OSError:
            raised += 1
    await lab.sleep(0.1)
    not_sent = dict(port.counters().not_sent) if lab.kind == "ours" else {}
    return {"raised": raised, "not_sent": not_sent}


@scenario
async def too_long(lab: Lab) -> dict[str, object]:
    """Fault 6: a datagram beyond maxPacketSize."""
    client = Client()
    port = lab.listen(client, size=8192)
    with udp() as sender:
        for size in (8192, 8193, 20000, 3):
            sender.sendto(b"x" * size, ("127.0.0.1", port.getHost().port))
        await lab.sleep(0.1)
    dropped = port.counters().too_long if lab.kind == "ours" else None
    return {"heard": [len(data) for data in client.heard], "dropped": dropped}


@scenario
async def asked_address(lab: Lab) -> dict[str, object]:
    """Fault 7: a wildcard socket, asked at an address that is not the route's first choice."""
    configure("addr add fd00::1/128 dev lo")
    configure("addr add fd00::2/128 dev lo")
    four = lab.listen(Echo(), "0.0.0.0").getHost().port
    six = lab.listen(Echo(), "::").getHost().port
    return {
        "ipv4": await deferToThread(ask, four, host="127.0.0.2"),
        "ipv6": await deferToThread(ask, six, host="fd00::1"),
        "ipv6_other": await deferToThread(ask, six, host="fd00::2"),
    }


@scenario
async def later_and_from_elsewhere(lab: Lab) -> dict[str, object]:
    """Fault 7: the same through veth from another namespace, and answered from a callback."""
    configure("link add here type veth peer name there")
    sleeper = subprocess.Popen(["unshare", "-n", "sleep", "20"])
    here = os.readlink("/proc/self/ns/net")
    try:
        await lab.until(lambda: os.readlink(f"/proc/{sleeper.pid}/ns/net") != here)
        return await _from_elsewhere(lab, sleeper.pid)
    finally:
        sleeper.kill()
        sleeper.wait()


async def _from_elsewhere(lab: Lab, pid: int) -> dict[str, object]:
    configure(f"link set there netns {pid}")
    there = f"nsenter -t {pid} -n"
    for command in (
        "ip addr add 198.51.100.1/24 dev here",
        "ip addr add 198.51.100.2/24 dev here",
        "ip addr add fd01::1/64 dev here nodad",
        "ip addr add fd01::2/64 dev here nodad",
        "ip addr add fe80::1/64 dev here nodad",
        "ip link set here addrgenmode none",
        "ip link set here up",
        f"{there} ip addr add 198.51.100.9/24 dev there",
        f"{there} ip addr add fd01::9/64 dev there nodad",
        f"{there} ip addr add fe80::9/64 dev there nodad",
        f"{there} ip link set there addrgenmode none",
        f"{there} ip link set there up",
    ):
        subprocess.run(command.split(), check=True)

    class Later(DatagramProtocol):
        noisy = False

        def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
            lab.reactor.callLater(0.05, self.transport.write, datagram, addr)  # type: ignore[union-attr]

    found: dict[str, object] = {}
    for host, wildcard in (
        ("198.51.100.2", "0.0.0.0"),
        ("fd01::1", "::"),
        ("fd01::2", "::"),
        ("fe80::1%there", "::"),
    ):
        port = lab.listen(Later(), wildcard).getHost().port
        code = f"from tests.live.scenarios import ask; print(ask({port}, host={host!r}))"
        asking = [*there.split(), *python("-c", code)]
        answer = await deferToThread(subprocess.run, asking, capture_output=True, text=True)
        found[host] = answer.stdout.strip() == "True"
    return found


@scenario
async def broadcast(lab: Lab) -> dict[str, object]:
    """Fault 8: a protocol that would not answer what was sent to a broadcast address."""
    configure("link add here type veth peer name there")
    configure("addr add 198.51.100.1/24 brd 198.51.100.255 dev here")
    configure("link set here up")
    configure("link set there up")

    class Careful(Echo):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            if getattr(addr, "asked", None) == getattr(addr, "local", None):
                super().datagramReceived(datagram, addr)

    port = lab.listen(Careful(), "0.0.0.0").getHost().port
    with udp("198.51.100.1") as sender:
        sender.settimeout(0.3)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(b"fraggle", ("198.51.100.255", port))
        try:
            answered = bool(await deferToThread(sender.recv, 100))
        except OSError:
            answered = False
    return {"answered": answered, "alive": await deferToThread(ask, port, host="198.51.100.1")}


@scenario
async def mapped_source(lab: Lab) -> dict[str, object]:
    """Fault 9: an IPv6 packet with an IPv4 source that would be reflected into loopback."""
    port = lab.listen(Echo(), "::").getHost().port
    with udp() as service:
        service.settimeout(0.5)
        target = service.getsockname()[1]
        source = socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")
        here = socket.inet_pton(socket.AF_INET6, "::1")
        data = b"reflect"
        length = 8 + len(data)
        pseudo = source + here + struct.pack(">II", length, 17)
        header = struct.pack(">HHHH", target, port, length, 0)
        words = pseudo + header + data + b"\0" * (length % 2)
        total = sum(struct.unpack(f">{len(words) // 2}H", words))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        header = header[:6] + struct.pack(">H", 0xFFFF & ~total or 0xFFFF)
        packet = struct.pack(">IHBB", 6 << 28, length, 17, 64) + source + here + header + data
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(packet, ("::1", 0))
        try:
            reflected = bool(await deferToThread(service.recv, 100))
        except OSError:
            reflected = False
    dual = await deferToThread(ask, port, host="127.0.0.1")
    return {"reflected": reflected, "answers_ipv4": dual}


@scenario
async def queued_before_connect(lab: Lab) -> dict[str, object]:
    """Fault 10: what strangers sent before connect(), and what the peer sends after."""
    client = Client()
    port = lab.listen(client)
    with udp() as stranger, udp() as peer:
        for _ in range(50):
            stranger.sendto(b"stranger", ("127.0.0.1", port.getHost().port))
        port.connect(*peer.getsockname())
        peer.sendto(b"peer", ("127.0.0.1", port.getHost().port))
        await lab.sleep(0.2)
    return {"strangers": client.heard.count(b"stranger"), "peer": client.heard.count(b"peer")}


@scenario
async def connect_again(lab: Lab) -> dict[str, object]:
    """Fault 11: a connect() that fails, and a second one that does not."""
    client = Client()
    port = lab.listen(client, "0.0.0.0")
    here = port.getHost().port
    found: dict[str, object] = {}
    with udp() as first, udp("127.0.0.3") as second:
        for peer, name in ((("192.0.2.1", 7), "failed"), (first.getsockname(), "first")):
            try:
                port.connect(*peer)
                found[name] = True
            except Exception as error:
                found[name] = type(error).__name__
        client.send(b"one")
        found["one"] = await deferToThread(first.recv, 100) == b"one"
        port.connect(*second.getsockname())
        client.send(b"two")
        found["two"] = await deferToThread(second.recv, 100) == b"two"
        first.sendto(b"first", ("127.0.0.1", here))
        second.sendto(b"second", ("127.0.0.1", here))
        await lab.sleep(0.1)
    found["heard"] = [data.decode() for data in client.heard]
    found["same_port"] = port.getHost().port == here
    return found


@scenario
async def misuse(lab: Lab) -> dict[str, object]:
    """Fault 11: what a caller may get wrong, and by which names it is told."""
    client = Client()
    port = lab.listen(client)
    found: dict[str, object] = {}

    def attempt(name: str, action: Callable[..., object], *arguments: object) -> None:
        try:
            action(*arguments)
            found[name] = None
        except Exception as error:
            found[name] = type(error).__name__

    attempt("hostname", port.connect, "localhost", 7)
    attempt("port", port.connect, "127.0.0.1", 65536)
    attempt("family", port.connect, "::1", 7)
    attempt("write_port", client.send, b"x", ("127.0.0.1", 65536))
    attempt("write_family", client.send, b"x", ("::1", 7))
    attempt("nowhere", client.send, b"x", None)
    attempt("length", client.send, b"x" * 65508, ("127.0.0.1", 7))
    with udp() as peer:
        address = peer.getsockname()
        port.connect(*address)
        attempt("other", client.send, b"x", ("127.0.0.9", 9))
    transport = client.transport
    await maybeDeferred(port.stopListening)
    attempt("closed", transport.write, b"x", address)  # type: ignore[union-attr]
    attempt("twice", port.stopListening)
    return found


async def stopped_under_load(lab: Lab, stop: Callable[[Any], object]) -> dict[str, object]:
    """Have 200 datagrams queued when a port is stopped, and count the answers."""
    port = lab.listen(Echo())
    with udp() as sender:
        sender.connect(("127.0.0.1", port.getHost().port))
        for _ in range(200):
            sender.send(b"queued")
        stop(port)
        sender.settimeout(0.5)
        answers = 0
        try:
            while await deferToThread(sender.recv, 100):
                answers += 1
        except OSError:
            pass
    return {"answers": answers}


@scenario
async def stop_listening_under_load(lab: Lab) -> dict[str, object]:
    """Fault 13: stopListening() with datagrams queued."""
    return await stopped_under_load(lab, lambda port: port.stopListening())


@scenario
async def reactor_stopped_under_load(lab: Lab) -> dict[str, object]:
    """Fault 13: what the reactor does at its end to a port that nobody stopped."""

    def end(port: Any) -> None:
        lab.reactor.removeReader(port)
        lab.reactor.callLater(0, port.connectionLost, None)

    return await stopped_under_load(lab, end)


@scenario
async def link_local(lab: Lab) -> dict[str, object]:
    """Listen on, connect to, write to and hear from addresses that mean nothing without a scope."""
    configure("link add here type veth peer name there")
    for end, host in (("here", "fe80::1"), ("there", "fe80::9")):
        configure(f"link set {end} addrgenmode none")
        configure(f"addr add {host}/64 dev {end} nodad")
        configure(f"link set {end} up")
    echo = lab.listen(Echo(), "fe80::1%here")
    found: dict[str, object] = {"host": echo.getHost().host}
    connected, unconnected = Client(), Client()
    lab.listen(connected, "::").connect("fe80::1%here", echo.getHost().port)
    lab.listen(unconnected, "::")
    connected.send(b"connected")
    unconnected.send(b"unconnected", ("fe80::1%here", echo.getHost().port))
    await lab.sleep(0.2)
    return found | {"heard": [each.decode() for each in connected.heard + unconnected.heard]}


@scenario
async def connect_by_another_route(lab: Lab) -> dict[str, object]:
    """Connect a second time, to where the source address of the first can't reach."""
    configure("link add here type veth peer name there")
    configure("addr add 198.51.100.1/24 dev here")
    configure("link set here up")
    configure("link set there up")
    client = Client()
    port = lab.listen(client, "0.0.0.0")
    here = port.getHost().port
    hosts = []
    with udp() as near, udp("198.51.100.1") as far:
        for peer in (near, far, near):
            port.connect(*peer.getsockname())
            client.send(b"x")
            await deferToThread(peer.recv, 100)
            hosts.append(port.getHost().host)
        try:
            port.connect("203.0.113.1", 7)
        except OSError:
            client.send(b"to whom it was connected before")
        await deferToThread(near.recv, 100)
    return {"hosts": hosts, "same_port": port.getHost().port == here}


@scenario
async def overrun(lab: Lab) -> dict[str, object]:
    """Overrun the receive buffer, and count as the kernel does."""
    port = lab.listen(Client())
    number = port.getHost().port
    with udp() as sender:
        for _ in range(2000):
            sender.sendto(b"x" * 1000, ("127.0.0.1", number))
    lines = Path("/proc/net/udp").read_text().splitlines()
    line = next(line.split() for line in lines if line.split()[1].endswith(f":{number:04X}"))
    return {"ours": port.counters().dropped, "kernel": int(line[-1])}


@scenario
async def unconnected_refusals(lab: Lab) -> dict[str, object]:
    """Send to three dead peers from one socket that is not connected."""

    class Hears(Client):
        def __init__(self) -> None:
            super().__init__()
            self.who: list[tuple[int, str, int]] = []

        def peerRefused(self, refusal: Refusal) -> None:
            assert refusal.to is not None
            self.who.append((dead.index(refusal.to), refusal.data.decode(), refusal.errno))
            self.refused_in_write += self.writing

    sockets = [udp() for _ in range(3)]
    dead = [each.getsockname() for each in sockets]
    for each in sockets:
        each.close()
    client = Hears()
    lab.listen(client)
    with udp() as alive:
        for round_ in range(2):
            for index, peer in enumerate(dead):
                client.send(b"%d to %d" % (round_, index), peer)
                client.send(b"alive", alive.getsockname())
        heard = [await deferToThread(alive.recv, 100) for _ in range(6)]
    await lab.sleep(0.2)
    return {"who": sorted(client.who), "heard": len(heard), "in_write": client.refused_in_write}


@scenario
async def trains(lab: Lab) -> dict[str, object]:
    """Send trains with gaps between, and see that what comes back has the same boundaries."""

    class EchoBatch(Echo):
        items = 0
        takesTrains = True

        def batchReceived(self, batch: Batch) -> None:
            self.items += len(batch)
            batch.echo()

    found: dict[str, object] = {}
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        echo = EchoBatch()
        port = lab.listen(echo, host).getHost().port
        with udp(host, family) as sender:
            sender.connect((host, port))
            sent = [bytes([index % 251]) * 100 for index in range(64)] + [b"last and short"]
            for part in (sent[:32], [b"alone"], sent[32:]):
                sender.setsockopt(17, 103, len(part[0]))
                sender.send(b"".join(part))
            got = [await deferToThread(sender.recv, 65536) for _ in range(66)]
        found[host] = {"right": got == [*sent[:32], b"alone", *sent[32:]], "items": echo.items}
    return found


@scenario
async def many_at_once(lab: Lab) -> dict[str, object]:
    """Hand over bursts, during which more arrives; one is failed on, and one stops the port."""

    class Bursts(Echo):
        sizes: list[int]
        stop = False

        def batchReceived(self, batch: Batch) -> None:
            self.sizes.append(len(batch))
            if self.stop:
                self.transport.stopListening()  # type: ignore[union-attr]
            elif len(self.sizes) == 1:
                raise ValueError("the first burst")
            batch.echo()
            if len(batch) == 64:
                sender.send(b"meanwhile")

    bursts = Bursts()
    bursts.sizes = []
    port = lab.listen(bursts)
    with udp() as sender:
        sender.connect(("127.0.0.1", port.getHost().port))
        for _ in range(3):
            for index in range(64):
                sender.send(b"%d" % index)
            await lab.sleep(0.1)
        bursts.stop = True
        for index in range(64):
            sender.send(b"%d" % index)
        await lab.until(lambda: not port.connected)
        sender.setblocking(False)
        heard = 0
        with suppress(BlockingIOError):
            while sender.recv(100):
                heard += 1
    return {"sizes": bursts.sizes, "heard": heard, "failed": len(lab.failures)}


@scenario
async def trains_one_by_one(lab: Lab) -> dict[str, object]:
    """Take a train with a protocol that knows datagramReceived alone."""
    client = Client()
    port = lab.listen(client).getHost().port
    with udp() as sender:
        sender.setsockopt(17, 103, 3)
        sender.sendto(b"aaabbbc", ("127.0.0.1", port))
        await lab.sleep(0.1)
    return {"heard": [data.decode() for data in client.heard]}


@scenario
async def adopted(lab: Lab) -> dict[str, object]:
    """Stop and start on a socket that someone else holds, under load, and lose nothing."""
    from udpecho.port.listen import adopt_udp

    answers = 0
    with udp() as held, udp() as sender:
        sender.connect(held.getsockname())
        for _ in range(20):
            port: Any = adopt_udp(lab.reactor, held.fileno(), Echo())
            for _ in range(10):
                sender.send(b"x")
            await lab.sleep(0.001)
            sender.send(b"queued")
            await maybeDeferred(port.stopListening)
            sender.send(b"between")
        port = adopt_udp(lab.reactor, held.fileno(), Echo())
        await lab.sleep(0.1)
        sender.setblocking(False)
        try:
            while sender.recv(100):
                answers += 1
        except BlockingIOError:
            pass
    return {"sent": 20 * 12, "answers": answers}


@scenario
async def memory(lab: Lab) -> dict[str, object]:
    """Measure what a port costs: when opened, under small datagrams, and under the largest."""

    def resident() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    lab.listen(Echo())  # whatever is needed once
    await lab.sleep(0.1)
    figures = [resident()]
    port = lab.listen(Echo()).getHost().port
    figures.append(resident())
    with udp() as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        for size in (64, 65507):
            for _ in range(10):
                for _ in range(100):
                    sender.sendto(bytes(size), ("127.0.0.1", port))
                await lab.sleep(0.01)
            figures.append(resident())
    opened, small, large = (figure - figures[0] for figure in figures[1:])
    return {"opened": opened, "small": small, "large": large}


@scenario
async def one_request(lab: Lab) -> dict[str, object]:
    """Ask once; the test has the kernel's answers changed."""
    port = lab.listen(Echo())
    answered = await deferToThread(ask, port.getHost().port)
    return {"answered": answered, "not_sent": dict(port.counters().not_sent)}


@scenario
async def bursts(lab: Lab) -> dict[str, object]:
    """Answer bursts, during which the port looks away; the test has epoll_ctl(2) fail once."""
    from udpecho.server import EchoServer

    port = lab.listen(EchoServer())
    heard = 0
    with udp() as sender:
        sender.connect(("127.0.0.1", port.getHost().port))
        for size in (64, 64, 1, 64, 1):
            if size == 1:
                port.pauseProducing()
                port.resumeProducing()
            for index in range(size):
                sender.send(b"%d" % index)
            await lab.sleep(0.05)
            with suppress(TimeoutError):
                for _ in range(size):
                    heard += bool(await deferToThread(sender.recv, 100))
    await port.stopListening()
    return {"heard": heard, "failures": lab.failures, "connected": port.connected}


SHARER = """
import os, sys
from twisted.internet import reactor
from tests.live.scenarios import Echo
from udpecho.port import listen_udp

class Counting(Echo):
    count = 0
    def datagramReceived(self, datagram, addr):
        self.count += 1
        super().datagramReceived(datagram, addr)

echo = Counting()
listen_udp(reactor, int(sys.argv[1]), echo, "127.0.0.1", reuse_port=True)
reactor.callWhenRunning(print, "ready", flush=True)
reactor.run()
print(echo.count)
"""
"""A program that shares a port and, when it ends, tells how much it had to do."""


@scenario
async def shared(lab: Lab) -> dict[str, object]:
    """Have two processes share a port (SO_REUSEPORT), one of them leaving in the middle."""
    with udp() as chosen:
        port = chosen.getsockname()[1]
    pipe: Any = {"stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(python("-c", SHARER, str(port)), **pipe) for _ in range(2)]
    for process in both:
        await deferToThread(process.stdout.readline)  # type: ignore[union-attr]
    lost = 0
    served = []
    for leaves in both:
        answers = [await deferToThread(ask, port) for _ in range(100)]
        lost += answers.count(False)
        leaves.terminate()
        served.append(int((await deferToThread(leaves.communicate))[0]))
    return {"lost": lost, "served": served}


def main(name: str, kind: str, reactor_name: str) -> None:
    """Play a scenario and print its outcome."""
    if reactor_name != "epoll":
        from importlib import import_module

        module = {"asyncio": "asyncioreactor"}.get(reactor_name, f"{reactor_name}reactor")
        import_module(f"twisted.internet.{module}").install()
    from twisted.internet import reactor

    configure("link set lo up")
    printed = threading.Lock()

    def outcome(result: dict[str, object]) -> None:
        if printed.acquire(blocking=False):
            print(json.dumps(result), flush=True)

    def hung() -> None:
        outcome({"hung": True})
        os._exit(0)

    watchdog = threading.Timer(PATIENCE, hung)
    watchdog.daemon = True
    watchdog.start()

    def play() -> None:
        done: Any = ensureDeferred(SCENARIOS[name](Lab(reactor, kind)))  # type: ignore[arg-type]
        done.addErrback(
            lambda failure: {"error": repr(failure.value), "at": failure.getTraceback()}
        )
        done.addCallback(outcome)
        done.addBoth(lambda _: reactor.callLater(END, stop))

    def stop() -> None:
        if reactor.running:
            reactor.stop()

    reactor.callWhenRunning(play)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:4])
