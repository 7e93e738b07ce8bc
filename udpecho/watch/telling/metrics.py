"""What a node tells Prometheus: counters and their like, peer by peer.

Every value is one that only grows, or one as it is now; what is a rate or a share, whoever asks
works out. Each step of what is made here is short: a peer's lines.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from itertools import accumulate

from udpecho import __version__
from udpecho.peer import format_peer
from udpecho.ping.outcome import Surplus
from udpecho.ping.tally import hops
from udpecho.watch.classes import class_name
from udpecho.watch.counts import BOUNDS_NS, FATES, Histogram
from udpecho.watch.node import WatchService
from udpecho.watch.probed import Probed
from udpecho.watch.reflecting import fates_of
from udpecho.watch.telling.event_metrics import event_families
from udpecho.watch.telling.exposition import (
    END,
    Family,
    by_label,
    header,
    histogram_series,
    sample_name,
    samples,
    series,
)
from udpecho.watch.telling.path_metrics import path_families

MOST_FLOW_PEERS = 100
"""Peers up to which each flow has counters of its own: 16 flows of 100 peers are 8,000 series."""


class PeerSeries:
    """The names of a peer's series, made once."""

    __slots__ = (
        "belated", "fates", "flows", "hops", "name", "readdressed", "rtt", "surplus",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        peer = ("peer", name)
        self.name = name
        self.fates = [
            series("udpecho_probes_total", [peer, ("outcome", fate.value)]) for fate in FATES
        ]
        self.belated = series("udpecho_probes_belated_total", [peer])
        self.surplus = [
            series("udpecho_surplus_total", [peer, ("kind", kind.value)]) for kind in Surplus
        ]
        self.rtt = histogram_series("udpecho_probe_rtt_seconds", BOUNDS_NS, [peer])
        self.readdressed = series("udpecho_peer_readdressed_total", [peer])
        self.hops = series("udpecho_peer_hops", [peer])
        self.flows: list[list[str]] = []

    def flow(self, number: int) -> list[str]:
        """Give the series of a flow."""
        while len(self.flows) <= number:
            labels = [("peer", self.name), ("flow", str(len(self.flows)))]
            names = [[*labels, ("outcome", fate.value)] for fate in FATES]
            self.flows.append([series("udpecho_flow_probes_total", each) for each in names])
        return self.flows[number]


class Metrics:
    """All metrics of a node."""

    def __init__(self, node: WatchService) -> None:
        self._node = node
        self._series: dict[str, PeerSeries] = {}
        self._lateness = histogram_series("udpecho_lateness_seconds", BOUNDS_NS)

    def texts(self, *, openmetrics: bool) -> Iterator[str]:
        """Write all, a short text at a time."""
        peers = list(self._node.roll.items())
        for name in self._series.keys() - self._node.roll.keys():
            del self._series[name]
        for families in (
            self._peers(peers),
            self._who(peers),
            self._flows(peers),
            path_families([(name, each.paths) for name, each in peers], self._node.now_ns()),
            self._node_s(),
            event_families(self._node.events, self._node.outlets),
            self._config_s(),
        ):
            for name, kind, about, lines in families:
                yield header(name, kind, about, openmetrics=openmetrics)
                yield from lines
        if openmetrics:
            yield END

    def _of(self, name: str) -> PeerSeries:
        found = self._series.get(name)
        if found is None:
            found = self._series[name] = PeerSeries(name)
        return found

    def _peers(self, peers: Peers) -> Iterator[Family]:
        yield (
            "udpecho_probes", "counter",
            "Probes by what became of them; a late reply to one that was lost counts beside it.",
            (samples(self._of(name).fates, each.counts.total()) for name, each in peers),
        )  # fmt: skip
        yield (
            "udpecho_probes_belated", "counter",
            "Probes that are counted twice: as lost, and as late when they came back after that.",
            (f"{self._of(name).belated}{each.counts.belated}\n" for name, each in peers),
        )  # fmt: skip
        yield (
            "udpecho_probe_rtt_seconds", "histogram",
            "Round trips of the probes that came back whole.",
            (_histogram(self._of(name).rtt, each.counts.rtt) for name, each in peers),
        )  # fmt: skip
        yield (
            "udpecho_surplus", "counter",
            "Datagrams from a peer that decided no probe's fate.",
            (
                samples(self._of(name).surplus, map(each.counts.surplus.__getitem__, Surplus))
                for name, each in peers
            ),
        )  # fmt: skip

    def _who(self, peers: Peers) -> Iterator[Family]:
        yield (
            "udpecho_peer_readdressed", "counter",
            "Times that a peer's name had another address, where its flows are new ones.",
            (f"{self._of(name).readdressed}{each.counts.readdressed}\n" for name, each in peers),
        )  # fmt: skip
        yield (
            "udpecho_peer_hops", "gauge",
            "Routers on both ways, and the peer, by the TTL of its last whole reply.",
            (
                f"{self._of(name).hops}{hops(each.counts.ttl)}\n"
                for name, each in peers
                if each.counts.ttl is not None
            ),
        )  # fmt: skip
        yield (
            "udpecho_peer_info", "gauge",
            "The peers that are probed: where, in which zone, and by whom they are named.",
            (_info(name, each) for name, each in peers),
        )  # fmt: skip
        yield (
            "udpecho_peer_leaving", "gauge",
            "1 for each peer that no source names any more, and that is probed while it is silent.",
            (
                f"{series('udpecho_peer_leaving', [('peer', name)])}1\n"
                for name, _ in peers
                if self._node.members.is_leaving(name)
            ),
        )  # fmt: skip

    def _flows(self, peers: Peers) -> Iterator[Family]:
        few = peers if len(peers) <= MOST_FLOW_PEERS else []
        yield (
            "udpecho_flow_probes", "counter",
            "The same for each flow, by its number, of up to 100 peers.",
            (
                samples(self._of(name).flow(number), flow.fates)
                for name, each in few
                for number, flow in enumerate(each.counts.flows)
            ),
        )  # fmt: skip
        now_ns = self._node.now_ns()
        yield (
            "udpecho_flow_losing", "gauge",
            "1 for each flow that loses more than the peer's others by a test of significance, or "
            "did within five minutes.",
            (
                f"{series('udpecho_flow_losing', [('peer', name), ('flow', str(number))])}1\n"
                for name, each in peers
                for number in each.losing.losing(now_ns)
            ),
        )  # fmt: skip

    def _node_s(self) -> Iterator[Family]:
        node = self._node
        yield (
            "udpecho_lateness_seconds", "histogram",
            "How late probes left: above some ms it is this node that is late, and no network.",
            iter([_histogram(self._lateness, node.runs.lateness)]),
        )  # fmt: skip
        yield _one(
            "udpecho_strangers", "counter", "Datagrams to our probes' ports from nobody we asked.",
            node.runs.strangers,
        )  # fmt: skip
        yield _one(
            "udpecho_replies_dropped", "counter",
            "Datagrams to our probes' ports that found no room: lost by this node, and no network.",
            node.runs.dropped,
        )  # fmt: skip
        yield _one("udpecho_peers_probed", "gauge", "Peers that this node probes.", len(node.roll))
        yield _one(
            "udpecho_peers_left_out", "gauge", "Peers beyond max_peers, which nobody probes.",
            node.members.left_out,
        )  # fmt: skip
        counters = node.reflector.counters()
        yield by_label(
            "udpecho_reflector_datagrams", "counter",
            "Datagrams that the reflector received, by what it did or why it did not.",
            "fate", fates_of(counters).items(),
        )  # fmt: skip
        received, echoed = counters.bytes_received, counters.bytes_echoed
        about = "Bytes of data in the datagrams that the reflector"
        yield _one("udpecho_reflector_received_bytes", "counter", f"{about} received.", received)
        yield _one("udpecho_reflector_echoed_bytes", "counter", f"{about} sent back.", echoed)

    def _config_s(self) -> Iterator[Family]:
        node = self._node
        states = list(node.learning.states())
        for name, kind, about, values in (
            (
                "up", "gauge", "1 if a source of peers answered last.",
                [int(not each.why) for each in states],
            ),
            ("peers", "gauge", "Peers that a source named last.", [s.peers for s in states]),
            ("answers", "counter", "Answers of a source.", [s.answers for s in states]),
            ("failures", "counter", "Times it gave none.", [s.failures for s in states]),
        ):  # fmt: skip
            told = zip([each.name for each in states], values, strict=True)
            yield by_label(f"udpecho_source_{name}", kind, about, "source", told)
        reloads = node.reloads
        yield by_label(
            "udpecho_config_reloads", "counter", "Times that the configuration was read again.",
            "result", (("taken", reloads.taken), ("refused", reloads.refused)),
        )  # fmt: skip
        yield _one(
            "udpecho_config_last_reload_successful", "gauge",
            "1 if what the file has now is in force.", int(reloads.is_good),
        )  # fmt: skip
        yield _one(
            "udpecho_config_last_reload_success_timestamp_seconds", "gauge",
            "When what is in force was read, in seconds since 1970.", repr(reloads.taken_at),
        )  # fmt: skip
        versions = [
            ("version", __version__), ("python", platform.python_version()),
            ("node", node.config.node.name), ("zone", node.config.node.zone),
        ]  # fmt: skip
        line = f"{series('udpecho_build_info', versions)}1\n"
        yield "udpecho_build_info", "gauge", "What runs here.", iter([line])


Peers = list[tuple[str, Probed]]


def _histogram(prefixes: list[str], histogram: Histogram) -> str:
    buckets = list(accumulate(histogram.buckets))
    return samples(prefixes, [*buckets, repr(histogram.sum_ns / 1e9), buckets[-1]])


def _info(name: str, probed: Probed) -> str:
    address = "" if probed.address is None else format_peer(probed.address)
    wanted = probed.wanted
    labels = [
        ("peer", name), ("address", address), ("zone", wanted.zone), ("source", wanted.source),
        ("dscp", class_name(wanted.dscp)),
    ]  # fmt: skip
    return f"{series('udpecho_peer_info', labels)}1\n"


def _one(name: str, kind: str, about: str, value: object) -> Family:
    """Make a family of one series without labels."""
    return name, kind, about, iter([f"{sample_name(name, kind)} {value}\n"])
