"""Floods, errors, bad lines, restarts and junk, each for real, and what a client still gets.

The rows 6 to 10, 12 and 13 of the proof. What has its test elsewhere:

- 8, every kind of error on the port itself: test_port (send errors, a full queue, injection).
- 9, the drop counter of a port alone: test_port.
- 12, the mixed soak: test_soak has its short form, python -m tests.bench.soak that of ten minutes.
- 13, what waited while nobody served: test_twistd, test_systemd.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from threading import Event, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live.conftest import bound, families, needs
from tests.live.deadline import SHUTDOWN, in_time
from tests.live.flood import Order, flooding
from tests.live.impairment import Impairment
from tests.live.netns import Forger, Pair, why_not
from tests.live.packets import udp_packet
from tests.live.program import Program, activated, python, twistd
from tests.live.tun import impaired
from tests.live.tun import why_not as why_no_tun
from tests.live.witness import MeasuredServer, client, forge, serving

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


PORT = 9007
STRANGERS = {"ipv4": "203.0.113.", "ipv6": "2001:db8::"}  # RFC 5737, RFC 3849
SO_RCVBUFFORCE = 33  # not in Python's socket


GAP = 0.25
"""Seconds between two turns of a timer of 10 ms, the median of four parts of a flood: 0.012 were
seen on a busy machine. A turn that does not end while datagrams come takes as long as the flood."""

FLOOD_RATE = 15_000
"""Datagrams a second from each of two senders: thirty times the limit, and no more than leaves
a machine of two cores idle for some of the time."""


@pytest.mark.parametrize(
    ("family", "size"),
    [("ipv4", 0), ("ipv4", 1), ("ipv4", 1400), ("ipv6", 0), ("ipv6", 1400)],
)
def test_6_floods_from_two_senders(family: str, size: int, joined: Pair, tmp_path: Path) -> None:
    """The reactor turns, others are answered, and SIGTERM ends it while the flood goes on."""
    server, other = joined
    to = (getattr(server, family), PORT)
    orders = [
        Order((f"{STRANGERS[family]}{host}", 40000), to, size, FLOOD_RATE, 60 * FLOOD_RATE)
        for host in (1, 2)
    ]
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as ordinary,
        ExitStack() as stack,
    ):
        assert ordinary.is_served()
        floods = [stack.enter_context(flooding(other, server, tmp_path, each)) for each in orders]
        service.figures()
        gaps, shares = [], []
        for _ in range(4):
            shares.append(ordinary.ask_many(40))
            gaps.append(service.figures().worst_gap_ms)
        figures = service.stop(SHUTDOWN)
        assert not any(flood.over() for flood in floods)
    print(f"{size=} {gaps=} {shares=} {figures}")  # seen with pytest -s
    assert figures.unanswered["OVER_RATE"] > figures.received / 4, "over the limit, by far"
    assert sum(shares) / len(shares) >= 0.95
    in_time(median(gaps) / 1000, GAP)


@families
def test_6_long_datagrams_are_held_to_the_rate_in_bytes(
    family: str, joined: Pair, tmp_path: Path
) -> None:
    """A thousand a second of 65,507 bytes would be 524 Mbit/s; the limit is 12."""
    server, other = joined
    to = (getattr(server, family), PORT)
    rate, burst, size = 1000, 2000, 65507
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as sender,
    ):
        assert sender.is_served()
        began = time.monotonic()
        for _ in range(500):
            sender.socket.send(bytes(size))
            time.sleep(0.002)
        figures = service.figures()
        took = time.monotonic() - began
    print(f"{took=:.1f} {figures}")
    assert figures.bytes_received > 4 * figures.bytes_echoed, "over the limit, by far"
    assert figures.bytes_echoed <= 1500 * (burst + rate * took + 44)


PREFIXES = int(os.environ.get("UDPECHO_PREFIXES", str(1 << 17)))
"""Twice the limiter's buckets, in 10 s. A million (1048576) takes a minute on two busy cores."""

