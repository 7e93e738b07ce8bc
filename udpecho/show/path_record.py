"""Paths and verdicts as lines of JSON: a path for each flow, and a verdict. Does no I/O.

path.schema.json, beside this file, says what each key means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from udpecho.path.hops import Hop, Path, PathMtu, Paths
from udpecho.path.verdicts import Evidence, Place, Segment, Verdict

PATH_SCHEMA = 1
"""Changes when a key changes its meaning or goes; new keys alone don't change it."""


def path_lines(paths: Paths) -> Iterator[str]:
    """Write a line for each flow."""
    for path in paths.paths:
        yield _line(
            {
                "type": "path",
                "schema": PATH_SCHEMA,
                "target": paths.target,
                "address": paths.peer[0],
                "port": paths.peer[1],
                **_path(path, paths.names),
                "dscp": paths.dscp,
                "changed": path.flow in paths.changed,
            }
        )


def verdict_line(verdict: Verdict) -> str:
    """Write a verdict."""
    return _line(
        {
            "type": "verdict",
            "schema": PATH_SCHEMA,
            "state": verdict.state.value,
            "direction": verdict.direction.value,
            "reason": verdict.reason or None,
            "flows": verdict.flows,
            "losing": [{"target": target, "source_port": port} for target, port in verdict.losing],
            "hops": [_place(each) for each in verdict.hops],
            "segments": [_segment(each) for each in verdict.segments],
            "evidence": [_evidence(each) for each in verdict.evidence],
        }
    )


def _path(path: Path, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "flow": path.flow,
        "source_port": path.source_port,
        "reached": path.reached,
        "rtt_ns": path.rtt_ns,
        "distance": path.distance,
        "at_most": path.at_most,
        "ended": None
        if path.ended is None
        else dict(zip(("address", "icmp_type", "icmp_code"), path.ended, strict=True)),
        "hops": [_hop(hop, names) for hop in path.hops],
        "back": None if path.back is None else [_hop(hop, names) for hop in path.back],
        "asked_about": path.asked_about,
        "arrived": path.arrived,
        "mtu": None if path.mtu is None else _mtu(path.mtu),
        "dscp_back": list(path.dscp_back),
    }


def _mtu(mtu: PathMtu) -> dict[str, Any]:
    return {"bytes": mtu.bytes, "told_by": mtu.told_by, "uncertain": mtu.uncertain}


def _hop(hop: Hop, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ttl": hop.ttl,
        "addresses": list(hop.addresses),
        "names": [names.get(address) for address in hop.addresses],
        "rtt_ns": hop.rtt_ns,
        "asked": hop.asked,
        "answered": hop.answered,
        "icmp_type": hop.icmp_type,
        "icmp_code": hop.icmp_code,
        "labels": [label._asdict() for label in hop.labels],
        "by_time": hop.by_time,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "after": _place(segment.after),
        "before": _place(segment.before),
        "within": [_place(each) for each in segment.within],
        "behind": _place(segment.behind),
        "flows": segment.flows,
        "probability": segment.probability,
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"ttl": place.ttl, "addresses": list(place.addresses)}


def _evidence(each: Evidence) -> dict[str, Any]:
    return {
        "target": each.target,
        "flow": each.flow,
        "source_port": each.source_port,
        "sent": each.sent,
        "lost": each.lost,
        "losing": each.losing,
        "asked_about": each.asked_about,
        "arrived": each.arrived,
        "last_hop": _place(each.last_hop),
    }


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
