"""What reads ping's output reads ours: jc and pingparsing, on real runs (C11)."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import jc
import pingparsing
import pytest

from tests.live.program import environment, udpecho

PATIENCE = 30.0
COUNT = 4

HOSTS = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
"""By name, with the address."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pingparsing")


@contextmanager
def answering(address: str, shares: int) -> Iterator[int]:
    """Echo so many of each two datagrams that come to a port of an address, which is given."""

    def serve() -> None:
        number = 0
        while True:
            data, peer = skt.recvfrom(65536)
            if not data:
                return
            number += 1
            if number % 2 < shares:
                skt.sendto(data, peer)

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as skt:
        skt.bind((address, 0))
        thread = Thread(target=serve)
        thread.start()
        try:
            yield skt.getsockname()[1]
        finally:
            skt.sendto(b"", skt.getsockname())
            thread.join()


def ping(*arguments: str) -> str:
    done = subprocess.run(
        udpecho("ping", "-W.5", f"-c{COUNT}", "-i.05", *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(params=[(0, 100), (1, 50), (2, 0)], ids=["100 %", "50 %", "0 %"])
def shares(request: pytest.FixtureRequest) -> tuple[int, int]:
    """How many of two are answered, and what the loss is."""
    answered: tuple[int, int] = request.param
    return answered


@pytest.mark.parametrize(("host", "address"), HOSTS.items(), ids=HOSTS)
def test_they_read_what_was_measured(host: str, address: str, shares: tuple[int, int]) -> None:
    answered, loss = shares
    received = COUNT * answered // 2
    with answering(address, answered) as port:
        text = ping("-4" if host == "localhost" else "-n", "-p", str(port), host)

    found: dict[str, Any] = jc.parse("ping", text, quiet=True)  # type: ignore[assignment]
    assert (found["packets_transmitted"], found["packets_received"]) == (COUNT, received)
    assert found["packet_loss_percent"] == loss
    assert found["destination"] == host
    assert found["destination_ip"] == address
    assert found["data_bytes"] == 56
    assert ("round_trip_ms_avg" in found) == (received > 0)
    replies = [reply for reply in found["responses"] if reply["type"] == "reply"]
    assert len(replies) == len(found["responses"]) == received, "no line is taken for another"
    assert all(reply["bytes"] == 64 and 0 < reply["time_ms"] < 500 for reply in replies)
    sequence = [reply["icmp_seq"] for reply in replies]
    assert sequence == ([2, 4] if answered == 1 else [*range(1, received + 1)])
    assert {reply["response_ip"] for reply in replies} <= {address}

    stats = pingparsing.PingParsing().parse(text)
    assert (stats.packet_transmit, stats.packet_receive) == (COUNT, received)
    assert stats.packet_loss_rate == loss
    assert stats.destination == host.strip(":"), "so it does with iputils'"
    assert stats.packet_duplicate_count == 0
    assert [reply["icmp_seq"] for reply in stats.icmp_replies] == sequence
    if received:
        assert stats.rtt_avg == found["round_trip_ms_avg"]
        assert stats.rtt_mdev == found["round_trip_ms_stddev"]
    else:
        assert stats.rtt_avg is None


def test_they_read_a_host_with_its_port() -> None:
    with answering("127.0.0.1", 2) as port:
        text = ping(f"127.0.0.1:{port}")
    found: dict[str, Any] = jc.parse("ping", text, quiet=True)  # type: ignore[assignment]
    assert found["destination"] == f"127.0.0.1:{port}"
    assert [reply["icmp_seq"] for reply in found["responses"]] == [1, 2, 3, 4]
    stats = pingparsing.PingParsing().parse(text)
    assert (stats.destination, stats.packet_receive) == (f"127.0.0.1:{port}", COUNT)
