"""Peers as sources name them, and lists of them: Prometheus's JSON, or a host in each line.

Reads text alone; what is wrong with it is one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder

from udpecho.hosts import canonical_host, host_and_port
from udpecho.names import is_nobodys
from udpecho.watch.configuring.settings import MOST_PEERS
from udpecho.watch.configuring.tables import as_shown

LONGEST_LIST = 2_000_000
"""Bytes of a list: 10,000 peers of 200 each. They take 80 ms, in pieces of a group at most."""

LONGEST_LABEL = 253
"""Characters of what a peer or a zone is called."""

PARTS_OF_PATHS = (".", "..")
"""Whose page would have no address: who reads one goes up or stays there (RFC 3986, 5.2.4)."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|[\r\n]|\Z)")
_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = JSONDecoder()
_GROUP = 'expected {"targets": […], "labels": {…}}'

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
            raise ValueError(f"expected {MOST_PEERS} targets at most, got more")
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
    for group in _groups(text):
        targets = group.get("targets") if isinstance(group, dict) else None
        labels = group.get("labels", {}) if isinstance(group, dict) else None
        if not isinstance(targets, list) or not isinstance(labels, dict):
            got = as_shown(group)
            if isinstance(group, dict):
                key = "labels" if isinstance(targets, list) else "targets"
                got = f"{key}: {as_shown(group[key])}" if key in group else f"a table without {key}"
            raise ValueError(f"{_GROUP}, got {got}")
        of_group = zone if zone is not None else _optional(labels, "zone")
        name = _optional(labels, "name") if len(targets) == 1 else ""
        for each in targets:
            yield wanted(each, default_port, of_group, source, name)
        yield None


def _groups(text: str) -> Iterator[object]:
    """Decode what is in a list one by one: all of it at once would hold the reactor.

    A list in it is not decoded: it is no group, and may be as long as the text.
    """
    at = _behind_blanks(text, text.index("[") + 1)
    is_over = text.startswith("]", at)
    while not is_over:
        if text.startswith("[", at):
            raise ValueError(f"{_GROUP}, got a list")
        try:
            group, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _no_json(error) from None
        yield group
        at = _behind_blanks(text, at)
        is_over = text.startswith("]", at)
        if not is_over:
            if not text.startswith(",", at):
                raise _no_json(JSONDecodeError("Expecting ',' delimiter", text, at))
            at = _behind_blanks(text, at + 1)
    at = _behind_blanks(text, at + 1)
    if at < len(text):
        raise _no_json(JSONDecodeError("Extra data", text, at))


def _behind_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None
    return found.end()


def _no_json(error: Exception) -> ValueError:
    return ValueError(f"expected JSON, got what is not: {error}")


def _optional(labels: dict[str, object], name: str) -> str:
    return _label(labels[name]) if labels.get(name) else ""


def _label(value: object) -> str:
    """Take a text that may be a label's value. Raises ValueError."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_LABEL and value.isprintable():
        return value
    raise ValueError(f"expected a name in one line, got {as_shown(value)}")
