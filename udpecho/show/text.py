"""Outcomes and summaries as text that people, and scripts written for ping, can read.

The lines are those of iputils' ping where it has them, "icmp_seq" included: what parses ping
looks for that word. Its "64 bytes" count ICMP's header of 8, as ours count UDP's, also of 8.
Does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from udpecho.instrument.probe import ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.peer import format_peer, is_ipv6
from udpecho.ping.figures import Figures, Glance, Summary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan
from udpecho.show.amounts import milliseconds, percent, slashed
from udpecho.show.icmp import refusal_text
from udpecho.show.remarks import losing_ports
from udpecho.show.sheet import Sheet
from udpecho.show.summary_tables import flow_table, target_table

UDP_HEADER = 8
IP_HEADERS = {False: 20, True: 40}

_READ_BY_PROGRAMS = re.compile(r"--- .* ---$|\d+ packets transmitted|rtt min/avg/max/mdev")

ENDLESS = Sheet(columns=1_000_000)
"""Where no line is broken and no column left out."""


def banner(plan: Plan) -> str:
    """Say what is going to be probed."""
    if len(plan.targets) > 1:
        return f"PING {len(plan.targets)} hosts, {plan.size} bytes of data each{_flows(plan)}."
    [target] = plan.targets
    address, port = target.peer
    whole = plan.size + UDP_HEADER + IP_HEADERS[is_ipv6(address)]
    return (
        f"PING {target.name} ({address}) {plan.size}({whole}) bytes of data, "
        f"UDP port {port}{_flows(plan)}."
    )


def outcome_text(outcome: Outcome, *, numeric: bool = False) -> str | None:
    """Write an outcome in one line, or None for one that ping says nothing about (a loss)."""
    match outcome.kind:
        case ProbeFate.LOST:
            return None
        case ProbeFate.REFUSED:
            by = "our own kernel" if outcome.peer is None else outcome.peer[0]
            return f"From {by} icmp_seq={outcome.sequence} {refusal_text(outcome)}"
        case Surplus.STRANGER | Surplus.FORGED:
            by = format_peer(outcome.peer) if outcome.peer else "?"
            return f"{outcome.size} bytes from {by}: {outcome.kind.value}, no reply to us"
    remark = {ProbeFate.REPLIED: "", Surplus.DUPLICATE: " (DUP!)", ProbeFate.LATE: " (LATE!)"}
    return (
        f"{(outcome.size or 0) + UDP_HEADER} bytes from {_source(outcome, numeric)}: "
        f"icmp_seq={outcome.sequence}{'' if outcome.ttl is None else f' ttl={outcome.ttl}'} "
        f"time={milliseconds(outcome.rtt_ns)} ms{remark.get(outcome.kind, ' (CORRUPT!)')}"
    )


def overdue_text(sequence: int, target: str, alone: bool) -> str:
    """Write the line of -O for a probe whose timeout has passed without an answer."""
    whose = "" if alone else f" from {target}"
    return f"no answer yet{whose} for icmp_seq={sequence}"


def interim_text(glance: Glance) -> str:
    """Write the line that SIGQUIT asks for."""
    line = f"{glance.received}/{glance.sent} packets, {percent(glance.loss)} loss"
    if glance.received:
        times = slashed(glance.min_ns, glance.mean_ns, glance.max_ns)
        line += f", min/avg/max = {times} ms"
    return line


def summary_text(summary: Summary, sheet: Sheet = ENDLESS) -> Iterator[str]:
    """Write the summary of a run, line by line: ping's two lines, then what ping can't say.

    The lines that ping prints, too, are never broken: programs read them.
    """
    for line in _summary(summary, sheet):
        if _READ_BY_PROGRAMS.match(line):
            yield sheet.spell(line)
        else:
            yield from sheet.wrap(line)


def _summary(summary: Summary, sheet: Sheet) -> Iterator[str]:
    if len(summary.targets) == 1:
        [target] = summary.targets
        yield f"--- {target.name} ping statistics ---"
        yield from _figures(target.figures, summary)
        yield from flow_table(target, sheet)
        yield from losing_ports(target)
    else:
        yield from target_table(summary, sheet)
        yield f"--- {len(summary.targets)} hosts ping statistics ---"
        yield from _figures(summary.figures, summary)
        for target in summary.targets:
            yield from losing_ports(target)
    yield _clock(summary)
    if summary.schedule_error.count:
        error = summary.schedule_error
        times = slashed(error.median_ns, error.p99_ns, error.max_ns)
        yield f"sent after schedule: median/p99/max = {times} ms"


def _figures(figures: Figures, summary: Summary) -> Iterator[str]:
    extras = [
        f"+{number} {name}, "
        for number, name in (
            (figures.duplicates, "duplicates"),
            (figures.corrupt, "corrupted"),
            (figures.refused, "errors"),
        )
        if number
    ]
    yield (
        f"{figures.sent} packets transmitted, {figures.received} received, {''.join(extras)}"
        f"{percent(figures.loss)} packet loss, time {summary.elapsed_ns // 1_000_000}ms"
    )
    rtt = figures.rtt
    if rtt.count:
        four = slashed(rtt.min_ns, rtt.mean_ns, rtt.max_ns, rtt.stddev_ns)
        yield f"rtt min/avg/max/mdev = {four} ms"
        four = slashed(rtt.median_ns, rtt.p90_ns, rtt.p99_ns, rtt.p999_ns)
        yield f"rtt median/p90/p99/p99.9 = {four} ms"
    if figures.ipdv_max_ns is not None:
        ipdv = slashed(figures.ipdv_mean_ns, figures.ipdv_max_ns)
        yield f"jitter {milliseconds(figures.jitter_ns)} ms, ipdv mean/max = {ipdv} ms"
    yield from _troubles(figures, summary)


def _troubles(figures: Figures, summary: Summary) -> Iterator[str]:
    """Say what went wrong, kind by kind; nothing if nothing did."""
    fates = [
        f"{number} {name}"
        for number, name in (
            (figures.late, "late"),
            (figures.lost, "lost"),
            (figures.refused, "refused"),
            (figures.corrupt, "corrupt"),
            (figures.undecided, "still on their way"),
        )
        if number
    ]
    if figures.loss_bursts:
        bursts = "1 burst" if figures.loss_bursts == 1 else f"{figures.loss_bursts} bursts"
        fates.append(f"loss in {bursts}, the longest of {figures.longest_loss_burst}")
    if fates:
        yield ", ".join(fates)
    if figures.reordered:
        yield f"{figures.reordered} reordered, overtaken by up to {figures.reordering_extent}"
    if figures.forged or summary.strangers:
        yield f"not believed: {figures.forged} forged, {summary.strangers} from strangers"
    if summary.dropped:
        yield (
            f"{summary.dropped} datagrams found no room in our own receive buffer: "
            "as many of the losses may be ours, not the network's"
        )
    if figures.hops is not None:
        hops = "1 hop" if figures.hops == 1 else f"{figures.hops} hops"
        yield f"replies came with ttl {figures.ttl}: {hops}"


def _clock(summary: Summary) -> str:
    kernel, user = (summary.clocks.get(clock, 0) for clock in (Clock.KERNEL, Clock.USER))
    if kernel and user:
        return f"clock: the kernel's timestamps for {kernel} replies, the process's for {user}"
    if kernel:
        return "clock: the kernel's timestamps"
    return "clock: the process's own, which includes its delays" if user else "clock: no replies"


def _source(outcome: Outcome, numeric: bool) -> str:
    address = outcome.peer[0] if outcome.peer else "?"
    if numeric or outcome.flow is None or outcome.flow.target == address:
        return address
    return f"{outcome.flow.target} ({address})"


def _flows(plan: Plan) -> str:
    return f", {plan.flows} flows" if plan.flows > 1 else ""
