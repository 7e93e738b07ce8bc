"""What a node tells programs: the records of /api/v1, from memory (see api.schema.json).

Every key of a time ends in its unit, a share is from 0 to 1, and what is not known is null.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator

from udpecho import __version__
from udpecho.peer import format_peer
from udpecho.ping.outcome import Surplus
from udpecho.ping.tally import hops
from udpecho.watch.counts import BOUNDS_NS, FATES, Histogram
from udpecho.watch.events.event_lines import event_record
from udpecho.watch.node import WatchService
from udpecho.watch.paths.traced import PeerPaths, PeerVerdict
from udpecho.watch.probed import Probed
from udpecho.watch.reflecting import fates_of
from udpecho.watch.remembering.history import FLOWS_KEPT, MINUTES, QUANTILES, Minute, together
from udpecho.watch.remembering.minutes import LATELY
from udpecho.watch.telling.json_text import VERSION, Record

MINUTE = 60
"""Seconds."""


def node_record(node: WatchService) -> Record:
    """Tell who this node is, and how it does."""
    reloads, lateness = node.reloads, node.runs.lateness
    return {
        **_begun(node),
        "version": __version__,
        "python": platform.python_version(),
        "healthy": node.is_healthy(),
        "ready": node.is_ready(),
        "peers_probed": len(node.roll),
        "peers_left_out": node.members.left_out,
        "strangers": node.runs.strangers,
        "replies_dropped": node.runs.dropped,
        "lateness": _histogram(lateness),
        "sources": [
            {
                "source": each.name,
                "peers": each.peers,
                "answers": each.answers,
                "failures": each.failures,
                "why": each.why or None,
            }
            for each in node.learning.states()
        ],
        "reloads": {
            "taken": reloads.taken,
            "refused": reloads.refused,
            "in_force": reloads.is_good,
            "taken_unix_seconds": reloads.taken_at,
        },
    }


def events_head(node: WatchService) -> Record:
    """Tell whose events they are."""
    return _begun(node)


def event_records(node: WatchService) -> Iterator[Record]:
    """Tell the last events, the oldest first, one a step."""
    return (event_record(each, node.config.node) for each in list(node.events.last))


def row_head(node: WatchService) -> Record:
    """Tell whose row it is, and of how long."""
    return {**_begun(node), "window_seconds": LATELY * MINUTE}


def row_records(node: WatchService) -> Iterator[Record]:
    """Tell of each peer how it is now, one a step."""
    for name in list(node.roll):
        probed = node.roll.get(name)
        if probed is not None:
            yield _peer(node, name, probed)


def pair_head(node: WatchService, name: str, probed: Probed) -> Record:
    """Tell what is known of a peer, but for its minutes."""
    counts = probed.counts
    return {
        **_begun(node),
        "peer": _peer(node, name, probed),
        "usual_p99_ns": probed.day.usual(node.hourglass.number),
        "flows": [dict(zip(_FATES, flow.fates, strict=True)) for flow in counts.flows],
        "surplus": {kind.value: counts.surplus[kind] for kind in Surplus},
        "rtt": _histogram(counts.rtt),
        "readdressed": counts.readdressed,
        "hops": None if counts.ttl is None else hops(counts.ttl),
        "paths": _paths(probed.paths, node.now_ns()),
    }


def minute_records(node: WatchService, probed: Probed, columns: int) -> Iterator[Record]:
    """Tell the minutes of a peer's day that are over, in so many pieces at most, one a step.

    Pieces of which nothing is known are left out.
    """
    history, stop = probed.day.history, node.hourglass.number
    width = -(-MINUTES // columns)
    began = node.unix_seconds() - node.now_ns() / 1e9
    flows = min(len(probed.counts.flows), FLOWS_KEPT)
    for first in range((stop - MINUTES) // width * width, stop, width):
        minute = together(history.between(first, first + width))
        if minute is not None:
            yield _stretch(minute, began + first * MINUTE, width * MINUTE, flows)


def reflector_record(node: WatchService) -> Record:
    """Tell what the reflector answered, and what not and why."""
    counters = node.reflector.counters()
    return {
        **_begun(node),
        "listens": [format_peer(each) for each in node.reflector.addresses()],
        "datagrams": fates_of(counters),
        "received_bytes": counters.bytes_received,
        "echoed_bytes": counters.bytes_echoed,
    }


_FATES = [fate.value for fate in FATES]
_QUANTILES = [f"p{round(100 * each)}" for each in QUANTILES]


def _begun(node: WatchService) -> Record:
    """Begin a record: who tells it, and when."""
    own = node.config.node
    return {
        "schema": VERSION, "node": own.name, "zone": own.zone, "unix_seconds": node.unix_seconds(),
    }  # fmt: skip


def _peer(node: WatchService, name: str, probed: Probed) -> Record:
    """Tell of a peer how it is now."""
    wanted, now_ns = probed.wanted, node.now_ns()
    cell = probed.day.lately(node.hourglass.number, probed.counts)
    return {
        "name": name,
        "address": None if probed.address is None else format_peer(probed.address),
        "zone": wanted.zone,
        "source": wanted.source,
        "why": probed.why or None,
        "loss": cell.loss,
        "p99_ns": cell.p99_ns,
        "slow": cell.slow,
        "silent": node.glancing.is_silent(name),
        "unheard_seconds": _unheard(node, probed),
        "losing": list(probed.losing.losing(now_ns)),
        "verdict": _verdict(probed.paths.verdict, now_ns),
    }


def _verdict(verdict: PeerVerdict | None, now_ns: int) -> Record | None:
    """Tell where flows to a peer lose, if that is known."""
    if verdict is None:
        return None
    return {
        "direction": verdict.direction,
        "segment": verdict.segment,
        "why": verdict.why,
        "flows": list(verdict.flows),
        "age_seconds": _age(verdict.since_ns, now_ns),
    }


def _paths(paths: PeerPaths, now_ns: int) -> Record:
    """Tell which paths the flows of a peer take, as far as they were looked at."""
    return {
        "looked_age_seconds": None if paths.looked_ns is None else _age(paths.looked_ns, now_ns),
        "changes": paths.changes,
        "mtu_bytes": None if paths.mtu is None else paths.mtu.bytes,
        "known": [
            {
                "id": number,
                "flows": flows,
                "age_seconds": _age(max(paths.known[flow].since_ns for flow in flows), now_ns),
                "hops": [list(hop) for hop in paths.known[flows[0]].hops],
            }
            for number, flows in paths.by_id().items()
        ],
    }


def _age(since_ns: int, now_ns: int) -> float:
    return round(max(0, now_ns - since_ns) / 1e9, 3)


def _unheard(node: WatchService, probed: Probed) -> float | None:
    """Tell for how long no whole reply came; None if none ever did."""
    prober, heard_ns = node.runs.prober, probed.counts.heard_ns
    if prober is None or heard_ns is None:
        return None
    return round((prober.now_ns() - heard_ns) / 1e9, 3)


def _stretch(minute: Minute, began: float, seconds: int, flows: int) -> Record:
    """Tell one minute, or what several were together."""
    quantiles = zip(_QUANTILES, minute.rtt_ns, strict=True) if minute.rtt_ns else None
    return {
        "unix_seconds": round(began, 3),
        "seconds": seconds,
        "sent": minute.sent,
        **dict(zip(_FATES, minute[2:7], strict=True)),
        "loss": minute.loss,
        "rtt_ns": None if quantiles is None else dict(quantiles),
        "flows_loss": list(minute.flows_lost[:flows]),
    }


def _histogram(histogram: Histogram) -> Record:
    """Tell times by buckets, each without those of the ones before it; the last has no bound."""
    return {
        "bounds_ns": list(BOUNDS_NS), "counts": list(histogram.buckets),
        "sum_ns": histogram.sum_ns,
    }  # fmt: skip
