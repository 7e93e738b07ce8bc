"""What a configuration would have a node do: said beforehand, and nobody asked."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.python.systemd import ListenFDs
from twisted.web.resource import Resource
from twisted.web.server import Site

from udpecho.hosts import DEFAULT_PORT, canonical_host
from udpecho.peer import is_loopback
from udpecho.server import UdpAddress
from udpecho.watch.configuring.rereading import config_of
from udpecho.watch.configuring.settings import (
    FULL_MESH,
    STANDARD_OUTPUT,
    Config,
    EventSettings,
    PeerSource,
    ReflectSettings,
)
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.events.outlets import check_webhook
from udpecho.watch.peers.files import read_text, why_unread
from udpecho.watch.peers.mesh import fanout_of
from udpecho.watch.peers.targets import Wanted, read_list, wanted
from udpecho.watch.peers.trust import check_mesh, check_sources
from udpecho.watch.reflecting import LOOKS, PEERS_SHARE, listens_of, peers_rate
from udpecho.watch.serving import WebService
from udpecho.watch.web.gate import read_password_file

HEADERS = 28, 48
"""Bytes of IP's and UDP's headers, by family (RFC 768, 791, 8200)."""


def check_file(path: Path, host: str) -> Iterator[str]:
    """Say line by line what a file would have a node do; raises BadConfig, whose text is a line."""
    config = config_of(path, host)
    where = _listens(config.reflect)
    site: Any = Site(Resource())
    WebService(None, config.web, site)
    read_password_file(config.web, path.absolute().parent)
    check_sources(config.peers)
    check_mesh(config.mesh, path.absolute().parent)
    check_webhook(config.events, path.absolute().parent)
    known, unknown = _peers(config, path.absolute().parent)
    zone = f" in zone {config.node.zone}" if config.node.zone else ""
    yield f"node {config.node.name}{zone}"
    yield f"reflects at {where}"
    yield f"is asked at {', '.join(config.web.listen) or 'no address'}"
    if config.mesh.web is not None:
        yield f"asks other nodes at {config.mesh.web}, while somebody looks at its page"
    yield f"tells what happens to {_outlets(config.events)}"
    yield from _who(known, unknown)
    yield from _rates(config, len(known))
    named = sum(canonical_host(each.host) is None for each in known.values())
    fanout = fanout_of(config.mesh.fanout, len(known) + 1)
    if named and fanout is not None and fanout < len(known):
        yield (
            f"{named} of them are known by name: those that ask this node and are not probed by it "
            "have the rate of others here; [reflect] exempt, or a higher rate, lets them pass"
        )


def _outlets(events: EventSettings) -> str:
    """Name where events go; of an URL no more than whose it is, since a path may be a secret."""
    told = ["the log"] if events.log else []
    if events.file is not None:
        told.append("standard output" if events.file == STANDARD_OUTPUT else events.file)
    if events.webhook is not None:
        told.append(urlsplit(events.webhook).netloc)
    return ", ".join(told) or "nobody"


def _listens(reflect: ReflectSettings) -> str:
    """Name where it reflects; what systemd hands down is known only to what it starts."""
    if any(each.startswith("systemd:") for each in reflect.listen):
        return ", ".join(reflect.listen)
    listens = listens_of(reflect, ListenFDs([]))
    addresses = [each for each in listens if isinstance(each, UdpAddress)]
    named = ", ".join(f"{each.interface} port {each.port}" for each in addresses)
    alone = all(is_loopback(each.interface) for each in addresses)
    return f"{named}, this machine only" if alone else named


def _peers(config: Config, base: Path) -> tuple[dict[str, Wanted], list[str]]:
    """Give the peers that are known beforehand, by name, and who else would be asked."""
    known: dict[str, Wanted] = {}
    unknown = []
    for source in config.peers:
        if source.kind in ("dns", "http"):
            unknown.append(f"{source.kind} {source.names[0]}")
            continue
        for each in _named(source, base):
            known.setdefault(each.name, each)
    others = {name: each for name, each in known.items() if config.node.name != name}
    return others, unknown


def _named(source: PeerSource, base: Path) -> list[Wanted]:
    port = source.port or DEFAULT_PORT
    if source.kind == "hosts":
        return [wanted(each, port, source.zone or "", "hosts") for each in source.names]
    path = base / source.names[0]
    try:
        return read_list(read_text(path), port, source.zone, f"file:{path}")
    except (OSError, ValueError) as error:
        raise BadConfig(f"{source.where}: [[peers]] file: {why_unread(path, error)}") from None


def _who(known: dict[str, Wanted], unknown: list[str]) -> Iterator[str]:
    zones = sorted({each.zone for each in known.values()} - {""})
    within = f" in {len(zones)} zones" if len(zones) > 1 else ""
    if known:
        yield f"peers: {len(known)} known beforehand{within}, this node among them perhaps"
    elif unknown:
        yield "peers: none known beforehand"
    else:
        yield "peers: none, so it only answers others"
    if unknown:
        yield f"and those that are asked for as it runs: {', '.join(unknown)}"


def _rates(config: Config, known: int) -> Iterator[str]:
    probe = config.probe
    each = len(probe.dscp) * probe.flows / probe.interval
    classes = f" in each of {len(probe.dscp)} classes" if len(probe.dscp) > 1 else ""
    size = probe.size + HEADERS[0]
    yield (
        f"each peer: {probe.flows} flows{classes}, a probe of each every {probe.interval:g} s: "
        f"{each:g} probes a second, {8 * each * size / 1000:g} kbit/s there and as much back"
    )
    fanout = fanout_of(config.mesh.fanout, known + 1)
    probed = known if fanout is None else min(fanout, known)
    yield f"all {probed} that it would probe of these: {each * probed:g} probes a second"
    if config.mesh.fanout == "auto":
        at_most = fanout_of("auto", FULL_MESH + 1) or 0
        yield f"of more than {FULL_MESH - 1} peers it probes {at_most}: {each * at_most:g} a second"
    rate = peers_rate(probe)
    tokens = ceil((rate - LOOKS) / PEERS_SHARE)
    yield (
        f"a peer's guard must let {tokens} tokens a second pass from this node: those of a mesh "
        f"allow {rate} to each address that they know; others by their rate, 1000 for a /24 unless "
        "said"
    )
