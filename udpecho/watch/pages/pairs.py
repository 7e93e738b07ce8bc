"""What is told of one peer on its page: its day, its figures, and in words what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from udpecho.peer import format_peer
from udpecho.ping.outcome import Surplus
from udpecho.ping.tally import hops
from udpecho.watch.counts import FATES
from udpecho.watch.events.happened import happened
from udpecho.watch.node import WatchService
from udpecho.watch.pages.html import Pair
from udpecho.watch.pages.paths_shown import named, paths_shown
from udpecho.watch.pages.scale import age, duration, percent, span
from udpecho.watch.probed import Probed
from udpecho.watch.remembering.history import Minute, thinned

COLUMNS = 480
"""Of a chart, which is 1,200 pixels wide at most: three minutes each of a day."""

LATE_NS = 100_000_000
"""From which 99th percentile of lateness on what is lost may be this node's own fault: as the alert
in deploy/ has it."""


def pair_of(node: WatchService, probed: Probed) -> Iterator[Pair | None]:
    """Gather what is told of a peer, in short steps: None until the last of them."""
    number, lateness = node.hourglass.number, node.hourglass.lateness
    known = [each.first for each in (probed.day.history, lateness.history)]
    start = number + 1 - span(number + 1 - min((e for e in known if e is not None), default=number))
    columns: list[Minute | None] = []
    late: list[Minute | None] = []
    for into, history in ((columns, probed.day.history), (late, lateness.history)):
        for column in thinned(history, start, number, COLUMNS):
            into.append(column)
            yield None
    columns.append(probed.day.running(number, probed.counts))
    late.append(lateness.running(number))
    shift = node.hourglass.wall_number() - number
    yield Pair(
        columns,
        start + shift,
        number + 1 + shift,
        len(probed.counts.flows),
        tuple(_wrong(node, probed, columns[-2:], late[-2:])),
        tuple(_figures(probed, number)),
        late,
        paths_shown(node.config.node.name, probed, _blamed(node, probed), node.now_ns()),
        happened(list(reversed(node.events.last)), probed.wanted.name),
    )


def _blamed(node: WatchService, probed: Probed) -> Collection[int]:
    """Name the flows that lose: those of the verdict, if there is one."""
    verdict = probed.paths.verdict
    return probed.losing.losing(node.now_ns()) if verdict is None else verdict.flows


def _wrong(
    node: WatchService,
    probed: Probed,
    lately: Sequence[Minute | None],
    late: Sequence[Minute | None],
) -> Iterator[str]:
    """Say in words what is wrong with a peer, or with this node."""
    if probed.address is None:
        yield f"It has no address: {probed.why}." if probed.why else "Its address is not known yet."
    elif node.glancing.is_silent(probed.wanted.name):
        yield _silence(node, probed, [each for each in lately if each])
    losing = probed.losing.losing(node.now_ns())
    verdict = probed.paths.verdict
    if verdict is not None:
        yield f"{verdict.why} (found {age(node.now_ns() - verdict.since_ns)} ago)"
    others = sorted(set(losing) - set(() if verdict is None else verdict.flows))
    if others:
        verb = "loses" if len(others) == 1 else "lose"
        flow = "Flow" if len(others) == 1 else "Flows"
        yield f"{flow} {named(others)} {verb} more than the others of {len(probed.counts.flows)}."
    slowest = max((each.rtt_ns[-1] for each in late if each and each.rtt_ns), default=0)
    if slowest > LATE_NS:
        yield (
            f"This node itself is late by {duration(slowest)}: "
            "loss and slow replies may be its own fault."
        )


def _silence(node: WatchService, probed: Probed, lately: Sequence[Minute]) -> str:
    """Say for how long nothing came, and whether somebody says why."""
    prober, heard_ns = node.runs.prober, probed.counts.heard_ns
    since = "so far"
    if prober is not None and heard_ns is not None:
        since = f"for {age(prober.now_ns() - heard_ns)}"
    if sum(each.refused for each in lately) <= sum(each.lost for each in lately):
        return f"Nothing came from it {since}."
    return (
        f"Nothing came from it {since}: its probes are refused, as nothing listens there, a "
        "firewall says no, or they can't leave this node."
    )


def _figures(probed: Probed, number: int) -> Iterator[tuple[str, str]]:
    wanted, counts = probed.wanted, probed.counts
    lately, usual = probed.day.lately(number, counts), probed.day.usual(number)
    yield "loss of the last five minutes", percent(lately.loss)
    if lately.p99_ns is not None:
        told = f", usually {duration(usual)}" if usual is not None else ""
        yield "99th percentile of round trips", duration(lately.p99_ns) + told
    sent = sum(flow.sent for flow in counts.flows)
    fates = zip(FATES, counts.total(), strict=True)
    told = ", ".join(f"{times:,} {fate.value}" for fate, times in fates if times)
    yield "probes since this node began", f"{sent:,} sent" + (f", {told}" if told else "")
    for kind in (Surplus.DUPLICATE, Surplus.FORGED):
        if counts.surplus[kind]:
            yield f"{kind.value} datagrams", f"{counts.surplus[kind]:,}"
    if counts.ttl is not None:
        yield "hops back, by the TTL", str(hops(counts.ttl))
    yield "address", format_peer(probed.address) if probed.address else "not known"
    if counts.readdressed:
        yield "times at another address", str(counts.readdressed)
    if wanted.zone:
        yield "zone", wanted.zone
    yield "named by", wanted.source
