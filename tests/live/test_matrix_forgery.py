"""Forged packets, each injected for real between two namespaces, and what they bring about.

The rows of the proof that the guard is for: 1 to 5, and 11. See test_matrix_load for the others.
"""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.live.conftest import families, needs_our_port
from tests.live.netns import Forger, Pair, why_not
from tests.live.program import Program, python
from tests.live.witness import Figures, MeasuredServer, Watch, client, forge, serving

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


PORT = 9007
FORGED = 200
STRANGER = {"ipv4": "203.0.113.77", "ipv6": "2001:db8::77"}  # RFC 5737, RFC 3849


@families
def test_1_from_the_servers_own_address_and_port(family: str, joined: Pair, tmp_path: Path) -> None:
    """What the server seems to have sent itself is not answered, and does not hang it."""
    server, other = joined
    server.set(f"net/ipv4/conf/{server.interface}/accept_local", "1")  # IPv6 accepts it anyway
    address = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, address) as ordinary,
        Forger(other, server) as forger,
    ):
        for data in (b"", b"x"):
            forge(forger, data, address, address, FORGED)
            assert ordinary.is_served()
        figures = service.stop()
    assert figures.unanswered == {"OWN_PORT": 2 * FORGED}
    assert figures.echoed <= ordinary.asked, "and nothing else was answered"
    assert len(service.log_lines("not answered")) == 1


@needs_our_port("a reply has no TTL one less")
@families
def test_2_two_of_our_servers_joined_by_forged_packets_fall_silent(
    family: str, joined: Pair, tmp_path: Path
) -> None:
    """Each packet goes to and fro until its hops are spent, without any limit of rate."""
    ours, other = joined
    one, two = (getattr(ours, family), PORT), (getattr(other, family), PORT + 1)
    spent = 0
    with (
        serving(ours, tmp_path, f"--listen=udp:{PORT}", "--rate=0") as first,
        serving(other, tmp_path, f"--listen=udp:{PORT + 1}", "--rate=0") as second,
        Forger(other, ours) as forger,
    ):
        for ttl, joints, round_trips in ((64, 1, 64), (64, 64, 64), (255, 64, 128)):
            before = first.figures().echoed, second.figures().echoed
            forger.send(b"ping", two, one, ttl=ttl, times=joints)
            figures = silent(first, second)
            each = [now.echoed - then for now, then in zip(figures, before, strict=True)]
            assert max(each) <= round_trips * joints
            assert sum(each) == (ttl - 1) * joints, "nothing else ended it"
            spent += joints
            assert sum(now.unanswered["TTL_SPENT"] for now in figures if now.unanswered) == spent
        with client(other, one) as ordinary:
            assert ordinary.is_served()


def silent(*services: MeasuredServer) -> list[Figures]:
    """Wait, for 5 s at most, until servers hear nothing for 200 ms; return their figures."""
    end = time.monotonic() + 5
    figures = [service.figures() for service in services]
    while True:
        time.sleep(0.2)
        before, figures = figures, [service.figures() for service in services]
        if [now.received for now in figures] == [then.received for then in before]:
            return figures
        assert time.monotonic() < end, "they go on"


STOCK_ECHO = """
import socket, sys
skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
skt.bind((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    skt.sendto(*skt.recvfrom(65536))
"""


@needs_our_port("a reply has no TTL one less")
def test_2_a_stock_echo_joined_to_ours_is_held_to_the_limit(joined: Pair, tmp_path: Path) -> None:
    """It sends on for ever with all its hops; what is over the rate ends it."""
    ours, other = joined
    one, two = (ours.ipv4, PORT), (other.ipv4, PORT + 1)
    rate, burst, forged = 1000, 2000, 64
    command = other.command(*python("-c", STOCK_ECHO, two[0], str(two[1])))
    with (
        Program(command, tmp_path) as echo,
        serving(ours, tmp_path, f"--listen=udp:{PORT}") as service,
        Forger(other, ours) as forger,
    ):
        echo.wait_for("ready")
        began = time.monotonic()
        forger.send(b"ping", two, one, times=forged)
        time.sleep(2)
        figures = service.figures()
        elapsed = time.monotonic() - began
    assert figures.echoed > burst, "they were joined"
    over = figures.unanswered.get("OVER_RATE", 0)
    # Each of the forged may be refused once, and that ends it; one in four over passes.
    assert over <= forged
    assert figures.echoed <= burst + rate * elapsed + forged
    assert len(service.log_lines("not answered")) == 1


SERVICE_PORTS = (7, 13, 17, 19, 37, 53, 123, 1900, 11211)