SPOOFED = {
    "ipv4": ("16.0.0.1", "24.0.0.1"),  # 16.0.0.0/4 has 1048576 prefixes of 24
    "ipv6": ("3000::1", "3001::1"),
}


@families
def test_7_spoofed_prefixes_without_end(family: str, joined: Pair, tmp_path: Path) -> None:
    """They take no memory that grows, and the ordinary client does not notice them."""
    server, other = joined
    to = (getattr(server, family), PORT)
    number = PREFIXES if family == "ipv4" else PREFIXES // 4  # the table is the same
    halves = [
        Order((first, 40000), to, 32, FLOOD_RATE, number // 2, prefixes=number // 2)
        for first in SPOOFED[family]
    ]
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as ordinary,
        ExitStack() as stack,
    ):
        assert ordinary.is_served()
        before = service.figures()
        floods = [stack.enter_context(flooding(other, server, tmp_path, half)) for half in halves]
        while not all(flood.over() for flood in floods):
            ordinary.ask_many(20)
        assert sum(flood.wait()[0] for flood in floods) == number
        assert ordinary.is_served()
        after = service.figures()
    print(f"{before.resident_kib=} {ordinary=} {after}")
    assert after.received + after.dropped == number + ordinary.asked
    assert after.received > number / 2, "the others overran the receive buffer"
    assert after.resident_kib - before.resident_kib < GROWTH_KIB
    assert ordinary.answered >= 0.95 * ordinary.asked


GROWTH_KIB = 4096
"""The limiter's table (1.3 MB), the standings that the guard keeps (under 1 MB), and pages of the
batch that are first touched."""


@families
def test_7_a_victim_that_is_forged_still_gets_a_quarter(
    family: str, joined: Pair, tmp_path: Path
) -> None:
    """Who sends in a victim's name, at ten times the limit, can not silence it."""
    server, other = joined
    to = (getattr(server, family), PORT)
    order = Order((getattr(other, family), 40000), to, 32, 10_000, 600_000)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as victim,
        flooding(other, server, tmp_path, order) as flood,
    ):
        while (before := service.figures().unanswered.get("OVER_RATE", 0)) < 1000:
            time.sleep(0.1)
        share = sum(victim.ask(0.01) for _ in range(400)) / 400
        assert not flood.over()
        figures = service.figures()
    print(f"{share=} {figures}")
    assert share >= 0.25
    assert figures.unanswered["OVER_RATE"] - before > victim.asked, "over the limit all the time"


UNSENDABLE = (
    # what lets no reply go, a route or a firewall, and what the kernel then says
    ("prohibit", "EACCES"),
    ("unreachable", "EHOSTUNREACH"),
    ("blackhole", "EINVAL"),
    ("throw", "ENETUNREACH"),
    ("firewall", "EPERM"),
)
FIREWALL = """
table inet t {{
  chain o {{
    type filter hook output priority 0;
    {} daddr {} drop
  }}
}}
"""


@needs("nft")
@families
def test_8_replies_that_can_not_be_sent(family: str, joined: Pair, tmp_path: Path) -> None:
    """Each is counted by its error, and the log has one line for each error in 30 s."""
    server, other = joined
    hosts = [f"{STRANGERS[family]}{number}" for number in range(1, len(UNSENDABLE) + 1)]
    for host, (what, _) in zip(hosts, UNSENDABLE, strict=True):
        if what == "firewall":
            server.run("nft", FIREWALL.format(family.replace("ipv4", "ip").replace("v", ""), host))
        else:
            server.ip("route", "add", what, host)
    to = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as ordinary,
        Forger(other, server) as forger,
    ):
        for _ in range(50):
            for host in hosts:
                forger.send(b"x", (host, 40000), to, times=2)
            assert ordinary.ask(1)
        figures = service.stop()
    assert figures.send_errors == {errno: 100 for _, errno in UNSENDABLE}
    assert figures.echoed == ordinary.answered
    lines = service.log_lines("could not send")
    assert len(lines) == len(UNSENDABLE), lines


NOBODY = {"ipv4": "198.18.0.", "ipv6": "fd00:db8::a:"}  # followed by the number of a neighbour


