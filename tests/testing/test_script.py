"""A peer that follows a script."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import CannotListenError

from tests.rules import Attentive, Notebook
from udpecho.errors import DatagramTooLong
from udpecho.port import listen_udp
from udpecho.testing import (
    Fate,
    MemoryNetwork,
    ScriptedPeer,
    duplicate,
    refuse,
    reply,
    silence,
)

PEER, PEER6, OWN, OWN6 = "192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"


class Scene:
    """A scripted peer on port 7, and a protocol that is connected to it."""

    def __init__(self, *script: Any, host: str = PEER, **link: Any) -> None:
        self.net = MemoryNetwork()
        self.far, self.near = self.net.host(PEER, PEER6), self.net.host(OWN, OWN6)
        self.near.refusals = "called"
        self.net.link(self.near, self.far, **link)
        self.peer: ScriptedPeer = self.far.peer(7, script)
        self.client = Notebook()
        self.near.listenUDP(50000, self.client, "::" if ":" in host else "")
        self.client.port.connect(host, 7)

    def ask(self, *data: bytes) -> list[bytes]:
        for each in data:
            self.client.send(each)
            self.net.advance()
        return self.client.heard


def test_a_script() -> None:
    """One step a datagram: two replies, nothing, the last once more, a refusal; then silence."""
    scene = Scene(reply(b"a"), reply(bytes.upper), silence, duplicate, refuse)
    assert scene.ask(b"1", b"two", b"3", b"4") == [b"a", b"TWO", b"TWO"]
    assert (scene.client.refusals, scene.peer.left) == (0, 1)
    scene.ask(b"5")
    assert scene.client.refusals == 1
    scene.ask(b"6", b"7")
    assert (scene.client.heard, scene.peer.left) == ([b"a", b"TWO", b"TWO"], 0)
    assert [data for data, _ in scene.peer.heard] == [b"1", b"two", b"3", b"4", b"5", b"6", b"7"]
    assert {source for _, source in scene.peer.heard} == {(OWN, 50000)}
    asked = [each.fate for each in scene.net.record.select(to=(PEER, 7))]
    assert asked == [Fate.DELIVERED] * 4 + [Fate.REFUSED] + [Fate.DELIVERED] * 2


def test_a_reply_comes_late_and_often() -> None:
    scene = Scene(reply(b"a", times=3, delay=0.5), duplicate, delay=1.0)
    scene.ask(b"1")
    scene.net.advance(2.4999)
    assert scene.client.heard == []
    scene.net.advance(0.0001)
    assert scene.client.heard == [b"a"] * 3
    scene.ask(b"2")
    scene.net.advance(2)
    assert scene.client.heard == [b"a"] * 4  # a duplicate is one, and has no delay of its own


def test_nothing_comes_inside_write() -> None:
    scene = Scene(reply(b"a"))
    scene.client.send(b"1")
    assert scene.client.heard == []


def test_over_ipv6() -> None:
    """It answers from the address that was asked."""
    scene = Scene(reply(b"a"), host=PEER6)
    assert scene.ask(b"1") == [b"a"]
    assert scene.client.peers == [(PEER6, 7)]


def test_what_was_sent_to_all_is_answered_from_its_own_address() -> None:
    """As any socket's: nothing leaves from 255.255.255.255; and it is not refused (RFC 1122)."""
    scene, asker = Scene(reply(b"a"), refuse), Attentive()
    listen_udp(scene.near, 50001, asker).setBroadcastAllowed(True)
    for _ in range(2):
        asker.send(b"who is there?", ("255.255.255.255", 7))
        scene.net.advance(1)
    assert (asker.heard, asker.peers, asker.refused) == ([b"a"], [(PEER, 7)], [])
    assert len(scene.peer.heard) == 2


def test_it_hears_others_too() -> None:
    """The script is the peer's, whoever asks."""
    scene = Scene(reply(b"a"), reply(b"b"))
    scene.net.forge(b"lie", source=("203.0.113.66", 1), to=(PEER, 7))
    scene.net.advance()
    assert scene.ask(b"1") == [b"b"]
    assert scene.peer.heard == [(b"lie", ("203.0.113.66", 1)), (b"1", (OWN, 50000))]


def test_its_port() -> None:
    """It takes it, and gives it back."""
    scene = Scene()
    assert repr(scene.peer) == "<ScriptedPeer at [::]:7, 0 steps left>"
    for taken in ("", PEER, "::"):
        with pytest.raises(CannotListenError):
            scene.far.listenUDP(7, Notebook(), taken)
    with pytest.raises(CannotListenError):
        scene.far.peer(7, [])
    scene.peer.close()
    scene.far.peer(7, [reply(b"other")])
    assert scene.ask(b"1") == [b"other"]


@pytest.mark.parametrize(
    ("script", "error", "line"),
    [
        ([b"a"], TypeError, "step 1 of the script is reply(...), silence, duplicate or refuse"),
        ([silence, reply], TypeError, "step 2 of the script is"),
        ([duplicate], ValueError, "step 1 of the script is a duplicate of no reply before"),
        ([silence, duplicate], ValueError, "step 2 of the script is a duplicate of no reply"),
    ],
)
def test_what_is_no_script(script: Any, error: type[Exception], line: str) -> None:
    net = MemoryNetwork()
    with pytest.raises(error) as raised:
        net.host().peer(7, script)
    assert line in str(raised.value)
    net.host().listenUDP(7, Notebook())  # nothing is left of it


@pytest.mark.parametrize(
    ("answer", "options", "line"),
    [
        ("text", {}, "a reply is bytes, or a function that makes some, not 'text'"),
        (b"a", {"times": 0}, "a reply's times is 1 or more, not 0"),
        (b"a", {"times": 1.5}, "a reply's times is 1 or more, not 1.5"),
        (b"a", {"delay": -1}, "a reply's delay is 0 seconds or more, not -1"),
        (b"a", {"delay": float("nan")}, "a reply's delay is 0 seconds or more, not nan"),
    ],
)
def test_what_is_no_reply(answer: Any, options: Any, line: str) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        reply(answer, **options)
    assert str(raised.value) == line


def test_a_function_that_makes_no_reply() -> None:
    """What it raises, or makes wrong, leaves advance, as what a delayed call raises does."""
    wrong: Any = str
    for answer, error in [
        (lambda data: 1 / len(data), ZeroDivisionError),
        (wrong, TypeError),
        (lambda _: bytes(65508), DatagramTooLong),
    ]:
        scene = Scene(reply(answer), reply(b"next"))
        scene.client.send(b"")
        with pytest.raises(error):
            scene.net.advance()
        assert scene.ask(b"again") == [b"next"]


@pytest.mark.parametrize("port", [-1, 65536, "7", None])
def test_what_is_no_port(port: Any) -> None:
    with pytest.raises(ValueError, match=f"a port is from 0 to 65535, not {port!r}"):
        MemoryNetwork().host().peer(port, [])
