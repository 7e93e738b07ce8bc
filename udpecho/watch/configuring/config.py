"""A node's configuration, read from TOML: what each table may have, and what it means.

The text is given, and the file's name for what is wrong. What only the system can tell, whether an
address can be had or a file read, is learnt when the node begins.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, cast
from urllib.parse import urlsplit

from udpecho.dscp import dscp_named
from udpecho.guard.policy import Policy, network, source_ports
from udpecho.guard.ratelimit import MAX_RATE, MAX_SLIP
from udpecho.hosts import DEFAULT_PORT, canonical_host
from udpecho.peer import MAX_PORT
from udpecho.ping.ledger import MAX_SIZE, MIN_SIZE
from udpecho.values import naming
from udpecho.watch.classes import MOST_CLASSES
from udpecho.watch.configuring.access import check_access, check_endpoint, host_name
from udpecho.watch.configuring.bounds import (
    LONGEST_INTERVAL,
    LONGEST_TIMEOUT,
    MOST_FLOWS,
    SHORTEST_INTERVAL,
)
from udpecho.watch.configuring.readers import (
    LONGEST_NAME,
    choice,
    coerced,
    flag,
    seconds,
    several,
    whole,
    words,
)
from udpecho.watch.configuring.settings import (
    MOST_FANOUT,
    MOST_PEERS,
    Config,
    EventSettings,
    Fanout,
    MeshSettings,
    NodeSettings,
    PeerSource,
    ProbeSettings,
    ReflectSettings,
    TraceSettings,
    WebSettings,
)
from udpecho.watch.configuring.tables import Table, TomlText, bad_value
from udpecho.watch.peers.targets import NOT_IN_NAMES, wanted

TABLES = ("node", "reflect", "probe", "peers", "mesh", "trace", "events", "web")

MOST_HOSTS = 1000
"""Of one list in the file: more are read from elsewhere."""

_SOURCES = ("hosts", "file", "dns", "http")
_TEMPLATE = re.compile(r"https?://[!-\"$->A-~]+")
"""Without ?, # and @: it is asked for others' paths, and told to Prometheus."""

_URL = re.compile(r"https?://[^\s/?#]+[^\s#]*")


def read_config(text: str, file: str, host: str) -> Config:
    """Read a node's configuration; host is its name unless the file says another.

    Raises BadConfig, whose text is one line with the file, the line, what was expected, what came.
    """
    toml = TomlText(text, file)
    toml.refuse_others(TABLES)
    return Config(
        _node(toml.table("node"), host),
        _reflect(toml.table("reflect")),
        _probe(toml.table("probe")),
        tuple(map(_peers, toml.tables("peers"))),
        _mesh(toml.table("mesh")),
        _trace(toml.table("trace")),
        _events(toml.table("events")),
        _web(toml.table("web")),
    )


def _node(table: Table, host: str) -> NodeSettings:
    settings = NodeSettings(
        table.take("name", words("a name", LONGEST_NAME), host),
        table.take("zone", words("the name of a zone", LONGEST_NAME), ""),
        table.where,
    )
    table.end()
    return settings


def _reflect(table: Table) -> ReflectSettings:
    """Read the service's options by their names; what a listen string means, the service knows."""
    default = Policy()
    networks = several(coerced(network, "a network, as 192.0.2.0/24"))
    ports = several(coerced(source_ports, 'source ports, as "53" or "5000-5009"'))
    listen = table.take("listen", several(words('as "udp:1060"'), least=1), ())
    stock_port = table.take("stock_port", flag, False)
    tell_paths = table.take("tell_paths", flag, False)
    policy = replace(
        default,
        rate=table.take("rate", whole(0, MAX_RATE), default.rate),
        burst=table.take("burst", whole(1, MAX_RATE), default.burst),
        slip=table.take("slip", whole(0, MAX_SLIP), default.slip),
        ipv4_prefix=table.take("ipv4_prefix", whole(0, 32), default.ipv4_prefix),
        ipv6_prefix=table.take("ipv6_prefix", whole(0, 128), default.ipv6_prefix),
        allow_source_ports=frozenset().union(*table.take("allow_source_port", ports, ())),
        exempt=(*default.exempt, *table.take("exempt", networks, ())),
        keep_ttl=table.take("keep_ttl", flag, default.keep_ttl),
        discard=table.take("discard", flag, default.discard),
    )
    allow, deny = (table.take(name, networks, ()) for name in ("allow", "deny"))
    table.end()
    try:
        policy = replace(policy, allow=allow, deny=deny)
    except ValueError as error:
        raise table.bad("deny", f"[reflect] deny: {error}") from None
    return ReflectSettings(listen, policy, stock_port, tell_paths, table.where)


def _probe(table: Table) -> ProbeSettings:
    default = ProbeSettings()
    settings = ProbeSettings(
        table.take("interval", seconds(SHORTEST_INTERVAL, LONGEST_INTERVAL), default.interval),
        table.take("flows", whole(1, MOST_FLOWS), default.flows),
        table.take("size", whole(MIN_SIZE, MAX_SIZE), default.size),
        table.take("timeout", seconds(0.001, LONGEST_TIMEOUT), default.timeout),
        table.take("dscp", _classes, default.dscp),
    )
    table.end()
    return settings


def _classes(option: str, value: object) -> tuple[int, ...]:
    """Read classes of traffic: few, as all that is told of a peer is told of each."""
    classes = several(_class)(option, value)
    if not 1 <= len({*classes}) == len(classes) <= MOST_CLASSES:
        raise bad_value(option, f"1 to {MOST_CLASSES} classes of traffic, each once", value)
    return classes


