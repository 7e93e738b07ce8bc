"""MPLS labels that routers tell (RFC 4950), read from the kernel, on a network that a test plays.

Linux's own MPLS is absent from most kernels: here a program behind a TUN device is all routers.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import pytest

from tests.live.netns import Namespace, address, namespace
from tests.live.packets import is_udp, time_exceeded, udp_data, udp_packet
from tests.live.program import BIN
from tests.live.tun import tun, why_not
from udpecho.extensions import Label, extension_of

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

HOPS = 3
"""The distance of whoever is asked for; before that are routers."""

STACK = [Label(256000, 0, False, 1), Label(17, 5, True, 254)]
ROUTERS = {4: "198.18.1.{}", 6: "fd00:db9::{}"}


def answer(packet: bytes, extension: bytes, says_where: bool) -> bytes | None:
    """Be the routers, and the echo server behind them."""
    if not packet or not is_udp(packet):
        return None
    version = packet[0] >> 4
    ttl = packet[8] if version == 4 else packet[7]
    if ttl < HOPS:
        router = ROUTERS[version].format(ttl)
        told = extension if ttl == 2 else b""
        return time_exceeded(packet, router, told, says_where=says_where)
    udp = packet[20:] if version == 4 else packet[40:]
    ports = int.from_bytes(udp[:2], "big"), int.from_bytes(udp[2:4], "big")
    hosts = ("198.18.0.2", "198.18.9.9") if version == 4 else ("fd00:db8::2", "fd00:db9::9")
    return udp_packet(udp_data(packet), (hosts[1], ports[1]), (hosts[0], ports[0]))


@contextmanager
def routers(extension: bytes, says_where: bool) -> Iterator[Namespace]:
    """Make a namespace whose only way out leads to them."""
    with namespace("198.18.0.2", "fd00:db8::2") as here:
        fd = here.do(lambda: tun(here.interface))
        here.ip("link", "set", here.interface, "up")
        address(here)
        for family in ("-4", "-6"):
            here.ip(family, "route", "add", "default", "dev", here.interface)
        over = Event()

        def serve() -> None:
            while not over.is_set():
                if select.select([fd], [], [], 0.05)[0]:
                    with suppress(BlockingIOError):
                        told = answer(os.read(fd, 65536), extension, says_where)
                        if told is not None:
                            os.write(fd, told)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield here
        finally:
            over.set()
            thread.join()
            os.close(fd)


def looked(here: Namespace, host: str) -> list[dict[str, Any]]:
    command = here.command(str(BIN / "udpecho"), "path", "-n", "--json", "--flows=2", host)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == ""
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("host", ["198.18.9.9:7", "[fd00:db9::9]:7"])
def test_labels_are_read(host: str) -> None:
    with routers(extension_of(STACK), True) as here:
        for path in looked(here, host):
            assert (path["reached"], path["distance"]) == (True, HOPS)
            assert [hop["labels"] for hop in path["hops"]] == [
                [],
                [label._asdict() for label in STACK],
            ]


def test_labels_of_a_router_that_does_not_say_where_they_are() -> None:
    """From before RFC 4884 (its section 5.5)."""
    with routers(extension_of(STACK), False) as here:
        for path in looked(here, "198.18.9.9:7"):
            assert path["hops"][1]["labels"] == [label._asdict() for label in STACK]


@pytest.mark.parametrize("says_where", [True, False])
def test_a_damaged_extension_tells_nothing_and_the_hop_is_known(says_where: bool) -> None:
    broken = extension_of(STACK)
    broken = broken[:-1] + bytes([broken[-1] ^ 1])
    with routers(broken, says_where) as here:
        for path in looked(here, "198.18.9.9:7"):
            assert [hop["addresses"] for hop in path["hops"]] == [["198.18.1.1"], ["198.18.1.2"]]
            assert path["hops"][1]["labels"] == []
