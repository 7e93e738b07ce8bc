"""The entries of a record, each from an object of JSON: a start, what is told, or a summary.

Believes nothing: every value is looked at, and what is not as ping.schema.json says is a
ValueError of one line. Does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeAlias

from udpecho.instrument.probe import Flow
from udpecho.instrument.stamps import Clock
from udpecho.peer import MAX_PORT, Peer
from udpecho.ping.figures import (
    Distribution,
    Figures,
    FlowSummary,
    RateLimit,
    Summary,
    TargetSummary,
)
from udpecho.ping.outcome import Naming, Outcome, Readdressed, Unresolved
from udpecho.ping.plan import Plan, Target
from udpecho.show.fields import MOST, Fields
from udpecho.show.record import SCHEMA, TYPES, Start

KINDS = {name: kind for kind, name in TYPES.items()}
"""What became of a probe, or what a surplus datagram is, by the type of its line."""

NAMINGS: dict[str, type[Naming]] = {"unresolved": Unresolved, "readdressed": Readdressed}
"""What became of a host's name, by the type of its line."""

BYTE = 255
"""The highest type or code of ICMP (RFC 792)."""

FlowOf: TypeAlias = Callable[[str, Peer, int], Flow]
"""Which flow a target, its address and a source port are; the same each time."""

_CLOCKS = {clock.value: clock for clock in Clock}


def read_start(value: Fields) -> Start:
    """Read what was asked of a run."""
    value.exactly("type", "start")
    value.exactly("schema", SCHEMA)
    plan = Plan(
        targets=tuple(Target(each.text("target"), each.peer()) for each in value.each("targets")),
        interval_ns=value.whole("interval_ns"),
        count=value.unless_null("count"),
        timeout_ns=value.whole("timeout_ns"),
        size=value.whole("size_bytes"),
        flows=value.whole("flows"),
        ttl=value.unless_null("ttl", or_missing=True),  # records of before don't have it
        traffic_class=value.unless_null("traffic_class", or_missing=True),  # nor this
        expected=value.unless_null("expected", or_missing=True) or 0,
    )
    return Start(plan, value.whole("unix_ns"))


def read_outcome(value: Fields, flow_of: FlowOf) -> Outcome:
    """Read what became of a probe, or what a surplus datagram is."""
    flow = None
    if not value.is_null("target"):
        target, peer = value.text("target"), value.peer()
        flow = flow_of(target, peer, value.whole("source_port", 0, MAX_PORT))
    return Outcome(
        kind=value.choice("type", KINDS),
        at_ns=value.whole("at_ns"),
        flow=flow,
        sequence=value.unless_null("sequence"),
        flow_sequence=value.unless_null("flow_sequence"),
        sent_ns=value.unless_null("sent_ns"),
        rtt_ns=value.unless_null("rtt_ns"),
        clock=None if value.is_null("clock") else value.choice("clock", _CLOCKS),
        size=value.unless_null("size_bytes"),
        ttl=value.unless_null("ttl"),
        peer=None if value.is_null("from_address") else value.peer("from_"),
        reason=None if value.is_null("reason") else value.text("reason"),
        icmp_type=value.unless_null("icmp_type", BYTE, or_missing=True),  # as are these three
        icmp_code=value.unless_null("icmp_code", BYTE, or_missing=True),
        mtu=value.unless_null("mtu_bytes", or_missing=True),
    )


def read_naming(value: Fields) -> Naming:
    """Read what became of a host's name."""
    at_ns, name = value.whole("at_ns"), value.text("target")
    if value.choice("type", NAMINGS) is Unresolved:
        port = value.unless_null("port", MAX_PORT)
        return Unresolved(at_ns, name, port, value.text("reason"))
    new = value.peer()
    if value.is_null("old_address"):
        return Readdressed(at_ns, name, None, new)
    return Readdressed(at_ns, name, (value.address("old_address"), new[1]), new)


def read_summary(value: Fields) -> Summary:
    """Read what a run measured."""
    clocks = value.inner("clocks")
    counts = {clock: clocks.whole(clock.value) for clock in Clock}
    return Summary(
        value.whole("elapsed_ns"),
        _read_figures(value),
        tuple(map(_read_target, value.each("targets"))),
        value.whole("strangers"),
        {clock: number for clock, number in counts.items() if number},
        _read_distribution(value.inner("schedule_error")),
        value.unless_null("dropped", or_missing=True),  # records of before don't have it
        _truth(value, "too_early"),
        value.unless_null("held_ns", or_missing=True),
        () if value.is_null("rate_limits", or_missing=True) else _read_limits(value),
    )


def _read_limits(value: Fields) -> tuple[RateLimit, ...]:
    return tuple(
        RateLimit(
            each.text("prefix"),
            each.whole("hosts"),
            each.whole("first"),
            each.real("loss_percent", 100) / 100,
            each.real("answers_per_second", MOST),
        )
        for each in value.each("rate_limits")
    )


def _read_target(value: Fields) -> TargetSummary:
    return TargetSummary(
        value.text("target"),
        value.peer(),
        _read_figures(value),
        tuple(
            FlowSummary(
                each.whole("source_port", 0, MAX_PORT),
                _read_figures(each),
                _truth(each, "stands_out") or False,
            )
            for each in value.each("flows")
        ),
        _truth(value, "stands_out") or False,
        _truth(value, "too_early"),
    )


def _read_figures(value: Fields) -> Figures:
    return Figures(**_known(value, Figures), rtt=_read_distribution(value.inner("rtt")))


def _read_distribution(value: Fields) -> Distribution:
    return Distribution(**_known(value, Distribution))


def _known(value: Fields, kind: type[Figures | Distribution]) -> dict[str, Any]:
    """Read whole numbers, which are null only where that is their default."""
    return {
        each.name: value.whole(each.name) if each.default == 0 else value.unless_null(each.name)
        for each in fields(kind)
        if each.name != "rtt"
    }


def _truth(value: Fields, key: str) -> bool | None:
    """Read whether something is so; None if that is not known, as in records of before."""
    return None if value.is_null(key, or_missing=True) else value.truth(key)
