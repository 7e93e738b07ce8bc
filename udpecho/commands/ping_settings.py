"""What is asked of a ping, settled: its options as values that a run takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from udpecho.commands.ping_values import Target
from udpecho.hosts import DEFAULT_PORT
from udpecho.instrument.probe import MtuDiscovery
from udpecho.ping.lookup_times import RESOLVE
from udpecho.ping.plan import INTERVAL, SIZE, TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSettings:
    """What is asked of a ping. Durations are in seconds; None is what was not said."""

    hosts: tuple[Target, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    """Words that should be hosts and are none, each with what is wrong."""

    targets: str | None = None
    """A file of more hosts."""

    port: int = DEFAULT_PORT
    """Of hosts that name none."""

    own_server: bool = False
    """Whether there is no host but a server of its own."""

    resolve: float = RESOLVE
    """How often names are looked up again; 0: never."""

    count: int | None = None
    interval: float = INTERVAL
    deadline: float | None = None
    timeout: float = TIMEOUT
    size: int = SIZE
    ttl: int | None = None
    dscp: int | None = None
    tos: int | None = None
    mtu_discovery: MtuDiscovery | None = None
    interface: str | None = None
    """What -I said: an address (source) or a network interface (device)."""

    source: str | None = None
    device: str | None = None
    connected: bool = False
    flows: int = 1
    source_ports: tuple[int, ...] = ()
    clock: Literal["kernel", "user"] = "kernel"
    ipv6: bool | None = None
    max_loss: float | None = None
    every_host: bool = False
    """Whether a host without a reply fails them all."""

    plot: str | None = None
    record: str | None = None
    """The file of -o."""

    every: float | None = None
    """Length of the intervals of which is told."""

    json: bool = False
    quiet: bool = False
    view: Literal["lines", "table"] | None = None
    """What is seen meanwhile; None: a table where lines would say less, and it can be drawn."""

    numeric: bool = False
    timestamps: bool = False
    outstanding: bool = False
    trace: bool = False
    """Whether flows that lose are traced."""