def _class(option: str, value: object) -> int:
    if type(value) is int:
        return whole(0, 63)(option, value)
    return coerced(dscp_named, "a DSCP from 0 to 63 or by name (EF, AF41)")(option, value)


def _peers(table: Table) -> PeerSource:
    port = table.take("port", whole(1, MAX_PORT), None)
    zone = table.take("zone", words("the name of a zone", LONGEST_NAME), None)
    named = {
        "hosts": table.take("hosts", several(read_host, least=1), ()),
        "file": table.take("file", several(words("a file's path")), ()),
        "dns": table.take("dns", several(_domain), ()),
        "http": table.take("http", several(_url), ()),
    }
    table.end()
    kinds = [kind for kind in _SOURCES if kind in table]
    if len(kinds) != 1:
        got = " and ".join(kinds) or "none"
        expected = "one of hosts, file, dns or http"
        raise table.bad(kinds[-1] if kinds else "", f"[[peers]]: expected {expected}, got {got}")
    kind, names = kinds[0], named[kinds[0]]
    if kind != "hosts" and len(names) != 1:
        raise table.bad(kind, f"[[peers]] {kind}: expected one, got {len(names)}")
    if len(names) > MOST_HOSTS:
        message = f"[[peers]] hosts: expected {MOST_HOSTS} at most, got {len(names)}"
        raise table.bad(kind, message)
    known = cast(Literal["hosts", "file", "dns", "http"], kind)
    return PeerSource(known, names, zone, port, table.where)


def read_host(option: str, value: object) -> str:
    """Read HOST[:PORT]; it stays as it is written, which is what the peer is called.

    Raises ValueError.
    """
    text = words("HOST or HOST:PORT")(option, value)
    naming(option, lambda each: wanted(each, DEFAULT_PORT, "", ""), text)
    return text


def _domain(option: str, value: object) -> str:
    """Read a name that DNS is asked for."""
    expected = "a name that DNS knows, without a port"
    text = words(expected, LONGEST_NAME)(option, value)
    if canonical_host(text) or set(text) & (NOT_IN_NAMES | {":"}):
        raise bad_value(option, expected, value)
    return text


def _url(option: str, value: object) -> str:
    text = words("an URL, as http://HOST/PATH")(option, value)
    if not _URL.fullmatch(text) or not text.isascii():
        raise bad_value(option, "an URL, as http://HOST/PATH", value)
    if "@" in text.split("/")[2]:
        raise ValueError(f"{option}: expected an URL without a password, got one with @")
    return text


def _mesh(table: Table) -> MeshSettings:
    path = words("a file's path")
    settings = MeshSettings(
        table.take("fanout", _fanout, "auto"),
        table.take("web", _template, None),
        table.take("max_peers", whole(1, MOST_PEERS), MOST_PEERS),
        table.take("credentials_file", path, None),
        table.take("ca_file", path, None),
        table.where,
    )
    table.end()
    if settings.web is None:
        _not_alone(table, "mesh", "web")
    elif settings.ca_file is not None and not settings.web.startswith("https:"):
        message = "[mesh] ca_file: expected web as https://…, got another"
        raise table.bad("ca_file", message)
    return settings


def _not_alone(table: Table, title: str, option: str) -> None:
    """Raise BadConfig for files that only serve to ask somebody, if nobody is asked."""
    for each in ("credentials_file", "ca_file"):
        if each in table:
            message = f"[{title}] {each}: expected it beside {option}, got it alone"
            raise table.bad(each, message)


def _fanout(option: str, value: object) -> Fanout:
    if value == "all":
        return "all"
    if type(value) is int and 1 <= value <= MOST_FANOUT:
        return value
    raise bad_value(option, f'a whole number from 1 to {MOST_FANOUT}, or "all"', value)


def _template(option: str, value: object) -> str:
    expected = "an URL with {address} in it, as http://{address}:8060"
    text = words(expected)(option, value)
    example = text.replace("{address}", "192.0.2.1")
    try:
        host = urlsplit(example).hostname if urlsplit(example).port != 0 else None
    except ValueError:
        host = None
    if text.count("{address}") != 1 or host != "192.0.2.1" or not _TEMPLATE.fullmatch(example):
        raise bad_value(option, expected, value)
    return text


def _trace(table: Table) -> TraceSettings:
    settings = TraceSettings(table.take("when", choice("losing", "never"), "losing"))
    table.end()
    return settings


def _events(table: Table) -> EventSettings:
    path = words("a file's path")
    settings = EventSettings(
        table.take("log", flag, True),
        table.take("file", path, None),
        table.take("webhook", _url, None),
        table.take("credentials_file", path, None),
        table.take("ca_file", path, None),
        table.where,
    )
    table.end()
    if settings.webhook is None:
        _not_alone(table, "events", "webhook")
    return settings


def _web(table: Table) -> WebSettings:
    default = WebSettings()
    settings = WebSettings(
        table.take("listen", several(check_endpoint), default.listen),
        table.take("hosts", several(host_name), ()),
        table.take("insecure", flag, False),
        table.take("public", flag, False),
        table.take("password_file", words("a file's path"), None),
        table.where,
    )
    table.end()
    try:
        check_access(settings)
    except ValueError as error:
        raise table.bad("listen", str(error)) from None
    return settings
