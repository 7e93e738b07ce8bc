"""The whole mesh on one page: who is asked, when and how often, and what is made of an answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from tests.watch.nodes import Nodes
from tests.watch.test_classes import Ordinary
from tests.watch.test_hearsay import peer, row
from udpecho import listen_udp
from udpecho.watch.classes import in_classes
from udpecho.watch.configuring.config import read_config
from udpecho.watch.configuring.settings import MeshSettings
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.pages.mesh_rows import MeshRows
from udpecho.watch.pages.neighbours import Neighbours
from udpecho.watch.pages.others import (
    ASKED_AT_ONCE,
    CACHED_SECONDS,
    KEPT_SECONDS,
    OLD_SECONDS,
    OPEN_SECONDS,
    Others,
)
from udpecho.watch.peers.fetching import CantFetch, Fetch
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.peers.trust import basic, check_mesh
from udpecho.watch.probed import new_probed
from udpecho.watch.remembering.cell import UNKNOWN, Cell

WEB = "[probe]\nflows = 1\n[mesh]\nfanout = 'all'\nweb = 'http://{address}:8060/'\n"


class Asked:
    """The others of a node in memory, and what they are asked."""

    def __init__(self, peers: int, more: str = WEB, fetch: Fetch | None = None) -> None:
        self.nodes = Nodes(1)
        named: list[int | str] = [f"198.51.100.{n + 1}:1060" for n in range(peers)]
        self.node = self.nodes.begin(0, self.nodes.text(0, named, more))
        self.nodes.net.advance(0.1)
        self.urls: list[str] = []
        self.waiting: list[Deferred[bytes]] = []
        self.others = Others(self.nodes.hosts[0], self.node, fetch_of=lambda _: fetch or self.fetch)
        self.others.startService()
        self.rows = MeshRows(self.node, self.others)

    def fetch(self, url: str) -> Deferred[bytes]:
        self.urls.append(url)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def look(self) -> list[str]:
        """Look at the page, and tell who is asked."""
        before = len(self.urls)
        self.rows.looked_at()
        return self.urls[before:]

    def advance(self, seconds: float) -> None:
        self.nodes.net.advance(seconds)

    def stop(self) -> None:
        self.others.stopService()
        self.nodes.stop()


def name(number: int) -> str:
    return f"198.51.100.{number}:1060"


def test_nobody_is_asked_until_somebody_looks() -> None:
    asked = Asked(2)
    asked.advance(100)
    assert asked.urls == []
    assert asked.look() == [f"http://198.51.100.{n}:8060/api/v1/row" for n in (1, 2)]
    assert asked.rows.sources() == asked.rows.peers() == ["node-0", name(1), name(2)]
    assert asked.rows.note("node-0") == ""
    asked.waiting[0].callback(row(peer(name(2), loss=0.25), peer("node-0", loss=0, slow=False)))
    asked.advance(0)
    assert asked.rows.known(name(1), name(2)) == Cell(0.25, 7, slow=True)
    assert asked.rows.known(name(1), "node-0") == Cell(0, 7)
    assert asked.rows.note(name(1)) == ""
    assert asked.rows.known(name(2), name(1)) == UNKNOWN
    assert asked.rows.known("node-0", name(1)).loss == 1.0
    asked.stop()


def test_others_without_a_template_are_not_asked() -> None:
    asked = Asked(2, "")
    assert asked.look() == []
    assert asked.rows.sources() == ["node-0"]
    assert asked.rows.peers() == [name(1), name(2)]
    asked.stop()


def test_they_are_asked_again_while_somebody_looks_and_not_too_often() -> None:
    asked = Asked(1)
    assert len(asked.look()) == 1
    asked.waiting[0].callback(row(peer(name(1))))
    asked.advance(CACHED_SECONDS - 1)
    assert asked.look() == []
    asked.advance(2)
    assert len(asked.urls) == 1
    assert len(asked.look()) == 1
    assert asked.look() == []
    asked.waiting[1].errback(CantFetch("no answer within 2 s"))
    assert asked.look() == []
    asked.advance(CACHED_SECONDS)
    assert len(asked.look()) == 1
    asked.stop()


def test_a_few_are_asked_at_once_and_no_more_when_nobody_looks() -> None:
    asked = Asked(3 * ASKED_AT_ONCE)
    assert len(asked.look()) == ASKED_AT_ONCE
    for waiting in asked.waiting[:3]:
        waiting.errback(CantFetch("refused"))
    assert len(asked.urls) == ASKED_AT_ONCE + 3
    asked.advance(OPEN_SECONDS + 1)
    asked.waiting[3].errback(CantFetch("refused"))
    assert len(asked.urls) == ASKED_AT_ONCE + 3
    assert asked.rows.note(name(20)) == "not asked yet"
    # 7 are still asked, so one more may be, and it is who was asked least lately.
    assert len(asked.look()) == 1
    asked.stop()


def test_all_are_asked_though_all_fail_at_once() -> None:
    calls: list[str] = []

    def fetch(url: str) -> Deferred[bytes]:
        calls.append(url)
        return fail(CantFetch("no route"))

    asked = Asked(250, fetch=fetch)
    asked.look()
    assert len(calls) == len(set(calls)) == 200
    assert len(asked.rows.sources()) == 201
    assert {asked.rows.note(each) for each in asked.rows.sources()[1:]} == {"no answer: no route"}
    asked.stop()


def test_what_is_old_says_so_and_is_forgotten() -> None:
    asked = Asked(2)
    asked.look()
    asked.waiting[0].callback(row(peer(name(2))))
    asked.advance(OLD_SECONDS + 1)
    assert asked.rows.note(name(1)) == "1 min old"
    asked.look()
    asked.waiting[2].errback(CantFetch("expected status 200, got 302"))
    assert asked.rows.note(name(1)) == "1 min old; no answer: expected status 200, got 302"
    assert asked.rows.known(name(1), name(2)).loss == 0.5
    asked.advance(KEPT_SECONDS - OLD_SECONDS)
    assert asked.rows.known(name(1), name(2)) == UNKNOWN
    assert asked.rows.note(name(1)) == "no answer: expected status 200, got 302"
    asked.stop()


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (b"<html>", "no answer: expected a node's row, got another record"),
        (b'{"peers":[\n', "no answer: expected a row of schema 1, got another"),
        (row(peer())[:-4], "no answer: expected a whole row, got a part of one"),
    ],
)
def test_nonsense_spoils_its_own_row_alone(answer: bytes, note: str) -> None:
    asked = Asked(2)
    asked.look()
    asked.waiting[1].callback(row(peer(name(1))))
    asked.waiting[0].callback(answer)
    asked.advance(0)
    assert asked.rows.note(name(1)) == note
    assert asked.rows.known(name(2), name(1)).loss == 0.5
    assert asked.rows.sources() == ["node-0", name(1), name(2)]
    asked.stop()


def test_a_liar_invents_no_node_and_a_reason_is_harmless_and_short() -> None:
    asked = Asked(2)
    asked.look()
    asked.waiting[0].callback(row(peer("<b>new</b>"), peer(name(1), loss=0)))
    asked.waiting[1].errback(CantFetch("\x1b[31mred\x1b[0m" + "x" * 1000 + "\nmore"))
    asked.advance(0)
    assert asked.rows.sources() == ["node-0", name(1), name(2)]
    note = asked.rows.note(name(2))
    assert note.startswith("no answer: \\x1b[31mred")
    assert len(note) < 200
    assert "\n" not in note
    asked.stop()


def test_others_are_known_by_name_or_by_address_and_this_node_too() -> None:
    nodes = Nodes(3)
    text = nodes.text(0, ["host-2.example:1060", 2, "192.0.2.1:1060"], WEB)
    node = nodes.begin(0, text)
    nodes.net.advance(3)
    others = Others(nodes.hosts[0], node, fetch_of=lambda _: lambda _: succeed(told))
    others.startService()
    rows = MeshRows(node, others)
    assert node.roll.keys() == {"host-2.example:1060", "192.0.2.3:1060"}
    told = row(
        peer("their-name-of-2", address="192.0.2.2:1060", loss=0.1),
        peer("their-name-of-us", address="192.0.2.1:1060", loss=0.2),
        peer("somebody", address="192.0.2.9:1060", loss=0.3),
        peer("192.0.2.3:1060", address=None, loss=0.4),
        peer("odd", address="no/address:x", loss=0.5),
    )
    rows.looked_at()
    nodes.net.advance(1)
    source = "192.0.2.3:1060"
    assert rows.known(source, "host-2.example:1060").loss == 0.1
    assert rows.known(source, "node-0").loss == 0.2
    assert rows.known(source, "192.0.2.3:1060").loss == 0.4
    assert len(rows.sources()) == 3
    others.stopService()
    nodes.stop()


CLASSES = "[probe]\ndscp = ['CS0', 'EF']\n" + WEB.replace("[probe]\n", "")


def test_a_node_is_one_in_all_classes_of_traffic() -> None:
    asked = Asked(2, CLASSES)
    assert asked.node.roll.keys() == {name(1), f"{name(1)} EF", name(2), f"{name(2)} EF"}
    assert asked.look() == [f"http://198.51.100.{n}:8060/api/v1/row" for n in (1, 2)]
    assert asked.rows.sources() == asked.rows.peers() == ["node-0", name(1), name(2)]
    two = peer(name(2), loss=0.25), peer(f"{name(2)} EF", loss=0.75)
    us = "node-0"
    asked.waiting[0].callback(row(*two, peer(us, loss=0.5), peer(f"{us} EF", loss=0.25)))
    theirs = [peer(each, address=name(1), loss=n / 2) for n, each in enumerate(("x", "x EF"))]
    asked.waiting[1].callback(row(*theirs))
    asked.advance(0)
    assert asked.rows.known(name(1), name(2)) == Cell(0.75, 7, slow=True, traffic="EF")
    assert asked.rows.known(name(1), "node-0") == Cell(0.5, 7, slow=True)
    assert asked.rows.known(name(2), name(1)) == Cell(0.5, 7, slow=True, traffic="EF")
    asked.stop()


def test_of_its_own_peers_a_node_tells_the_worst_class() -> None:
    bench = Nodes(2)
    listen_udp(bench.hosts[1], 1060, Ordinary(), bench.addresses[1])
    node = bench.begin(0, bench.text(0, [1], CLASSES))
    others = Others(bench.hosts[0], node, fetch_of=lambda _: lambda _: Deferred())
    rows = MeshRows(node, others)
    bench.net.advance(30)
    rows.looked_at()
    known = rows.known("node-0", "192.0.2.2:1060")
    assert (known.loss, known.traffic) == (1.0, "EF")
    assert rows.known("node-0", "192.0.2.2:1060 EF") == rows.known("node-0", "node-0") == UNKNOWN
    bench.stop()


def test_as_many_nodes_are_asked_in_several_classes() -> None:
    asked = Asked(250, CLASSES, fetch=lambda _: fail(CantFetch("no route")))
    asked.look()
    assert len(asked.rows.sources()) == 201
    assert not any(each.endswith("EF") for each in asked.rows.sources())
    asked.stop()


def test_a_peer_that_is_called_as_if_in_a_class_is_a_node() -> None:
    nodes = Nodes(3)
    node = nodes.begin(0, nodes.text(0, [1, 2], CLASSES))
    nodes.stop()
    named = {each: Wanted(each, f"198.51.100.{n}", 7) for n, each in enumerate(("b", "b EF"), 1)}
    [*_, _] = node.choosing.choose(named, node.config.node, node.config.mesh)
    [*_, found] = in_classes(named, (0, 46))
    assert found is not None
    node.roll.clear()
    node.roll.update({each: new_probed(wanted, 1) for each, wanted in found.items()})
    neighbours = Neighbours(node)
    neighbours.look()
    assert list(neighbours.names) == ["b", "b EF"]
    column = neighbours.column()
    assert column("b EF", "") == ("b EF", "")
    assert column("b EF EF", "") == ("b EF", "EF")
    assert column("b CS1", "") == ("b", "CS1")


def test_where_a_node_is_asked() -> None:
    nodes = Nodes(2)
    node = nodes.begin(0, nodes.text(0, ["host-2.example:1060", "[2001:db8::1]:7"], WEB))
    nodes.net.advance(3)
    others = Others(nodes.hosts[0], node)
    others.neighbours.look()
    pages = [others.neighbours.page(each) for each in others.neighbours.names]
    assert pages == ["http://192.0.2.2:8060", "http://[2001:db8::1]:8060"]
    nodes.reload(0, nodes.text(0, ["host-2.example:1060"], WEB.replace("http:", "https:")))
    nodes.net.advance(3)
    others.neighbours.look()
    pages = [others.neighbours.page(each) for each in others.neighbours.names]
    assert pages[0] == "https://host-2.example:8060"
    nodes.stop()


def test_a_reload_has_them_asked_elsewhere_or_no_more() -> None:
    asked = Asked(1)
    asked.look()
    asked.waiting[0].callback(row(peer(name(1))))
    asked.advance(1)
    named: list[int | str] = [name(1)]
    asked.nodes.reload(0, asked.nodes.text(0, named, WEB.replace("8060", "81")))
    assert asked.look() == ["http://198.51.100.1:81/api/v1/row"]
    asked.waiting[1].callback(row(peer(name(1))))
    asked.others.check(asked.node.config.mesh)
    assert len(asked.look()) == 1
    asked.nodes.reload(0, asked.nodes.text(0, named, ""))
    asked.advance(CACHED_SECONDS)
    assert asked.look() == []
    assert asked.rows.sources() == ["node-0"]
    asked.stop()


def test_a_peer_that_is_gone_has_no_row() -> None:
    asked = Asked(2)
    asked.look()
    asked.waiting[0].callback(row(peer(name(2))))
    asked.nodes.reload(0, asked.nodes.text(0, [name(2)], WEB))
    asked.advance(KEPT_SECONDS + 3)
    asked.look()
    assert asked.rows.sources() == ["node-0", name(2)]
    assert asked.rows.known(name(1), name(2)) == UNKNOWN
    asked.stop()


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("credentials_file = 'none'", "credentials_file: can't open none: No such file or"),
        ("credentials_file = '.'", "credentials_file: can't open .: Is a directory"),
        (
            "credentials_file = 'bad'",
            "credentials_file: expected USER:PASSWORD in one line, got",
        ),
        ("credentials_file = '/dev/null'", "credentials_file: expected a file, got what is none"),
        ("ca_file = 'none'", "ca_file: can't open none: No such file or"),
        ("ca_file = 'bad'", "ca_file: expected certificates in PEM, got none"),
        ("ca_file = 'odd'", "ca_file: expected certificates in PEM, got "),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, more: str, line: str) -> None:
    (tmp_path / "bad").write_text("user\nuser:password\n")
    begin, end = (f"-----{each} CERTIFICATE-----\n" for each in ("BEGIN", "END"))
    (tmp_path / "odd").write_text(f"{begin}AAAA\n{end}")
    config = read_config(f"[mesh]\nweb = 'https://{{address}}'\n{more}", "watch.toml", "n")
    with pytest.raises(BadConfig) as raised:
        check_mesh(config.mesh, tmp_path)
    said = str(raised.value).replace(str(tmp_path), "")
    assert said.startswith(f"watch.toml:1: [mesh] {line}")
    assert "\n" not in said


def test_https_wants_its_libraries_and_http_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "service_identity", None)
    check_mesh(MeshSettings(web="http://{address}"), Path())
    with pytest.raises(BadConfig) as raised:
        check_mesh(MeshSettings(web="https://{address}", where="watch.toml:7"), Path())
    assert str(raised.value) == (
        "watch.toml:7: [mesh] web: expected pyOpenSSL and service-identity for https, got no"
        " service_identity; both come with: pip install 'udpecho[watch-access]'"
    )


def test_who_this_node_is(tmp_path: Path) -> None:
    file = tmp_path / "who"
    file.write_text("Aladdin:open sesame\n")
    assert basic(file) == b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617, section 2
