"""The pages as they are served: of peers that there are, whatever they are called."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import pytest
from twisted.internet.protocol import DatagramProtocol

from tests.watch.test_pages import EVIL, Read
from tests.watch.test_web import LOCAL, Bench
from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Outcome
from udpecho.watch.events.event import FlowLosing, PeerSilent, ReloadRefused
from udpecho.watch.events.happened import MOST_LISTED
from udpecho.watch.pages.html import SECURITY, link_to
from udpecho.watch.pages.tiles import MOST_TILES
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.probed import new_probed

NAMES = ["a/b?c#d%2F", EVIL, "<b>", "[::1]:7", "\u00e4\U0001f600", "x" * 253]


def get(bench: Bench, path: str, status: int = 200) -> str:
    found, headers, body = bench.ask(f"GET {path} HTTP/1.1", LOCAL, "Accept-Encoding: gzip")
    assert found == status
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return body.decode()


def test_the_front_page_has_a_tile_for_each_peer_and_says_what_is_not_known() -> None:
    bench = Bench(3)
    read = Read(get(bench, "/"))
    links = [str(each["href"]) for tag, each in read.elements if tag == "a"]
    pairs = [each for each in links if each.startswith("/pair/")]
    assert len(pairs) == 3
    assert read.text.count("?") + read.text.count("100 %") == 3
    for each in pairs:
        assert "smoke" in get(bench, each)
    assert ("body", {"data-events": "/events/"}) in read.elements
    bench.stop()


@pytest.mark.parametrize("name", NAMES)
def test_a_peers_page_whatever_it_is_called(name: str) -> None:
    bench = Bench(0)
    bench.node.roll[name] = new_probed(Wanted(name, "192.0.2.9", 7, EVIL, EVIL), 2)
    path = link_to(name)
    text = get(bench, path)
    assert not Read(text).open
    assert "<script>alert" not in text
    assert f'data-events="/events{path}"' in text
    assert get(bench, f"/events{path}x", 404)
    del bench.node.roll[name]
    get(bench, path, 404)
    bench.stop()


@pytest.mark.parametrize("path", ["/pair/", "/pair/%", "/pair/%ff%fe", "/pair/198.51.100.9", "/x"])
def test_what_is_no_page_is_404(path: str) -> None:
    bench = Bench(1)
    get(bench, path, 404)
    bench.stop()


def test_pages_may_load_what_is_ours_and_nothing_else() -> None:
    bench = Bench(1)
    for path in ("/", f"/pair/{quote('198.51.100.1:1060')}"):
        _, headers, _ = bench.ask(f"GET {path} HTTP/1.1", LOCAL)
        assert headers["content-security-policy"] == SECURITY
        status, _, body = bench.ask(f"HEAD {path} HTTP/1.1", LOCAL)
        assert (status, body) == (200, b"")
    for path, kind in (("/watch.css", "text/css"), ("/watch.js", "text/javascript")):
        _, headers, body = bench.ask(f"GET {path} HTTP/1.1", LOCAL)
        assert headers["content-type"] == f"{kind}; charset=utf-8"
        assert body
    bench.stop()


def test_a_day_that_is_young_is_drawn_as_wide_as_a_whole_one() -> None:
    bench = Bench(1)
    bench.nodes.net.advance(5 * 60)
    text = get(bench, "/pair/198.51.100.1%3A1060")
    assert 'viewBox="0 0 10 ' in text
    assert "100 %" in Read(text).text
    bench.stop()


def test_a_silent_peers_page_says_since_when_and_whether_its_probes_are_refused() -> None:
    bench = Bench(2)
    nodes = bench.nodes
    deaf = nodes.net.host("198.51.100.2")
    nodes.net.link(deaf, nodes.router, delay=0.001, loss=1.0)
    nodes.net.advance(65)
    assert "Nothing came from it so far: its probes are refused" in get(
        bench, "/pair/198.51.100.1%3A1060"
    )
    text = get(bench, "/pair/198.51.100.2%3A1060")
    assert "Nothing came from it so far.</p>" in text
    assert "Times are UTC." in text
    bench.stop()


def test_the_reflectors_page_tells_who_asks_and_what_is_not_answered_and_why() -> None:
    bench = Bench(0)
    nodes = bench.nodes
    assert "look again" in get(bench, "/reflector")
    asker = nodes.net.host("198.51.100.7")
    nodes.net.link(asker, nodes.router, delay=0.001)
    port = asker.listenUDP(0, DatagramProtocol())
    low = asker.listenUDP(7, DatagramProtocol())
    for each in (port, port, port, low):
        each.write(b"x", (nodes.addresses[0], 1060))
    nodes.net.advance(2)
    text = Read(get(bench, "/reflector")).text
    assert "4 datagrams" in text
    assert "from a service's port1" in text
    assert "198.51.100.7" in text
    nodes.net.advance(200)
    port.write(b"x", (nodes.addresses[0], 1060))
    nodes.net.advance(1)
    assert all(each._judge == each._guard.judge for each in bench.node.reflector._servers.values())
    for each in (port, low):
        each.stopListening()
    bench.stop()


def test_what_happened_is_listed_and_on_a_peers_page_what_is_its() -> None:
    bench = Bench(0)
    for name in ("a", "<b>"):
        bench.node.roll[name] = new_probed(Wanted(name, "192.0.2.9", 7), 2)
    for event in (FlowLosing("a", 1), PeerSilent("<b>", 9.0, EVIL), ReloadRefused("x.toml:1: y")):
        bench.node.events.tell(event)
    bench.node.runs.end()
    read = Read(get(bench, "/"))
    words = read.text[read.text.index("What happened") :]
    assert words.index("x.toml:1") < words.index("<b> is silent") < words.index("a: flow 1 loses")
    of_one = Read(get(bench, "/pair/a")).text
    assert "a: flow 1 loses" in of_one
    assert "is silent" not in of_one
    assert "<script>alert" not in get(bench, "/pair/%3Cb%3E")
    for number in range(300):
        bench.node.events.tell(FlowLosing("a", number))
    assert get(bench, "/").count("<time ") == MOST_LISTED
    bench.stop()


def test_of_very_many_peers_there_are_the_worst() -> None:
    bench = Bench(0)
    bench.node.runs.end()
    for number in range(MOST_TILES + 50):
        name = f"peer-{number}"
        probed = bench.node.roll[name] = new_probed(Wanted(name, "192.0.2.9", 7), 1)
        kind = ProbeFate.REPLIED if number < MOST_TILES else ProbeFate.LOST
        probed.counts.add(0, Outcome(kind, 0, rtt_ns=1000 if number < MOST_TILES else None))
    read = Read(get(bench, "/"))
    links = [str(each["href"]) for tag, each in read.elements if tag == "a"]
    pairs = [each for each in links if each.startswith("/pair/")]
    assert len(pairs) == MOST_TILES
    assert pairs[:50] == [f"/pair/peer-{MOST_TILES + each}" for each in range(50)]
    assert "50 more peers lose no more" in read.text
    bench.node.roll.clear()
    bench.stop()
