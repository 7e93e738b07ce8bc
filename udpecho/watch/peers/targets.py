"""Peers as sources name them, and lists of them: Prometheus's JSON, or a host in each line.

Reads text alone; what is wrong with it is one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from udpecho.hosts import canonical_host, host_and_port
from udpecho.names import is_nobodys
from udpecho.watch.configuring.settings import MOST_PEERS
from udpecho.watch.configuring.tables import as_shown
from udpecho.watch.peers.json_reading import JsonText

LONGEST_LIST = 2_000_000
"""Bytes of a list: 10,000 peers of 200 each. They take 80 ms, in pieces."""

LONGEST_LABEL = 253
"""Characters of what a peer or a zone is called."""

PARTS_OF_PATHS = (".", "..")
"""Whose page would have no address: who reads one goes up or stays there (RFC 3986, 5.2.4)."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|[\r\n]|\Z)")
_NAME = "a name in one line"
_TOO_MANY = f"expected {MOST_PEERS} targets at most, got more"
_GROUP = '{"targets": […], "labels": {…}}'

NOT_IN_NAMES = frozenset(" ,;/?#@")
"""What stands in lists, networks and URLs, which some take for a host."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A peer to be probed: what it is called, where it is, its zone, and who said so.

    The host is an address or a name that is still to be looked up; dscp is the class of traffic.
    """

    name: str
    host: str
    port: int
    zone: str = ""
    source: str = ""
    dscp: int = 0

    def is_probed_as(self, other: Wanted) -> bool:
        """Tell whether its probes go where another's do, in the same class."""
        return (self.host, self.port, self.dscp) == (other.host, other.port, other.dscp)


def namesakes(peers: Iterable[Wanted]) -> list[Wanted]:
    """List those that are called as one before them is, and are elsewhere: it alone is probed."""
    first: dict[str, Wanted] = {}
    return [each for each in peers if not each.is_probed_as(first.setdefault(each.name, each))]


def wanted(written: object, default_port: int, zone: str, source: str, name: str = "") -> Wanted:
    """Read HOST or HOST:PORT, by which the peer is called unless it has a name.

    Raises ValueError.
    """
    text = _label(written)
    host, port = host_and_port(text, default_port)
    if name in PARTS_OF_PATHS:
        raise ValueError(f"expected a name, got {as_shown(name)}")
    if NOT_IN_NAMES & set(host) or host in PARTS_OF_PATHS:
        raise ValueError(f"expected HOST or HOST:PORT, got {as_shown(text)}")
    canonical = canonical_host(host)
    if canonical is not None and is_nobodys(canonical):
        raise ValueError(f"expected the address of one host, got {as_shown(host)}")
    return Wanted(name or text, host, port, zone, source)


def read_list(text: str, default_port: int, zone: str | None, source: str) -> list[Wanted]:
    """Read a list of targets in one go; see reading."""
    steps = reading(text, default_port, zone, source)
    return [each for each in steps if each is not None]


def reading(text: str, default_port: int, zone: str | None, source: str) -> Iterator[Wanted | None]:
    """Read a list of targets: JSON as Prometheus's file_sd and http_sd have it, or lines.

    Gives each target, and None after a step that found none. zone is that of all, None for what the
    label "zone" of each says; its label "name" is what a peer is called. Raises ValueError for a
    list that is none, or too long.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        steps = _json(text.lstrip("\ufeff"), default_port, zone, source)
    else:
        steps = _lines(text, default_port, zone, source)
    number = 0
    for each in steps:
        number += each is not None
        if number > MOST_PEERS:
            raise ValueError(_TOO_MANY)
        yield each


def _lines(text: str, default_port: int, zone: str | None, source: str) -> Iterator[Wanted | None]:
    for number, line in enumerate(_LINE.finditer(text), 1):
        written = line[0].partition("#")[0].strip()
        if written:
            try:
                yield wanted(written, default_port, zone or "", source)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
        else:
            yield None


def _json(text: str, default_port: int, zone: str | None, source: str) -> Iterator[Wanted | None]:
    json = JsonText(text)
    json.expect("[")
    for _ in json.items():
        if not json.takes("{"):
            raise ValueError(f"expected {_GROUP}, got {as_shown(json.scalar(_GROUP))}")
        targets: list[object] | None = None
        labels: dict[str, object] = {}
        for key in json.members():
            if key == "targets":
                targets = []
                yield from _targets(json, targets)
            elif key == "labels":
                labels = {}
                yield from _labels(json, labels)
            else:
                json.scalar(_NAME)
                yield None
        if targets is None:
            raise ValueError(f"expected {_GROUP}, got a table without targets")
        of_group = zone if zone is not None else _optional(labels, "zone")
        name = _optional(labels, "name") if len(targets) == 1 else ""
        for each in targets:
            yield wanted(each, default_port, of_group, source, name)
        yield None
    json.end()


def _targets(json: JsonText, targets: list[object]) -> Iterator[None]:
    """Read the targets of a group, which may be as many as the text is long."""
    if not json.takes("["):
        raise ValueError(f"expected {_GROUP}, got targets: {as_shown(json.scalar(_GROUP))}")
    for _ in json.items():
        targets.append(_label(json.scalar(_NAME)))
        if len(targets) > MOST_PEERS:
            raise ValueError(_TOO_MANY)
        yield None


def _labels(json: JsonText, labels: dict[str, object]) -> Iterator[None]:
    """Read those labels of a group that say something to us, past all others."""
    if not json.takes("{"):
        raise ValueError(f"expected {_GROUP}, got labels: {as_shown(json.scalar(_GROUP))}")
    for name in json.members():
        value = json.scalar(_NAME)
        if name in ("name", "zone"):
            labels[name] = value
        yield None


def _optional(labels: dict[str, object], name: str) -> str:
    return _label(labels[name]) if labels.get(name) else ""


def _label(value: object) -> str:
    """Take a text that may be a label's value. Raises ValueError."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_LABEL and value.isprintable():
        return value
    raise ValueError(f"expected {_NAME}, got {as_shown(value)}")
