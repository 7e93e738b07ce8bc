"""What ping's options do to the packets that leave, as whoever gets them sees it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.live.netns import Namespace, pair, why_not
from tests.live.program import environment, udpecho
from udpecho.kernel.layout import IP_RECVTOS, IPV6_RECVTCLASS

PATIENCE = 30.0

needs_namespaces = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def ping(*arguments: str, at: Namespace | None = None) -> subprocess.CompletedProcess[str]:
    command = udpecho("ping", *arguments)
    return subprocess.run(
        command if at is None else at.command(*command),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def listening(address: str) -> Iterator[tuple[socket.socket, str]]:
    """Listen at a port of loopback, which is given as text; nothing answers."""
    ipv6 = ":" in address
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as skt:
        skt.settimeout(PATIENCE)
        skt.bind((address, 0))
        if ipv6:
            skt.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
        else:
            skt.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
        yield skt, str(skt.getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("said", "byte", "shown"),
    [
        ("-Q0x2e", 0x2E, "DSCP 11, ECN 2"),
        ("--dscp=46", 0xB8, "DSCP 46, ECN 0"),
        ("-Q0", 0, "DSCP 0, ECN 0"),
    ],
)
def test_the_traffic_class_leaves_and_is_said(
    address: str, said: str, byte: int, shown: str
) -> None:
    with listening(address) as (skt, port):
        done = ping("-c1", "-W.1", said, "-p", port, address)
        _, [(_, _, traffic_class)], _, _ = skt.recvmsg(65536, 64)
    assert traffic_class[0] == byte
    assert done.stdout.splitlines()[1] == shown


def test_the_source_ports_are_those_that_were_asked_for() -> None:
    with listening("127.0.0.1") as (one, first), listening("127.0.0.1") as (other, _):
        free = other.getsockname()[1]
        other.close()
        ping("-c2", "-i.01", "-W.1", f"--sport={free}", "-p", first, "127.0.0.1")
        assert [one.recvfrom(64)[1][1] for _ in range(2)] == [free, free]


@pytest.mark.parametrize("accept", ["matching", "connected"])
def test_a_source_port_in_use_is_one_clear_line(accept: str) -> None:
    with listening("127.0.0.1") as (_, port):
        done = ping("-c1", f"--accept={accept}", f"--sport={port}", "127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    why = "Address already in use"
    assert done.stderr == f"udpecho: --sport: can't send from source port {port}: {why}\n"


def test_two_ports_of_one_host_are_two_targets() -> None:
    """Each named as it was given, everywhere (C4)."""
    with listening("127.0.0.1") as (_, port):
        hosts = ["127.0.0.1", f"127.0.0.1:{port}"]
        arguments = ["-c2", "-i.01", "-W.1", "-p9", *hosts]
        text = ping(*arguments).stdout
        *outcomes, summary = map(json.loads, ping("--json", *arguments).stdout.splitlines())
    assert all(any(line.startswith(f"{host} ") for line in text.splitlines()) for host in hosts)
    assert {line["target"] for line in outcomes if "target" in line} == set(hosts)
    told = {each["target"]: (each["port"], each["refused"]) for each in summary["targets"]}
    assert told == {"127.0.0.1": (9, 2), f"127.0.0.1:{port}": (int(port), 0)}


@pytest.fixture(scope="module")
def beside() -> Iterator[tuple[Namespace, str]]:
    """Give a namespace, and the port at which its neighbour, fe80::1, echoes."""

    def echo() -> None:
        while (received := skt.recvfrom(65536))[0]:
            skt.sendto(*received)

    with pair() as (server, client), server.socket(socket.AF_INET6) as skt:
        for end, address in ((server, "fe80::1/64"), (client, "fe80::2/64")):
            end.ip("address", "add", address, "dev", end.interface, "nodad")
        skt.bind(("::", 0))
        thread = Thread(target=echo)
        thread.start()
        try:
            yield client, str(skt.getsockname()[1])
        finally:
            skt.sendto(b"", ("::1", skt.getsockname()[1]))
            thread.join()


@needs_namespaces
@pytest.mark.parametrize("accept", ["matching", "connected"])
@pytest.mark.parametrize(
    ("host", "interface"),
    [("fe80::1", "udp0"), ("fe80::1", "fe80::2%udp0"), ("fe80::1%udp0", None),
     ("fe80::1%udp0", "udp0")],
)  # fmt: skip
def test_a_link_local_address_has_its_interface_from_either(
    beside: tuple[Namespace, str], host: str, interface: str | None, accept: str
) -> None:
    """C5: each true reply was a stranger's."""
    client, port = beside
    leaving = [] if interface is None else ["-I", interface]
    options = [*leaving, f"--accept={accept}", "-c3", "-i.01", "-p", port, host]
    lines = ping(*options, at=client).stdout.splitlines()
    shown = host if "%" in host else f"{host} (fe80::1%udp0)"
    assert [line.partition(" icmp_seq")[0] for line in lines[1:4]] == [
        f"64 bytes from {shown}:"
    ] * 3
    *_, summary = map(json.loads, ping("--json", *options, at=client).stdout.splitlines())
    assert (summary["replied"], summary["strangers"]) == (3, 0)
    [target] = summary["targets"]
    assert (target["target"], target["address"]) == (host, "fe80::1%udp0")


@needs_namespaces
def test_so_has_that_of_a_path(beside: tuple[Namespace, str]) -> None:
    """C5, of another command with -I: it was refused, though the interface was said."""
    client, port = beside
    shown = client.run(*udpecho("path", "--flows=1", "-m2", "-I", "udp0", "-p", port, "fe80::1"))
    assert "fe80::1%udp0" in shown


@pytest.mark.parametrize("accept", ["matching", "connected"])
def test_a_link_local_address_without_one_is_refused(accept: str) -> None:
    done = ping("-c1", f"--accept={accept}", "fe80::1")
    assert done.returncode == 2
    assert "expected fe80::1%INTERFACE, got fe80::1" in done.stderr
