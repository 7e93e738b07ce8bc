"""udpecho watch at the desk: its page, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import urllib.request

import pytest

from tests.live.conftest import Start, bound
from tests.live.program import Program, udpecho
from tests.live.test_watch import until

INT = signal.SIGINT


def address_of(watching: Program) -> str:
    return watching.wait_for(r"^http://127\.0\.0\.1:\d+/$")[0]


def got(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def test_our_own_nodes_have_a_page_with_three_rows(start: Start) -> None:
    watching = start(udpecho("watch", "--web=0", "-i.2"))
    url = address_of(watching)
    page = got(url)
    for name in ("node-1", "node-2", "lossy"):
        assert f'<th scope="row">{name}</th>' in page
        assert f'<th scope="col">{name}</th>' in page
    lossy = re.compile(r'udpecho_probes_total\{peer="lossy",outcome="(replied|lost)"\} ([1-9]\d*)')
    until(lambda: len(lossy.findall(got(f"{url}metrics"))) == 2)
    watching.signal(signal.SIGQUIT)
    watching.wait_for(r"^udpecho: 6 peers probed: \d+ replied")
    watching.signal(INT)
    assert watching.wait() == 0
    first, *_ = watching.errors.splitlines()
    assert first.startswith("No host given: three nodes of our own on loopback")
    assert watching.output.startswith(f"{url}\n")
    assert "Traceback" not in watching.errors


def test_hosts_that_answer_and_that_do_not(start: Start) -> None:
    with bound() as skt:
        silent = f"127.0.0.1:{skt.getsockname()[1]}"
        watching = start(udpecho("watch", "-q", "--web=0", "-i.1", silent, "nobody.invalid"))
        page = got(address_of(watching))
        assert silent in page
        assert "nobody.invalid" in page
        skt.settimeout(20)
        metrics = f"{address_of(watching)}metrics"
        replied = re.compile(rf'peer="{re.escape(silent)}",outcome="replied"}} [1-9]')

        def answered() -> bool:
            for _ in range(32):
                data, peer = skt.recvfrom(2048)
                skt.sendto(data, peer)
            return replied.search(got(metrics)) is not None

        until(answered)
        watching.signal(INT)
        assert watching.wait() == 0
    assert watching.errors == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_as_they_do_by_default(number: int, start: Start) -> None:
    watching = start(udpecho("watch", "--web=0"))
    address_of(watching)
    watching.signal(number)
    assert watching.wait() == -number
    assert watching.errors.count("\n") == 1


def test_a_port_that_is_taken_is_one_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        watching = start(udpecho("watch", "-q", f"--web={port}"))
        assert watching.wait() == 2
    assert watching.output == ""
    why = "Address already in use"
    assert watching.errors == f"udpecho: --web: can't show a page on 127.0.0.1 port {port}: {why}\n"


def test_two_have_a_page_each_unless_they_are_told_where(start: Start) -> None:
    urls = {address_of(start(udpecho("watch", "-q"))) for _ in range(2)}
    assert len(urls) == 2