@families
def test_3_from_the_ports_of_services_that_answer(
    family: str, joined: Pair, tmp_path: Path
) -> None:
    """Nothing is sent to them, and the log says so once, however many came."""
    server, other = joined
    address = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, address) as ordinary,
        Forger(other, server) as forger,
        Watch(other, PORT) as watch,
    ):
        assert ordinary.is_served()
        lines = []
        for _ in range(2):
            for port in (0, *SERVICE_PORTS):
                forge(forger, b"x", (STRANGER[family], port), address, FORGED)
            assert ordinary.is_served()
            lines.append(len(service.log_lines("")))
        figures = service.stop()
        assert watch.count() == figures.echoed <= ordinary.asked
    assert figures.unanswered == {
        "PORT_ZERO": 2 * FORGED,
        "SERVICE_PORT": 2 * FORGED * len(SERVICE_PORTS),
    }
    assert lines[0] == lines[1], "the log does not grow with the flood"
    assert len(service.log_lines("not answered")) == 2, "a line for each reason"


AMISS = {
    "ipv4": [
        # source, destination, and the reason; "" where the kernel drops it, and we hear nothing
        ("198.18.0.2", "255.255.255.255", "BROADCAST"),
        ("198.18.0.2", "198.18.0.255", "BROADCAST"),
        ("198.18.0.2", "224.0.0.1", "MULTICAST"),
        ("255.255.255.255", "198.18.0.1", ""),
        ("224.0.0.1", "198.18.0.1", ""),
        ("0.0.0.0", "198.18.0.1", ""),
        ("0.0.0.0", "255.255.255.255", "UNSPECIFIED_SOURCE"),
        ("198.18.0.255", "198.18.0.1", "EACCES"),  # the kernel alone knows that it is broadcast
    ],
    "ipv6": [
        ("fd00:db8::2", "ff02::1", "MULTICAST"),
        ("ff02::1", "fd00:db8::1", ""),
        ("::", "fd00:db8::1", "UNSPECIFIED_SOURCE"),
    ],
}


@needs_our_port("fault 8: a protocol can't know that it was asked by broadcast")
@families
def test_4_broadcast_and_multicast(family: str, joined: Pair, tmp_path: Path) -> None:
    """Sent to many, or in the name of many: nobody is answered."""
    server, other = joined
    expected: Counter[str] = Counter()
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, (getattr(server, family), PORT)) as ordinary,
        Forger(other, server) as forger,
        Watch(other, PORT) as watch,
    ):
        for source, to, reason in AMISS[family]:
            forge(forger, b"x", (source, 40000), (to, PORT), FORGED)
            assert ordinary.is_served()
            expected.update({reason: FORGED} if reason else {})
            figures = service.figures()
            assert figures.unanswered | figures.send_errors == expected, (source, to)
        assert watch.count() == service.stop().echoed <= ordinary.asked
    assert len(service.log_lines("not answered|could not send")) == len(expected)


def test_5_an_ipv4_mapped_source_reaches_nobody_on_loopback(joined: Pair, tmp_path: Path) -> None:
    """An IPv6 packet in the name of ::ffff:127.0.0.1 brings no reply to what listens there."""
    server, other = joined
    with (
        server.socket(socket.AF_INET) as listener,
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, (server.ipv6, PORT)) as ordinary,
        Forger(other, server) as forger,
        Watch(other, PORT) as watch,
    ):
        listener.bind(("127.0.0.1", 0))
        source = ("::ffff:127.0.0.1", listener.getsockname()[1])
        forge(forger, b"x", source, (server.ipv6, PORT), FORGED)
        assert ordinary.is_served()
        figures = service.stop()
        assert watch.count() == figures.echoed <= ordinary.asked
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.recv(100)
    assert figures.unanswered == {"MAPPED_SOURCE": FORGED}
    assert len(service.log_lines("not answered")) == 1


@pytest.mark.parametrize(
    ("kind", "outcome"), [("anyone", "wrong"), ("connected", "right"), ("matching", "right")]
)
def test_11_a_blind_sweep_of_all_ports_with_forged_replies(
    kind: str, outcome: str, joined: Pair, tmp_path: Path
) -> None:
    """Whoever knows whom a client asks reaches its port; only what it sent tells the truth."""
    there, here = joined
    with there.socket(socket.AF_INET) as server, Forger(there, here) as forger:
        server.bind((there.ipv4, PORT))
        server.settimeout(5)
        command = python("-m", "tests.live.asker", kind, there.ipv4, str(PORT), "1", "8", "0")
        with Program(here.command(*command), tmp_path) as asker:
            data, peer = server.recvfrom(100)
            lowest, highest = map(int, here.read("net/ipv4/ip_local_port_range").split())
            assert lowest <= peer[1] <= highest
            for port in range(lowest, highest + 1):
                forger.send(b"forged reply", (there.ipv4, PORT), (here.ipv4, port))
            server.sendto(data, peer)
            asker.wait()
            told = json.loads(asker.output.splitlines()[-1])
    expected = dict.fromkeys(("right", "wrong", "timeout", "error"), 0) | {outcome: 1}
    assert told == expected | {"strangers": int(outcome == "right")}, "the sweep reached it"
