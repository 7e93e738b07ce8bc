"""What a node is told to do: frozen values, as the file has them. Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from udpecho.guard.policy import Policy
from udpecho.watch.configuring.bounds import FLOWS, INTERVAL, SIZE, TIMEOUT

Where: TypeAlias = str
"""A place in a file, as FILE:LINE."""

MOST_PEERS = 10_000
FANOUT = 32
MOST_FANOUT = 128
"""More takes much memory where there are many nodes (see mesh), and watches no better."""

FULL_MESH = 100
"""Nodes up to which all probe all, unless told otherwise; beyond it each probes FANOUT."""

FULL_AGAIN = 90
"""Nodes down to which one stays thinned out that is: else each that comes or goes where there are
about FULL_MESH would change most pairs, and change them back."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """[node]: what this node is called, and where it stands."""

    name: str
    zone: str = ""
    where: Where = ""


@dataclass(frozen=True, slots=True)
class ReflectSettings:
    """[reflect]: where it answers, and whom; no listen is the service's own, on loopback."""

    listen: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    stock_port: bool = False
    tell_paths: bool = False
    where: Where = ""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """[probe]: each of the flows to each peer is probed every interval."""

    interval: float = INTERVAL
    flows: int = FLOWS
    size: int = SIZE
    timeout: float = TIMEOUT
    dscp: tuple[int, ...] = (0,)
    """The classes of traffic, each probed as often: one at least."""


@dataclass(frozen=True, slots=True)
class PeerSource:
    """[[peers]]: hosts as they are written, or where they are to be learnt: one of the four."""

    kind: Literal["hosts", "file", "dns", "http"]
    names: tuple[str, ...]
    """The hosts; else a path, a name or an URL alone."""

    zone: str | None = None
    port: int | None = None
    """Of those that name none; None for the service's own."""

    where: Where = ""


Fanout: TypeAlias = int | Literal["all", "auto"]
"""How many peers a node probes at most; "auto" is all up to FULL_MESH nodes, and then FANOUT
until there are FULL_AGAIN."""


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """[mesh]: how many peers each node probes, and how other nodes' rows are asked."""

    fanout: Fanout = "auto"
    web: str | None = None
    max_peers: int = MOST_PEERS
    credentials_file: str | None = None
    ca_file: str | None = None
    where: Where = ""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """[trace]: when the way of a flow is looked at."""

    when: str = "losing"


STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True)
class EventSettings:
    """[events]: where it is told what happens."""

    log: bool = True
    file: str | None = None
    """A path, or STANDARD_OUTPUT."""

    webhook: str | None = None
    credentials_file: str | None = None
    ca_file: str | None = None
    where: Where = ""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """[web]: where it tells what it knows, and who may look."""

    listen: tuple[str, ...] = ("tcp:8060:interface=127.0.0.1",)
    hosts: tuple[str, ...] = ()
    insecure: bool = False
    public: bool = False
    password_file: str | None = None
    where: Where = ""


@dataclass(frozen=True, slots=True)
class Config:
    """All that a node's file says."""

    node: NodeSettings
    reflect: ReflectSettings = field(default_factory=ReflectSettings)
    probe: ProbeSettings = ProbeSettings()
    peers: tuple[PeerSource, ...] = ()
    mesh: MeshSettings = MeshSettings()
    trace: TraceSettings = TraceSettings()
    events: EventSettings = EventSettings()
    web: WebSettings = WebSettings()

    def needs_restart(self, other: Config) -> str | None:
        """Name what only a restart can change, and where the other has it, if they differ."""
        for what, where, same in (
            ("[node] name", other.node.where, self.node.name == other.node.name),
            ("[reflect]", other.reflect.where, _bare(self.reflect) == _bare(other.reflect)),
            ("[web] listen", other.web.where, self.web.listen == other.web.listen),
        ):
            if not same:
                return f"{where}: {what}" if where else what
        return None


def _bare(reflect: ReflectSettings) -> tuple[object, ...]:
    return reflect.listen, reflect.policy, reflect.stock_port, reflect.tell_paths
