"""Slow, many and rude clients of a node's pages: probes leave in time, and others are answered."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.live.abuse import ABUSES, HOST, Abuse
from tests.live.conftest import free_port
from tests.live.program import PATIENCE, Program, twistd
from tests.live.test_watch import until
from tests.live.test_watch_access import Shown, shown  # noqa: F401
from udpecho.watch.web.site import MOST_CONNECTIONS

CONFIG = """
[reflect]
listen = "udp:{own}:interface=127.0.0.1"
[probe]
interval = 0.1
[[peers]]
hosts = ["127.0.0.1:{other}"]
[web]
listen = "tcp:{web}:interface=127.0.0.1"
"""

SECONDS = 3.0
"""How long each kind of abuse goes on."""

LATE = 0.5
"""Seconds by which half of the probes may leave late on a machine with much other work. Without
turns a few who ask a thousand times at once held all up for all of the time."""


class Probing:
    """A node that probes 160 times a second, and what it says of itself."""

    def __init__(self, folder: Path) -> None:
        self.web = free_port()
        other = free_port()
        file = folder / "watch.toml"
        file.write_text(CONFIG.format(own=free_port(), other=other, web=self.web))
        self.program = Program(twistd("udpecho", f"--watch={file}"), folder)
        self.server = Program(twistd("udpecho", f"--port={other}", "--rate=0"), folder)

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=PATIENCE)
        connection.request("GET", path, headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status == 200
        return text

    def lateness(self) -> tuple[int, int]:
        """Count probes, and those that left too late."""
        text = self.get("/metrics")
        found = dict(re.findall(r'udpecho_lateness_seconds_bucket{le="(\S+)"} (\d+)', text))
        total = int(found["+Inf"])
        return total, total - int(found[str(LATE)])


@pytest.fixture
def probing(tmp_path: Path) -> Iterator[Probing]:
    node = Probing(tmp_path)
    with node.program, node.server:
        until(lambda: node.get("/-/ready") == "yes\n" and node.lateness()[0] > 16)
        yield node


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda abuse: abuse.__name__)
def test_probes_leave_in_time_and_others_are_answered(probing: Probing, abuse: Abuse) -> None:
    before, late_before = probing.lateness()
    made: list[int] = []
    abusing = Thread(target=lambda: made.append(abuse(probing.web, SECONDS)))
    begun = time.monotonic()
    abusing.start()
    while abusing.is_alive():
        with suppress(http.client.HTTPException, ConnectionError):  # its place was another's
            assert probing.get("/-/ready") == "yes\n"
        time.sleep(0.1)
    abusing.join(PATIENCE)
    until(lambda: probing.get("/-/healthy") == "yes\n")
    after, late_after = probing.lateness()
    seconds = time.monotonic() - begun
    assert made[0] >= 40
    assert after - before > 160 * seconds / 10, "probing stood still"
    assert late_after - late_before <= (after - before) / 2, "they left late"
    probing.program.stop()
    assert "Traceback" not in probing.program.output + probing.program.errors


def test_more_connections_than_there_may_be_over_tls_and_handshakes_that_stall(
    shown: Shown,  # noqa: F811
) -> None:
    with ExitStack() as stack:
        for number in range(MOST_CONNECTIONS + 20):
            skt = stack.enter_context(socket.create_connection(("127.0.0.1", shown.port)))
            if number % 2:
                skt.send(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a hello
        until(lambda: shown.get("/-/ready") == (200, "yes\n"))
    log = shown.program.output + shown.program.errors
    assert "Traceback" not in log
    shown.program.stop()


def test_who_asks_on_over_tls_without_reading_is_hung_up_on(shown: Shown) -> None:  # noqa: F811
    many = (b"GET /-/ready HTTP/1.1\r\n" + HOST + b"\r\n") * 500
    with (
        socket.create_connection(("127.0.0.1", shown.port)) as skt,
        shown.context.wrap_socket(skt, server_hostname="127.0.0.1") as tls,
    ):
        tls.settimeout(PATIENCE)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            tls.sendall(many * 1000)
    assert shown.get("/-/ready") == (200, "yes\n")