@families
def test_8_neighbours_that_do_not_exist(family: str, joined: Pair, tmp_path: Path) -> None:
    """What the kernel holds back for them, while it looks for them, does not fill the queue."""
    server, other = joined
    to = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, to) as ordinary,
        Forger(other, server) as forger,
    ):
        assert ordinary.is_served()
        for neighbour in range(10, 210):
            forge(forger, b"x", (f"{NOBODY[family]}{neighbour}", 40000), to, 20)
        share = ordinary.ask_many(40)
        figures = service.stop()
    print(f"{share=} {figures}")
    assert share >= 0.95
    assert figures.send_errors == {}
    assert figures.echoed > 2000, "the burst"


@families
def test_8_a_full_send_queue(family: str, joined: Pair, tmp_path: Path) -> None:
    """With the usual send buffer, as an inherited socket may have, others wait for as long, too.

    The kernel gives up a neighbour after it has asked three times.
    """
    server, other = joined
    to = (getattr(server, family), PORT)
    server.set(f"net/{family}/neigh/{server.interface}/retrans_time_ms", "300")  # not 1000
    with server.socket(socket.AF_INET6 if family == "ipv6" else socket.AF_INET) as held:
        held.bind(to)
        measured = python("-m", "tests.live.measured_server", "--listen=systemd:index=0")
        command = server.command(*activated(measured, "echo", [held]))
        with (
            Program(command, tmp_path, pass_fds=[held.fileno()]) as program,
            client(other, to) as ordinary,
            Forger(other, server) as forger,
        ):
            service = MeasuredServer(program)
            assert ordinary.is_served()
            for neighbour in range(10, 60):
                forge(forger, b"x", (f"{NOBODY[family]}{neighbour}", 40000), to, 20)
            while service.figures().received < 1000:
                time.sleep(0.05)
            assert service.figures().send_errors.keys() == {"EAGAIN"}
            end = time.monotonic() + 10
            while not (ordinary.ask_many(10) == 1 or time.monotonic() > end):
                time.sleep(0.2)
            assert ordinary.ask_many(20) >= 0.95
            service.stop()
            assert len(service.log_lines("could not send .*EAGAIN")) == 1


@pytest.mark.parametrize(("family", "table"), [("ipv4", "udp"), ("ipv6", "udp6")])
def test_9_the_receive_buffer_is_overrun(
    family: str, table: str, joined: Pair, tmp_path: Path
) -> None:
    """What came while the server stood still is answered or counted, as the kernel counts it."""
    server, other = joined
    to = (getattr(server, family), PORT)
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}", "--rate=0") as service,
        client(other, to) as ordinary,
        Forger(other, server) as forger,
    ):
        assert ordinary.is_served()
        service.signal(signal.SIGSTOP)
        forger.send(b"x", (f"{STRANGERS[family]}77", 40000), to, times=2000)
        service.signal(signal.SIGCONT)
        assert ordinary.is_served()
        figures = service.figures()
        sockets = server.do(lambda: Path("/proc/thread-self/net", table).read_text())
        line = next(s.split() for s in sockets.splitlines() if f":{PORT:04X} " in s)
        service.stop()
    assert figures.dropped == int(line[-1]) > 0
    assert figures.received + figures.dropped == 2000 + ordinary.asked


LOSS = CORRUPT = DUPLICATE = 0.1


