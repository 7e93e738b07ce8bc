"""The paths and the verdict of a record, each from an object of JSON (see path.schema.json).

Believes nothing: every value is looked at, and what is not as the schema says is a ValueError of
one line. Does no I/O.
"""

from __future__ import annotations

from udpecho.extensions import MOST_LABELS, Label
from udpecho.path.hops import Hop, Path, PathMtu, Paths
from udpecho.path.verdicts import Direction, Evidence, Place, Segment, State, Verdict
from udpecho.peer import MAX_PORT
from udpecho.show.entries import BYTE
from udpecho.show.fields import Fields
from udpecho.show.path_record import PATH_SCHEMA

FARTHEST = 255
DSCPS = 64
ADDRESSES_READ = 256
"""Of a hop, at most: a router has fewer."""

_STATES = {state.value: state for state in State}
_DIRECTIONS = {direction.value: direction for direction in Direction}


def read_path(value: Fields) -> Paths:
    """Read the path of one flow, with whom it leads to."""
    value.exactly("schema", PATH_SCHEMA)
    names: dict[str, str] = {}
    flow = value.whole("flow")
    path = Path(
        flow,
        value.whole("source_port", 0, MAX_PORT),
        _hops(value, "hops", names),
        value.truth("reached"),
        value.unless_null("distance", FARTHEST),
        value.unless_null("at_most", FARTHEST),
        None if value.is_null("ended") else _ended(value.inner("ended")),
        None if value.is_null("back") else _hops(value, "back", names),
        value.whole("asked_about"),
        value.whole("arrived"),
        _mtu(value),
        value.unless_null("rtt_ns"),
        _classes(value),
    )
    changed = (flow,) if value.truth("changed") else ()
    dscp = value.unless_null("dscp", DSCPS - 1, or_missing=True)
    return Paths(value.text("target"), value.peer(), (path,), changed, names, dscp)


def read_verdict(value: Fields) -> Verdict:
    """Read a verdict."""
    value.exactly("schema", PATH_SCHEMA)
    return Verdict(
        value.choice("state", _STATES),
        value.choice("direction", _DIRECTIONS),
        tuple(map(_segment, value.each("segments"))),
        tuple(
            (each.text("target"), each.whole("source_port", 0, MAX_PORT))
            for each in value.each("losing")
        ),
        value.whole("flows"),
        "" if value.is_null("reason") else value.text("reason"),
        tuple(map(_evidence, value.each("evidence"))),
    )


def _hops(value: Fields, key: str, names: dict[str, str]) -> tuple[Hop, ...]:
    return tuple(_hop(each, names) for each in value.each(key, FARTHEST))


def _hop(value: Fields, names: dict[str, str]) -> Hop:
    addresses = _addresses(value)
    named = value.listed("names", ADDRESSES_READ)
    for address, key in zip(addresses, named.keys, strict=False):
        if not named.is_null(key):
            names[address] = named.text(key)
    return Hop(
        value.whole("ttl", 1, FARTHEST),
        addresses,
        value.unless_null("rtt_ns"),
        value.whole("asked"),
        value.whole("answered"),
        value.unless_null("icmp_type", BYTE),
        value.unless_null("icmp_code", BYTE),
        tuple(map(_label, value.each("labels", MOST_LABELS))),
        value.truth("by_time"),
    )


def _addresses(value: Fields) -> tuple[str, ...]:
    listed = value.listed("addresses", ADDRESSES_READ)
    return tuple(map(listed.address, listed.keys))


def _label(value: Fields) -> Label:
    return Label(
        value.whole("label", 0, (1 << 20) - 1),
        value.whole("traffic_class", 0, 7),
        value.truth("bottom"),
        value.whole("ttl", 0, BYTE),
    )


def _ended(value: Fields) -> tuple[str, int, int]:
    kind, code = value.whole("icmp_type", 0, BYTE), value.whole("icmp_code", 0, BYTE)
    return value.address("address"), kind, code


def _classes(value: Fields) -> tuple[int, ...]:
    if value.is_null("dscp_back", or_missing=True):
        return ()
    listed = value.listed("dscp_back", DSCPS)
    return tuple(listed.whole(key, 0, DSCPS - 1) for key in listed.keys)


def _mtu(value: Fields) -> PathMtu | None:
    if value.is_null("mtu", or_missing=True):
        return None
    told = value.inner("mtu")
    by = None if told.is_null("told_by") else told.address("told_by")
    return PathMtu(told.unless_null("bytes"), by, told.truth("uncertain"))


def _segment(value: Fields) -> Segment:
    return Segment(
        _place(value, "after"),
        _place(value, "before"),
        tuple(_of_place(each) for each in value.each("within")),
        _place(value, "behind"),
        value.whole("flows"),
        value.real("probability", 1.0),
    )


def _place(value: Fields, key: str) -> Place | None:
    return None if value.is_null(key) else _of_place(value.inner(key))


def _of_place(value: Fields) -> Place:
    return Place(value.whole("ttl", 1, FARTHEST), _addresses(value))


def _evidence(value: Fields) -> Evidence:
    return Evidence(
        value.text("target"),
        value.whole("flow"),
        value.whole("source_port", 0, MAX_PORT),
        value.whole("sent"),
        value.whole("lost"),
        value.truth("losing"),
        value.whole("asked_about"),
        value.whole("arrived"),
        _place(value, "last_hop"),
    )
