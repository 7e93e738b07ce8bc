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
from udpecho.peer import Peer, format_peer, is_ipv6
from udpecho.ping.figures import Figures, Glance, Losers, Summary
from udpecho.ping.outcome import Naming, Outcome, Surplus, Unresolved
from udpecho.ping.plan import Plan
from udpecho.show.amounts import milliseconds, percent, slashed
from udpecho.show.icmp import refusal_text
from udpecho.show.remarks import held_up, losing_hosts, losing_ports, rate_limits, standing_out
from udpecho.show.sheet import ENDLESS, Sheet
from udpecho.show.summary_tables import flow_table, target_table

UDP_HEADER = 8
HEADERS = 20 + UDP_HEADER
"""Bytes of IPv4's header, and UDP's."""

_READ_BY_PROGRAMS = re.compile(r"(?s)--- .* ---\Z|\d+ packets transmitted|rtt min/avg/max/mdev")

NOBODY = Losers()


def banner(plan: Plan, *, numeric: bool = False) -> Iterator[str]:
    """Say what is going to be probed: as ping in one line, and what ping can't say in a second.

    Of IPv6 the line is the one that iputils had until 2025, which what parses ping knows.
    """
    if plan.hosts == 1:
        yield _alone(plan, numeric)
    else:
        hosts = "1 host" if len(plan.targets) == 1 else f"{len(plan.targets)} hosts"
        yield f"PING {hosts}, {plan.size} bytes of data each."
        if plan.expected:
            yield f"{plan.expected} more without an address so far"
    byte = plan.traffic_class
    settings = [f"{plan.flows} flows"] if plan.flows > 1 else []
    if byte is not None:  # RFC 2474, 3168
        settings += [f"DSCP {byte >> 2}", f"ECN {byte & 3}"]
    if settings:
        yield ", ".join(settings)


def _alone(plan: Plan, numeric: bool) -> str:
    [target] = plan.targets
    address = target.peer[0]
    if is_ipv6(address):
        is_named = not numeric and target.name != address.partition("%")[0]
        whose = _named(target.name, target.peer) if is_named else address
        return f"PING {target.name}({whose}) {plan.size} data bytes"
    whole = plan.size + HEADERS
    return f"PING {target.name} ({address}) {plan.size}({whole}) bytes of data."


def outcome_text(outcome: Outcome, *, numeric: bool = False, alone: bool = True) -> str | None:
    """Write an outcome in one line, or None for one that ping says nothing about (a loss).

    Of a host that is not alone a refusal tells which it is: a router may speak of many.
    """
    match outcome.kind:
        case ProbeFate.LOST:
            return None
        case ProbeFate.REFUSED:
            by = "our own kernel" if outcome.peer is None else outcome.peer[0]
            of = "" if alone else _refused(outcome, numeric)
            return f"From {by} icmp_seq={outcome.sequence} {refusal_text(outcome)}{of}"
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


def naming_text(naming: Naming) -> str:
    """Write what became of a host's name, and how long after the start that was."""
    when = f"{naming.at_ns / 1e9:.3f} s"
    if isinstance(naming, Unresolved):
        named = naming.name in naming.reason
        return f"{when}: {'' if named else f'{naming.name}: '}{naming.reason}"
    new = format_peer(naming.new)
    if naming.old is None:
        return f"{when}: {naming.name} is at {new}, and probed from now on"
    return f"{when}: {naming.name} has moved from {naming.old[0]} to {naming.new[0]}"


def interim_text(glance: Glance, losers: Losers = NOBODY) -> str:
    """Write the line that SIGQUIT asks for."""
    line = f"{glance.received}/{glance.sent} packets, {percent(glance.loss)} loss"
    if glance.received:
        times = slashed(glance.min_ns, glance.mean_ns, glance.max_ns)
        line += f", min/avg/max = {times} ms"
    return ", ".join(filter(None, (line, standing_out(losers))))


def summary_text(summary: Summary, sheet: Sheet = ENDLESS) -> Iterator[str]:
    """Write the summary of a run, line by line: what ping can't say, then ping's lines.

    These end it, since jc looks at the last three, and are never broken: programs read them.
    """
    for line in _summary(summary, sheet):
        if _READ_BY_PROGRAMS.match(line):
            yield sheet.spell(line)
        else:
            yield from sheet.wrap(line)


