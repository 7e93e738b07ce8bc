"""What ICMP says of a probe is told in the words of iputils' ping, which runs beside ours."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.live.conftest import families
from tests.live.netns import Namespace, routed, why_not
from tests.live.program import environment, udpecho

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

PATIENCE = 30.0

PROHIBITED = {"ipv4": "198.51.100.1", "ipv6": "2001:db8:51::1"}
REJECTED = {"ipv4": "203.0.113.1", "ipv6": "2001:db8:113::1"}
NOBODY = {"ipv4": "198.18.0.99", "ipv6": "fd00:db8::99"}
"""Behind the router: what it must not, and can't, send on; and an address that nobody has."""

ROUTER = {"ipv4": "198.18.1.2", "ipv6": "fd00:db8:1::2"}


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts and a router between them; the second's link takes 1300 bytes, the first's 1500."""
    with routed(mtu=1300) as (server, client):
        gateway = Namespace(_gateway_of(server), "", "")
        gateway.set("net/ipv4/icmp_ratelimit", "0")
        gateway.set("net/ipv6/icmp/ratelimit", "0")
        for family in ("ipv4", "ipv6"):
            gateway.ip("route", "add", "prohibit", PROHIBITED[family])
            gateway.ip("route", "add", "unreachable", REJECTED[family])
        yield server, client


@pytest.fixture
def pinger(ends: tuple[Namespace, Namespace]) -> Namespace:
    return ends[1]


def _gateway_of(server: Namespace) -> str:
    """Name the router's namespace, made after the server's and the client's."""
    kind, process, number = server.name.split("-")
    return f"{kind}-{process}-{int(number) + 2}"


def ping(pinger: Namespace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        pinger.command(*udpecho("ping", *arguments)),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def word(line: str) -> str:
    found = re.search(r"^From (.+?) icmp_seq=1 (.+)$", line, re.MULTILINE)
    assert found is not None, line
    return f"{found[1]}: {found[2]}"


def iputils(pinger: Namespace, *arguments: str) -> str | None:
    """Say what iputils' ping says, if it is here."""
    if shutil.which("ping") is None:
        return None
    done = subprocess.run(
        pinger.command("ping", "-n", *arguments), capture_output=True, text=True, check=False
    )
    return word(done.stdout)


@families
@pytest.mark.parametrize(
    ("host", "options", "icmp", "icmp6"),
    [
        (PROHIBITED, [], (3, 13), (1, 1)),
        (REJECTED, [], (3, 1), (1, 0)),
        (NOBODY, ["-W8"], (3, 1), (1, 3)),
        (NOBODY, ["-t1"], (11, 0), (3, 0)),
    ],
    ids=["prohibited", "unreachable", "nobody", "TTL"],
)
def test_a_refusal_has_iputils_words(
    pinger: Namespace,
    family: str,
    host: dict[str, str],
    options: list[str],
    icmp: tuple[int, int],
    icmp6: tuple[int, int],
) -> None:
    arguments = ["-c1", *options, host[family]]
    shown = ping(pinger, "-n", *arguments)
    assert shown.returncode == 1
    assert word(shown.stdout) == iputils(pinger, *arguments) or shutil.which("ping") is None
    lines = map(json.loads, ping(pinger, "--json", *arguments).stdout.splitlines())
    [refused] = [line for line in lines if line["type"] == "refused"]
    assert (refused["icmp_type"], refused["icmp_code"]) == (icmp if family == "ipv4" else icmp6)
    assert refused["from_address"] == ROUTER[family]
    assert refused["mtu_bytes"] is None


@families
@pytest.mark.parametrize("accept", ["matching", "connected"])
def test_an_interface_changes_no_word(pinger: Namespace, family: str, accept: str) -> None:
    """Of our own kernel, which looked for a neighbour in vain: it comes in by loopback."""
    nobody = {"ipv4": "198.18.1.99", "ipv6": "fd00:db8:1::99"}[family]
    options = ["-n", "-c1", "-W8", f"--accept={accept}", nobody]
    said = [word(ping(pinger, *extra, *options).stdout) for extra in ([], ["-Iudp0"])]
    assert said[0] == said[1]
    assert said[0].endswith("nreachable")


TOO_LONG = {
    # (family, whether the narrow link is our own): what is said of the first probe
    ("ipv4", False): "198.18.0.2: Frag needed and DF set (mtu = 1300)",
    ("ipv6", False): "fd00:db8::2: Packet too big: mtu=1300",
    ("ipv4", True): "our own kernel: Message too long, mtu=1300",
    ("ipv6", True): "our own kernel: Message too long, mtu=1300",
}


@families
@pytest.mark.parametrize("ours", [False, True], ids=["ICMP's word", "our kernel's"])
@pytest.mark.parametrize("accept", ["matching", "connected"])
def test_a_probe_that_is_too_long_is_told_the_mtu_of_its_path(
    ends: tuple[Namespace, Namespace], family: str, ours: bool, accept: str
) -> None:
    """By -M do, and after ICMP's word the second probe is our kernel's to refuse."""
    here, there = reversed(ends) if ours else ends
    for one in ends:
        one.ip(f"-{family[-1]}", "route", "flush", "cache")  # of what an earlier run was told
    size = ["-s1400", "-M", "do", f"--accept={accept}"]
    shown = ping(here, "-c2", "-i.3", *size, getattr(there, family)).stdout
    assert word(shown) == TOO_LONG[family, ours]
    second = re.search(r"^From (.*) icmp_seq=2 (.*)$", shown, re.MULTILINE)
    assert second is not None, shown
    assert second.groups() == ("our own kernel", "Message too long, mtu=1300")


@families
@pytest.mark.parametrize(("how", "answered"), [("want", 1), ("dont", 1), ("probe", 0)])
def test_a_probe_that_is_too_long_may_be_cut(
    ends: tuple[Namespace, Namespace], family: str, how: str, answered: int
) -> None:
    """By us, as soon as we know (want), or over IPv4 by a router (dont); or never (probe)."""
    here, there = ends
    here.ip(f"-{family[-1]}", "route", "flush", "cache")
    with echoing(there, family) as port:
        asked = ["-c3", "-i.3", "-s1400", "-M", how, "-p", port, getattr(there, family)]
        lines = list(map(json.loads, ping(here, "--json", *asked).stdout.splitlines()))
    told = [line["mtu_bytes"] for line in lines if line["type"] == "refused"]
    assert set(told) <= {1300}
    replied = lines[-1]["replied"]
    if answered:
        learnt = 0 if (how, family) == ("dont", "ipv4") else 1
        assert (replied, len(told)) == (3 - learnt, learnt)
    else:
        assert (replied, len(told)) == (0, 3)


@contextmanager
def echoing(there: Namespace, family: str) -> Iterator[str]:
    """Echo at a port of a namespace, which is given, until an empty datagram comes."""

    def echo() -> None:
        while (received := skt.recvfrom(65536))[0]:
            skt.sendto(*received)

    with there.socket(socket.AF_INET if family == "ipv4" else socket.AF_INET6) as skt:
        skt.bind((getattr(there, family), 0))
        thread = Thread(target=echo)
        thread.start()
        try:
            yield str(skt.getsockname()[1])
        finally:
            skt.sendto(b"", skt.getsockname())
            thread.join()
