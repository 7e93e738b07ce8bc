"""What no echo server can see, and the rules in deploy/ that keep it out."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.live.conftest import needs
from tests.live.netns import Forger, Pair, why_not
from tests.live.program import ROOT
from tests.live.witness import client, forge, serving

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    needs("nft"),
]

RULES = str(ROOT / "deploy/udpecho.nft")
PORT, LOCAL = 9007, 40000
FORGED = 20


STRANGER = "203.0.113.77"
LOOPBACK = "127.0.0.1"

# From which address, to which, what has the kernel let it in, and what that is.
FORGERIES: list[tuple[str, str, dict[str, str], str]] = [
    ("ipv6", "ipv6", {}, "from its own IPv6 address"),
    ("ipv4", "ipv4", {"accept_local": "1"}, "from its own IPv4 address"),
    (LOOPBACK, LOOPBACK, {"accept_local": "1", "route_localnet": "1"}, "from loopback"),
    (STRANGER, LOOPBACK, {"route_localnet": "1"}, "to loopback"),
]


@pytest.mark.parametrize("rules", [False, True], ids=["open", "with the rules"])
@pytest.mark.parametrize(("source", "to", "settings", "what"), FORGERIES)
def test_what_comes_from_the_wire_in_our_own_name(
    source: str,
    to: str,
    settings: dict[str, str],
    what: str,
    rules: bool,
    joined: Pair,
    tmp_path: Path,
) -> None:
    """Without the rules it is answered, and the reply reaches another service of this machine."""
    server, other = joined
    source, to = (getattr(server, each, each) for each in (source, to))
    for name, value in settings.items():
        server.set(f"net/ipv4/conf/{server.interface}/{name}", value)
    if rules:
        for _ in range(2):  # loading them again is no error
            server.run("nft", "-f", RULES)
    address = (getattr(server, "ipv6" if ":" in to else "ipv4"), PORT)
    with (
        server.socket(socket.AF_INET6 if ":" in source else socket.AF_INET) as service_of_another,
        serving(server, tmp_path, f"--listen=udp:{PORT}") as service,
        Forger(other, server) as forger,
        client(other, address) as ordinary,
    ):
        service_of_another.bind(("" if source == STRANGER else source, LOCAL))
        forge(forger, b"x", (source, LOCAL), (to, PORT), FORGED)
        assert ordinary.is_served()
        heard = count(service_of_another)
        figures = service.stop()
    let_in = 0 if rules else FORGED
    assert figures.received == ordinary.asked + let_in, what
    assert heard == (0 if source == STRANGER else let_in), what


def count(skt: socket.socket) -> int:
    """Count what a socket hears until it is quiet."""
    skt.settimeout(0.5)
    heard = 0
    try:
        while skt.recv(100):
            heard += 1
    except TimeoutError:
        pass
    return heard
