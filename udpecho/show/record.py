"""A ping as lines of JSON, written as it goes and read back; text and pictures are views of it.

One object a line: start, then an outcome for each probe and each surplus datagram, then, always,
summary. Every key of a time ends in its unit; what is not known is null. ping.schema.json,
beside this file, says what each key means. Does no I/O: it makes and takes lines of text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.peer import MAX_PORT, Peer
from udpecho.ping.figures import Distribution, Figures, FlowSummary, Summary, TargetSummary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.stats import Stats
from udpecho.show.fields import Fields

SCHEMA = 1
"""Changes when a key changes its meaning or goes; new keys alone don't change it."""

Json: TypeAlias = dict[str, Any]

_NOT_JSON = (ValueError, RecursionError)
_TYPES: dict[ProbeFate | Surplus, str] = {kind: kind.value for kind in (*ProbeFate, *Surplus)}
_TYPES[ProbeFate.REPLIED] = "reply"
_KINDS = {name: kind for kind, name in _TYPES.items()}
_LINES: dict[str, ProbeFate | Surplus | None] = {**_KINDS, "summary": None}
_CLOCKS = {clock.value: clock for clock in Clock}


class NotARecord(ValueError):
    """A file that no ping wrote; the text says which line, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Start:
    """What was asked of a run and when it began, by the wall clock and the monotonic one."""

    plan: Plan
    unix_ns: int
    monotonic_ns: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """A file read back. The summary is the file's own if it was complete."""

    start: Start
    outcomes: list[Outcome]
    summary: Summary
    complete: bool


def start_line(start: Start) -> str:
    """Write the first line."""
    plan = start.plan
    return _line(
        {
            "type": "start",
            "schema": SCHEMA,
            "unix_ns": start.unix_ns,
            "interval_ns": plan.interval_ns,
            "count": plan.count,
            "timeout_ns": plan.timeout_ns,
            "size_bytes": plan.size,
            "flows": plan.flows,
            "ttl": plan.ttl,
            "targets": [
                {"target": target.name, "address": target.peer[0], "port": target.peer[1]}
                for target in plan.targets
            ],
        }
    )


def outcome_line(outcome: Outcome, start: Start) -> str:
    """Write what became of a probe, or a datagram that was no probe's first answer."""
    flow, peer = outcome.flow, outcome.peer
    return _line(
        {
            "type": _TYPES[outcome.kind],
            "at_ns": outcome.at_ns - start.monotonic_ns,
            "target": flow and flow.target,
            "address": flow and flow.peer[0],
            "port": flow and flow.peer[1],
            "source_port": flow and flow.port,
            "sequence": outcome.sequence,
            "flow_sequence": outcome.flow_sequence,
            "sent_ns": None if outcome.sent_ns is None else outcome.sent_ns - start.monotonic_ns,
            "rtt_ns": outcome.rtt_ns,
            "clock": outcome.clock and outcome.clock.value,
            "size_bytes": outcome.size,
            "ttl": outcome.ttl,
            "from_address": peer and peer[0],
            "from_port": peer and peer[1],
            "reason": outcome.reason,
            "icmp_type": outcome.icmp_type,
            "icmp_code": outcome.icmp_code,
            "mtu_bytes": outcome.mtu,
        }
    )


def summary_line(summary: Summary) -> str:
    """Write the last line."""
    return _line(
        {
            "type": "summary",
            "schema": SCHEMA,
            "elapsed_ns": summary.elapsed_ns,
            **_figures(summary.figures),
            "strangers": summary.strangers,
            "dropped": summary.dropped,
            "clocks": {clock.value: summary.clocks.get(clock, 0) for clock in Clock},
            "schedule_error": asdict(summary.schedule_error),
            "targets": [
                {
                    "target": target.name,
                    "address": target.peer[0],
                    "port": target.peer[1],
                    **_figures(target.figures),
                    "flows": [
                        {"source_port": flow.port, **_figures(flow.figures)}
                        for flow in target.flows
                    ],
                }
                for target in summary.targets
            ],
        }
    )


def read(lines: Iterable[str]) -> Recording:
    """Read a record back. If it was cut short, work out the summary from what there is.

    Raises NotARecord.
    """
    numbered = enumerate(lines, 1)
    start = _read_start(next(numbered, (1, ""))[1])
    flows: dict[tuple[str, Peer, int], Flow] = {}
    outcomes: list[Outcome] = []
    for where, line in numbered:
        try:
            value = json.loads(line)
        except _NOT_JSON as error:
            if not line.endswith("\n"):
                break  # it was being written when the ping was killed
            raise NotARecord(f"line {where}: expected an outcome or a summary ({error})") from error
        try:
            found = Fields(value)
            if found.choice("type", _LINES) is None:
                return Recording(start, outcomes, _read_summary(found), complete=True)
            outcomes.append(_read_outcome(found, flows))
        except ValueError as error:
            raise NotARecord(f"line {where}: {error}") from error
    return Recording(start, outcomes, _sum_up(start, outcomes), complete=False)


