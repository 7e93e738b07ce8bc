"""Events as lines: of JSON, and of words for the log. Does no I/O.

events.schema.json, beside this file, says what each key means. What is not known is null; every key
of a time ends in its unit.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from udpecho.shown import harmless
from udpecho.watch.configuring.settings import NodeSettings
from udpecho.watch.events.event import (
    Event,
    FlowLosing,
    FlowRecovered,
    PathChanged,
    PeerBack,
    PeerGone,
    PeerReaddressed,
    PeerSilent,
    ReloadRefused,
    VerdictGiven,
    VerdictWithdrawn,
)
from udpecho.watch.events.happenings import Happening

EVENT_SCHEMA = 1
"""Changes when a key changes its meaning or goes; new keys and types alone don't change it."""

LONGEST_WHY = 600
"""Characters of a reason: so a line fits what a pipe takes in one piece (PIPE_BUF, 4096)."""


def event_line(happening: Happening, node: NodeSettings) -> str:
    """Write an event as a JSON object, without an end of line."""
    return json.dumps(event_record(happening, node), separators=(",", ":"))


def event_record(happening: Happening, node: NodeSettings) -> dict[str, object]:
    """Give an event as an object of JSON."""
    event = happening.event
    about = {each: getattr(event, each) for each in event.__slots__}
    if "why" in about:
        about["why"] = about["why"][:LONGEST_WHY] or None
    return {
        "type": event.kind,
        "schema": EVENT_SCHEMA,
        "at": rfc3339(happening.unix_seconds),
        "number": happening.number,
        "node": node.name,
        "zone": node.zone or None,
        **about,
    }


def rfc3339(unix_seconds: float) -> str:
    """Write a time to the ms, in UTC (RFC 3339, 5.6)."""
    try:
        at = datetime.fromtimestamp(unix_seconds, UTC)
    except (ValueError, OverflowError, OSError):  # no clock of a working machine
        at = datetime.fromtimestamp(0, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_words(event: Event) -> str:
    """Say an event in one line."""
    return harmless(_said(event)).replace("\n", "\\n")


def _said(event: Event) -> str:
    match event:
        case FlowLosing(peer, flow):
            return f"{peer}: flow {flow} loses more than its others"
        case FlowRecovered(peer, flow):
            return f"{peer}: flow {flow} is told as losing no more"
        case VerdictGiven(peer, direction, segment, flows, why):
            of = f" on flows {', '.join(map(str, flows))}" if flows else ""
            return f"{peer}: loss{of}: {_where(direction, segment)}{_because(why)}"
        case VerdictWithdrawn(peer, direction, segment):
            return f"{peer}: the verdict holds no more: {_where(direction, segment)}"
        case PathChanged(peer, flow, before, now):
            whose = "the path" if flow is None else f"the path of flow {flow}"
            return f"{peer}: {whose} is {now} now, it was {before}"
        case PeerSilent(peer, seconds, why):
            return f"{peer} is silent: nothing came from it for {seconds:g} s{_because(why)}"
        case PeerBack(peer, seconds):
            return f"{peer} is back: it was silent for {seconds:g} s"
        case PeerGone(peer):
            return f"{peer}, which was silent, is probed no more"
        case PeerReaddressed(peer, before, now):
            return f"{peer} is at {now} now, it was at {before}"
        case ReloadRefused(why):
            return f"what the configuration's file has can't be: {why}"


def _where(direction: str, segment: str) -> str:
    return f"{direction}, {segment}" if segment else direction


def _because(why: str) -> str:
    return f" ({why[:LONGEST_WHY]})" if why else ""
