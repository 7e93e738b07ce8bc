"""A ping as lines of JSON, written as it goes; text and pictures are views of it.

One object a line: start, then an outcome for each probe and each surplus datagram, then, always,
summary. Every key of a time ends in its unit; what is not known is null. ping.schema.json,
beside this file, says what each key means; reading reads it back. Does no I/O: it makes lines
of text.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from udpecho.instrument.probe import ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.ping.figures import Figures, FlowSummary, Summary, Turnout
from udpecho.ping.outcome import Naming, Outcome, Surplus, Unresolved
from udpecho.ping.plan import Plan

SCHEMA = 1
"""Changes when a key changes its meaning or goes; new keys alone don't change it."""

Json: TypeAlias = dict[str, Any]

TYPES: dict[ProbeFate | Surplus, str] = {kind: kind.value for kind in (*ProbeFate, *Surplus)}
TYPES[ProbeFate.REPLIED] = "reply"
"""The type of an outcome's line."""


@dataclass(frozen=True, slots=True)
class Start:
    """What was asked of a run and when it began, by the wall clock and the monotonic one."""

    plan: Plan
    unix_ns: int
    monotonic_ns: int = 0


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
            "traffic_class": plan.traffic_class,
            "expected": plan.expected,
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
            "type": TYPES[outcome.kind],
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


def interval_line(turnout: Turnout, from_ns: int, to_ns: int) -> str:
    """Write what became of the probes sent in an interval to a host, or to all hosts."""
    return _line(
        {
            "type": "interval",
            "from_ns": from_ns,
            "to_ns": to_ns,
            "target": turnout.name,
            "address": turnout.peer and turnout.peer[0],
            "port": turnout.peer and turnout.peer[1],
            "sent": turnout.sent,
            "received": turnout.received,
            "loss_percent": round(100 * turnout.loss, 6),
            "rtt": asdict(turnout.rtt),
        }
    )


def naming_line(naming: Naming, start: Start) -> str:
    """Write that a host has no address, or a new one; what came before the start is as if then."""
    common = {
        "type": "unresolved" if isinstance(naming, Unresolved) else "readdressed",
        "at_ns": max(0, naming.at_ns - start.monotonic_ns),
        "target": naming.name,
    }
    if isinstance(naming, Unresolved):
        return _line({**common, "port": naming.port, "reason": naming.reason})
    address, port = naming.new
    old = naming.old and naming.old[0]
    return _line({**common, "address": address, "port": port, "old_address": old})


def summary_line(summary: Summary) -> str:
    """Write the last line."""
    return _line(
        {
            "type": "summary",
            "schema": SCHEMA,
            "elapsed_ns": summary.elapsed_ns,
            **figures_json(summary.figures),
            "strangers": summary.strangers,
            "dropped": summary.dropped,
            "too_early": summary.too_early,
            "held_ns": summary.held_ns,
            "rate_limits": [
                {
                    "prefix": limit.prefix,
                    "hosts": limit.hosts,
                    "first": limit.first,
                    "loss_percent": round(100 * limit.loss, 6),
                    "answers_per_second": round(limit.answers_per_second, 3),
                }
                for limit in summary.rate_limits
            ],
            "clocks": {clock.value: summary.clocks.get(clock, 0) for clock in Clock},
            "schedule_error": asdict(summary.schedule_error),
            "targets": [
                {
                    "target": target.name,
                    "address": target.peer[0],
                    "port": target.peer[1],
                    **figures_json(target.figures),
                    "stands_out": target.stands_out,
                    "too_early": target.too_early,
                    "flows": [_flow_json(flow) for flow in target.flows],
                }
                for target in summary.targets
            ],
        }
    )


def _flow_json(flow: FlowSummary) -> Json:
    figures = figures_json(flow.figures)
    return {"source_port": flow.port, **figures, "stands_out": flow.stands_out}


def _line(value: Json) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n"


def figures_json(figures: Figures) -> Json:
    """Write figures as keys of JSON and their values."""
    loss = figures.loss
    return {
        **asdict(figures),
        "received": figures.received,
        "loss_percent": None if loss is None else round(100 * loss, 6),
    }