def _line(value: Json) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n"


def _figures(figures: Figures) -> Json:
    loss = figures.loss
    return {
        **asdict(figures),
        "received": figures.received,
        "loss_percent": None if loss is None else round(100 * loss, 6),
    }


def _read_start(line: str) -> Start:
    try:
        value = Fields(json.loads(line))
        value.exactly("type", "start")
        value.exactly("schema", SCHEMA)
        targets = value.each("targets")
        plan = Plan(
            targets=tuple(Target(each.text("target"), _peer(each)) for each in targets),
            interval_ns=value.whole("interval_ns"),
            count=_unless_null(value, "count"),
            timeout_ns=value.whole("timeout_ns"),
            size=value.whole("size_bytes"),
            flows=value.whole("flows"),
            ttl=_unless_null(value, "ttl", or_missing=True),  # records of before don't have it
        )
        return Start(plan, value.whole("unix_ns"))
    except _NOT_JSON as error:
        raise NotARecord(
            f"line 1: expected the start that udpecho ping --json writes ({error})"
        ) from error


def _read_outcome(value: Fields, flows: dict[tuple[str, Peer, int], Flow]) -> Outcome:
    flow = None
    if not value.is_null("target"):
        key = (value.text("target"), _peer(value), value.whole("source_port", 0, MAX_PORT))
        flow = flows.setdefault(key, Flow(*key))
    return Outcome(
        kind=value.choice("type", _KINDS),
        at_ns=value.whole("at_ns"),
        flow=flow,
        sequence=_unless_null(value, "sequence"),
        flow_sequence=_unless_null(value, "flow_sequence"),
        sent_ns=_unless_null(value, "sent_ns"),
        rtt_ns=_unless_null(value, "rtt_ns"),
        clock=None if value.is_null("clock") else value.choice("clock", _CLOCKS),
        size=_unless_null(value, "size_bytes"),
        ttl=_unless_null(value, "ttl"),
        peer=None if value.is_null("from_address") else _peer(value, "from_"),
        reason=None if value.is_null("reason") else value.text("reason"),
        icmp_type=_unless_null(value, "icmp_type", or_missing=True),  # as are these three
        icmp_code=_unless_null(value, "icmp_code", or_missing=True),
        mtu=_unless_null(value, "mtu_bytes", or_missing=True),
    )


def _read_summary(value: Fields) -> Summary:
    clocks = value.inner("clocks")
    counts = {clock: clocks.whole(clock.value) for clock in Clock}
    return Summary(
        value.whole("elapsed_ns"),
        _read_figures(value),
        tuple(map(_read_target, value.each("targets"))),
        value.whole("strangers"),
        {clock: number for clock, number in counts.items() if number},
        _read_distribution(value.inner("schedule_error")),
        _unless_null(value, "dropped", or_missing=True),  # records of before don't have it
    )


def _read_target(value: Fields) -> TargetSummary:
    return TargetSummary(
        value.text("target"),
        _peer(value),
        _read_figures(value),
        tuple(
            FlowSummary(each.whole("source_port", 0, MAX_PORT), _read_figures(each))
            for each in value.each("flows")
        ),
    )


def _read_figures(value: Fields) -> Figures:
    return Figures(**_known(value, Figures), rtt=_read_distribution(value.inner("rtt")))


def _read_distribution(value: Fields) -> Distribution:
    return Distribution(**_known(value, Distribution))


def _known(value: Fields, kind: type[Figures | Distribution]) -> Json:
    """Read whole numbers, which are null only where that is their default."""
    return {
        each.name: value.whole(each.name) if each.default == 0 else _unless_null(value, each.name)
        for each in fields(kind)
        if each.name != "rtt"
    }


def _peer(value: Fields, prefix: str = "") -> Peer:
    return value.text(f"{prefix}address"), value.whole(f"{prefix}port", 0, MAX_PORT)


def _unless_null(value: Fields, key: str, *, or_missing: bool = False) -> int | None:
    return None if value.is_null(key, or_missing=or_missing) else value.whole(key)


def _sum_up(start: Start, outcomes: list[Outcome]) -> Summary:
    plan = start.plan
    stats = Stats(len(plan.targets) * plan.flows, plan.ttl)
    for outcome in outcomes:
        if isinstance(outcome.kind, ProbeFate) and outcome.flow is not None:
            stats.sent([outcome.flow])
        stats.add(outcome)
    return stats.summary(max((outcome.at_ns for outcome in outcomes), default=0))