@pytest.mark.skipif(why_no_tun() is not None, reason=str(why_no_tun()))
@pytest.mark.parametrize(
    ("kind", "family"), [("connected", "ipv4"), ("matching", "ipv4"), ("matching", "ipv6")]
)
def test_10_clients_over_a_bad_line(kind: str, family: str, tmp_path: Path) -> None:
    """They get what they sent or a timeout, as often as the odds say, and nothing else."""
    bad = Impairment(LOSS, DUPLICATE, CORRUPT, held=0.1, delay=0.002, jitter=0.002)
    requests, attempts = 300, 2
    with (
        impaired(bad, bad) as line,
        serving(line.server, tmp_path, f"--listen=udp:{PORT}", "--rate=0") as service,
    ):
        limits = [str(requests), "0.15", str(attempts - 1)]
        command = ["nice", "-n", "-20", *python("-m", "tests.live.asker", kind)]
        command += [getattr(line.server, family), str(PORT), *limits]
        with Program(line.client.command(*command), tmp_path) as asker:
            assert asker.wait() == 0, asker.errors
            told = json.loads(asker.output.splitlines()[-1])
        figures = service.stop()
        there, back = line.end()
    whole = (1 - LOSS) * (1 - CORRUPT)  # one way; a copy is lost apart, and corrupted alike
    success = whole * (1 - CORRUPT) * ((1 - DUPLICATE) * (1 - LOSS) + DUPLICATE * (1 - LOSS**2))
    odds = (1 - success) ** attempts
    spread = (requests * odds * (1 - odds)) ** 0.5
    print(f"{told=} expected {requests * odds:.0f} +- {spread:.0f} timeouts")
    assert (told["wrong"], told["error"]) == (0, 0)
    assert told["right"] + told["timeout"] == requests
    assert abs(told["timeout"] - requests * odds) < 4 * spread
    assert (figures.received, figures.echoed) == (there.given, back.taken)
    assert min(there.lost, there.corrupted, there.duplicated, there.overtaken) > 0


packets = st.builds(
    udp_packet,
    st.binary(max_size=200),
    st.tuples(
        st.one_of(st.ip_addresses(v=4).map(str), st.sampled_from(["198.18.0.1", "127.0.0.1"])),
        st.one_of(st.integers(0, 65535), st.sampled_from([0, 7, 53, PORT])),
    ),
    st.just(("198.18.0.1", PORT)),
    ttl=st.integers(1, 255),
    tos=st.integers(0, 255),
    length=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 65535)),
)


def test_12_random_datagrams(joined: Pair, tmp_path: Path) -> None:
    """Whatever comes, it is counted, and leaves no traceback and no descriptor behind."""
    server, other = joined
    with (
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        client(other, (server.ipv4, PORT)) as ordinary,
        Forger(other, server) as forger,
    ):
        assert ordinary.is_served()
        before = service.figures()

        @settings(database=None)
        @given(st.lists(packets, min_size=5, max_size=20))
        def send(some: list[bytes]) -> None:
            forger.send_packets(some)

        send()
        assert ordinary.is_served()
        after = service.stop()
    print(after)
    assert after.received > before.received + 20, "some of them were whole enough to arrive"
    assert after.descriptors <= before.descriptors
    assert after.resident_kib - before.resident_kib < GROWTH_KIB


def test_13_a_restart_under_load_loses_nothing(tmp_path: Path) -> None:
    """The socket is its parent's: what comes while nobody serves waits there."""
    with bound() as held, bound() as asking:
        for skt in (held, asking):
            skt.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        asking.connect(held.getsockname())
        command = activated(twistd("udpecho", "--listen=systemd:index=0"), "echo", [held])
        sent, over = Counter[bytes](), Event()

        def load() -> None:
            while not over.wait(0.001):
                data = b"%d" % len(sent)
                asking.send(data)
                sent[data] += 1

        loading = Thread(target=load)
        loading.start()
        took: list[float] = []
        try:
            for _ in range(3):
                with Program(command, tmp_path, pass_fds=[held.fileno()]) as service:
                    service.wait_for("answers at")
                    time.sleep(0.3)
                    if len(took) == 2:
                        over.set()
                        loading.join()
                    began = time.monotonic()
                    service.stop()
                    took.append(time.monotonic() - began)
        finally:
            over.set()
            loading.join()
        asking.settimeout(0.3)
        answered = Counter(iter(lambda: receive(asking), None))
        print(f"{len(sent)=} {took=}")
        assert len(sent) > 500
        assert answered == sent
        in_time(max(took), SHUTDOWN)


def receive(skt: socket.socket) -> bytes | None:
    """Receive a datagram, or None if there is none."""
    try:
        return skt.recv(2000)
    except TimeoutError:
        return None
