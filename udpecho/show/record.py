"""A ping as lines of JSON, written as it goes and read back; text and pictures are views of it.

One object a line: start, then an outcome for each probe and each surplus datagram, then, always,
summary. Every key of a time ends in its unit; what is not known is null. ping.schema.json,
beside this file, says what each key means. Does no I/O: it makes and takes lines of text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

from udpecho.instrument.probe import Flow, ProbeFate
from udpecho.instrument.stamps import Clock
from udpecho.peer import Peer
from udpecho.ping.figures import Distribution, Figures, FlowSummary, Summary, TargetSummary
from udpecho.ping.outcome import Outcome, Surplus
from udpecho.ping.plan import Plan, Target
from udpecho.ping.stats import Stats

SCHEMA = 1
"""Changes when a key changes its meaning or goes; new keys alone don't change it."""

Json: TypeAlias = dict[str, Any]

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_TYPES: dict[ProbeFate | Surplus, str] = {kind: kind.value for kind in (*ProbeFate, *Surplus)}
_TYPES[ProbeFate.REPLIED] = "reply"
_KINDS = {name: kind for kind, name in _TYPES.items()}


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
    start = _read_start(next(numbered, (1, "")))
    flows: dict[tuple[str, Peer, int], Flow] = {}
    outcomes: list[Outcome] = []
    for where, line in numbered:
        try:
            value = json.loads(line)
            if value["type"] == "summary":
                return Recording(start, outcomes, _read_summary(value), complete=True)
            outcomes.append(_read_outcome(value, flows))
        except _MALFORMED as error:
            if not line.endswith("\n"):
                break  # it was being written when the ping was killed
            raise NotARecord(
                f"line {where}: expected an outcome or a summary ({error!r})"
            ) from error
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


def _read_start(first: tuple[int, str]) -> Start:
    try:
        value = json.loads(first[1])
        if value["type"] != "start":
            raise ValueError(f"type {value['type']!r}")
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']!r}, not {SCHEMA}")
        plan = Plan(
            targets=tuple(Target(t["target"], (t["address"], t["port"])) for t in value["targets"]),
            interval_ns=value["interval_ns"],
            count=value["count"],
            timeout_ns=value["timeout_ns"],
            size=value["size_bytes"],
            flows=value["flows"],
            ttl=value.get("ttl"),  # which records of before do not have
        )
        return Start(plan, value["unix_ns"])
    except _MALFORMED as error:
        raise NotARecord(
            f"line 1: expected the start that udpecho ping --json writes ({error})"
        ) from error


def _read_outcome(value: Json, flows: dict[tuple[str, Peer, int], Flow]) -> Outcome:
    flow = None
    if value["target"] is not None:
        key = (value["target"], (value["address"], value["port"]), value["source_port"])
        flow = flows.setdefault(key, Flow(*key))
    return Outcome(
        kind=_KINDS[value["type"]],
        at_ns=value["at_ns"],
        flow=flow,
        sequence=value["sequence"],
        flow_sequence=value["flow_sequence"],
        sent_ns=value["sent_ns"],
        rtt_ns=value["rtt_ns"],
        clock=value["clock"] and Clock(value["clock"]),
        size=value["size_bytes"],
        ttl=value["ttl"],
        peer=value["from_address"] and (value["from_address"], value["from_port"]),
        reason=value["reason"],
    )


def _read_figures(value: Json) -> Figures:
    known = {field.name: value[field.name] for field in fields(Figures)}
    return Figures(**{**known, "rtt": Distribution(**known["rtt"])})


def _read_summary(value: Json) -> Summary:
    return Summary(
        value["elapsed_ns"],
        _read_figures(value),
        tuple(_read_targets(value["targets"])),
        value["strangers"],
        {Clock(name): number for name, number in value["clocks"].items() if number},
        Distribution(**value["schedule_error"]),
        value.get("dropped"),  # which records of before do not have
    )


def _read_targets(targets: list[Json]) -> Iterator[TargetSummary]:
    for target in targets:
        flows = (FlowSummary(f["source_port"], _read_figures(f)) for f in target["flows"])
        peer = (target["address"], target["port"])
        yield TargetSummary(target["target"], peer, _read_figures(target), tuple(flows))


def _sum_up(start: Start, outcomes: list[Outcome]) -> Summary:
    plan = start.plan
    stats = Stats(len(plan.targets) * plan.flows, plan.ttl)
    for outcome in outcomes:
        if isinstance(outcome.kind, ProbeFate) and outcome.flow is not None:
            stats.sent([outcome.flow])
        stats.add(outcome)
    return stats.summary(max((outcome.at_ns for outcome in outcomes), default=0))