def _summary(summary: Summary, sheet: Sheet) -> Iterator[str]:
    if len(summary.targets) == 1:
        [target] = summary.targets
        whose, figures = target.name, target.figures
        yield from flow_table(target, sheet)
    else:
        whose, figures = f"{len(summary.targets)} hosts", summary.figures
        yield from target_table(summary, sheet)
        yield from losing_hosts(summary)
    for target in summary.targets:
        yield from losing_ports(target)
    yield from rate_limits(summary)
    yield from _details(figures, summary)
    yield ""
    yield f"--- {whose} ping statistics ---"
    yield from _as_ping(figures, summary.elapsed_ns)


def _as_ping(figures: Figures, elapsed_ns: int) -> Iterator[str]:
    """Write ping's two lines, of which the second is empty without a reply."""
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
        f"{percent(figures.loss)} packet loss, time {elapsed_ns // 1_000_000}ms"
    )
    rtt = figures.rtt
    four = slashed(rtt.min_ns, rtt.mean_ns, rtt.max_ns, rtt.stddev_ns)
    yield f"rtt min/avg/max/mdev = {four} ms" if rtt.count else ""


def _details(figures: Figures, summary: Summary) -> Iterator[str]:
    """Say what ping can't, in words that scripts don't look for: grep loss, awk /^rtt/."""
    ports = {target.peer[1] for target in summary.targets}
    if len(ports) == 1:
        yield f"UDP port {ports.pop()}"
    rtt = figures.rtt
    if rtt.count:
        four = slashed(rtt.median_ns, rtt.p90_ns, rtt.p99_ns, rtt.p999_ns)
        yield f"round trips median/p90/p99/p99.9 = {four} ms"
    if figures.ipdv_max_ns is not None:
        ipdv = slashed(figures.ipdv_mean_ns, figures.ipdv_max_ns)
        yield f"jitter {milliseconds(figures.jitter_ns)} ms, ipdv mean/max = {ipdv} ms"
    yield from _troubles(figures, summary)
    yield _clock(summary)
    if summary.schedule_error.count:
        error = summary.schedule_error
        times = slashed(error.median_ns, error.p99_ns, error.max_ns)
        yield f"sent after schedule: median/p99/max = {times} ms"
    yield from held_up(summary)


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
        fates.append(f"in {bursts}, the longest of {figures.longest_loss_burst}")
    if fates:
        yield ", ".join(fates)
    if figures.reordered:
        yield f"{figures.reordered} reordered, overtaken by up to {figures.reordering_extent}"
    if figures.forged or summary.strangers:
        yield f"not believed: {figures.forged} forged, {summary.strangers} from strangers"
    if summary.dropped:
        yield (
            f"{summary.dropped} datagrams found no room in our own receive buffer: "
            "as many of those lost may be ours, not the network's"
        )
    if figures.hops is not None:
        hops = "1 hop" if figures.hops == 1 else f"{figures.hops} hops"
        yield f"replies came with TTL {figures.ttl}: {hops}"


def _clock(summary: Summary) -> str:
    kernel, user = (summary.clocks.get(clock, 0) for clock in (Clock.KERNEL, Clock.USER))
    if kernel and user:
        return f"clock: the kernel's timestamps for {kernel} replies, the process's for {user}"
    if kernel:
        return "clock: the kernel's timestamps"
    return "clock: the process's own, which includes its delays" if user else "clock: no replies"


def _refused(outcome: Outcome, numeric: bool) -> str:
    """Write whose probe was refused, as it was named."""
    if outcome.flow is None:
        return ""
    return f" for {format_peer(outcome.flow.peer) if numeric else outcome.flow.target}"


def _source(outcome: Outcome, numeric: bool) -> str:
    address = outcome.peer[0] if outcome.peer else "?"
    if numeric or outcome.flow is None:
        return address
    return _named(outcome.flow.target, (address, outcome.flow.peer[1]))


def _named(name: str, peer: Peer) -> str:
    """Write a host as it was named, with its address, unless that is its name."""
    address = peer[0]
    if name in (address, format_peer(peer), f"[{address}]"):
        return name
    return f"{name} ({address})"
