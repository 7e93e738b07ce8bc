"""Peers that are probed in several classes of traffic."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from tests.watch.nodes import Nodes, fates
from udpecho import listen_udp
from udpecho.watch.classes import class_name, in_classes, peer_and_class
from udpecho.watch.configuring.settings import ProbeSettings
from udpecho.watch.peers.targets import Wanted
from udpecho.watch.probers import Probers
from udpecho.watch.reflecting import LOOKS, peers_rate
from udpecho.watch.telling.metrics import Metrics


def expanded(peers: dict[str, Wanted], *classes: int) -> dict[str, Wanted]:
    *steps, found = in_classes(peers, classes)
    assert steps in ([], [None] * len(peers))
    assert found is not None
    return found


def test_the_first_class_has_the_peers_name_and_others_theirs_behind_it() -> None:
    peers = {name: Wanted(name, "192.0.2.1", 7, "fra", "file:x") for name in ("a", "b", "b EF")}
    assert expanded(peers, 0) is peers
    assert {each.dscp for each in expanded(peers, 46).values()} == {46}
    assert list(expanded(peers, 46)) == list(peers)
    found = expanded(peers, 0, 46, 3)
    assert sorted(found) == sorted(
        ["a", "a EF", "a DSCP 3", "b", "b EF", "b DSCP 3", "b EF EF", "b EF DSCP 3"]
    )
    assert found["a EF"] == Wanted("a EF", "192.0.2.1", 7, "fra", "file:x", 46)
    assert found["b EF"].dscp == 0  # it is called so itself
    assert [class_name(each) for each in (0, 10, 46, 63)] == ["CS0", "AF11", "EF", "DSCP 63"]


def test_a_name_tells_the_peer_and_its_class_again() -> None:
    peers = {name: Wanted(name, "192.0.2.1", 7) for name in ("a", "b", "b EF", "[::1]:7", "EF")}
    for first, second in ((0, 46), (46, 0), (3, 34)):
        for called, each in expanded(peers, first, second).items():
            behind = "" if each.dscp == first else class_name(second)
            name = called.removesuffix(f" {behind}") if behind else called
            assert name in peers
            assert peer_and_class(called, peers) == (name, behind)
    assert peer_and_class("x DSCP 99 EF", ()) == ("x DSCP 99", "EF")
    for odd in ("", " EF", "EF", "x EF ", "x ef", "x DSCP", "x DSCP 123", "x\nEF"):
        assert peer_and_class(odd, ()) == (odd, "")
    for dscp in range(64):
        assert peer_and_class(f"x {class_name(dscp)}", ()) == ("x", class_name(dscp))


class Ordinary(DatagramProtocol):
    """Answers what is of no class; all else is lost here."""

    def datagramReceived(self, data: bytes, peer: Any) -> None:
        assert self.transport is not None
        if peer.dscp == 0:
            self.transport.write(data, peer)


def test_each_class_is_probed_and_counted_for_itself() -> None:
    bench = Nodes(2)
    listen_udp(bench.hosts[1], 1060, Ordinary(), bench.addresses[1])
    text = "[probe]\nflows = 4\ndscp = {}"
    node = bench.begin(0, bench.text(0, [1], text.format(["CS0", "EF"])))
    bench.net.advance(30)
    name = f"{bench.addresses[1]}:1060"
    assert list(node.roll) == [name, f"{name} EF"]
    plain, ef = (fates(each) for each in node.roll.values())
    assert plain.keys() == {"replied"}
    assert ef.keys() == {"lost"}
    assert 100 < plain["replied"] < 130
    metrics = "".join(Metrics(node).texts(openmetrics=False))
    assert (
        f'peer="{name} EF",address="{name}",zone="",source="hosts:{name}",dscp="EF"}} 1' in metrics
    )
    bench.reload(0, bench.text(0, [1], text.format(["AF11", "CS0", "EF"])))
    bench.net.advance(10)
    assert list(node.roll) == [name, f"{name} EF", f"{name} CS0"]
    assert fates(node.roll[f"{name} CS0"]).keys() == {"replied"}
    before = fates(node.roll[name])
    assert before["replied"] >= plain["replied"]
    assert before["lost"] > 0  # in its new class
    bench.reload(0, bench.text(0, [1], text.format(["CS0"])))
    bench.net.advance(10)
    assert list(node.roll) == [name]
    assert fates(node.roll[name])["replied"] > before["replied"]
    bench.reload(0, bench.text(0, [], text.format(["CS0", "EF"])))
    bench.net.advance(10)
    assert node.roll == {}
    bench.stop()


def test_a_peer_that_leaves_does_so_in_all_classes() -> None:
    bench = Nodes(2)
    text = "[probe]\nflows = 2\ndscp = ['CS0', 'EF', 'AF41']"
    node = bench.begin(0, bench.text(0, [1], text))
    bench.begin(1, bench.text(1, []))
    bench.net.advance(5)
    assert len(node.roll) == 3
    bench.reload(0, bench.text(0, [], text))
    bench.net.advance(10)
    assert node.roll == {}
    bench.stop()


def test_a_peers_rate_is_that_of_all_classes() -> None:
    plain = peers_rate(ProbeSettings()) - LOOKS
    assert peers_rate(ProbeSettings(dscp=(0, 46, 34))) == 3 * plain + LOOKS


class OneProber:
    """A prober that ends when it is told to."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.stopped = 0

    def start(self) -> Deferred[None]:
        return self.ended

    def stop(self) -> None:
        self.stopped += 1
        if not self.ended.called:
            self.ended.callback(None)


def test_if_one_class_breaks_off_all_do() -> None:
    made = {dscp: OneProber() for dscp in (0, 46)}
    probers = Probers({}, (0, 46), made.__getitem__)  # type: ignore[arg-type]
    ended: list[Any] = []
    probers.start().addBoth(ended.append)
    made[46].ended.errback(Failure(OSError(5, "no")))
    assert made[0].stopped
    [failure] = ended
    assert failure.check(OSError)
