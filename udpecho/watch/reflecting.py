"""A node's reflector: where it answers, and how often its guard lets peers ask."""

from __future__ import annotations

from math import ceil
from typing import cast

from twisted.logger import Logger
from twisted.python.systemd import ListenFDs

from udpecho.guard.ratelimit import MAX_RATE, cost
from udpecho.guard.reasons import Reason
from udpecho.reactors import AnyReactor
from udpecho.server import (
    LOOPBACK,
    EchoService,
    Listen,
    ServerCounters,
    Spelling,
    check_told_alone,
    listen,
)
from udpecho.watch.configuring.settings import ProbeSettings, ReflectSettings
from udpecho.watch.configuring.tables import BadConfig

PEERS_SHARE = 4
"""How many times as much as the mesh's plan sends to us a peer may ask."""

LOOKS = 320
"""Tokens a second beside that for looks at paths, of which a peer sends eight in 25 ms at most.
Else our guard would lose its probes while it looks, told as the network's loss."""


SPELLING = Spelling(
    '[reflect] listen = "udp:1060"',
    "[reflect] allow_source_port",
    "[reflect] rate, burst and exempt",
    "[reflect] stock_port = true",
    frozenset({Reason.TTL_SPENT}),
)
"""The service's options, as a node's file has them. Peers look at paths: that TTLs end here is no
news."""


def peers_rate(probe: ProbeSettings, nodes: int = 1) -> int:
    """Tell how many tokens a second the guard gives an address with so many nodes."""
    plan = nodes * len(probe.dscp) * probe.flows / probe.interval * cost(probe.size)
    return min(ceil(PEERS_SHARE * plan) + LOOKS, MAX_RATE // 2)


def reflector_of(
    reactor: AnyReactor, reflect: ReflectSettings, log: Logger, inherited: ListenFDs | None = None
) -> EchoService:
    """Make a node's echo service; inherited has the sockets that systemd handed down.

    Raises BadConfig.
    """
    return EchoService(
        reactor,
        listens_of(reflect, inherited or ListenFDs([])),
        reflect.policy,
        log,
        stock_port=reflect.stock_port,
        tell_paths=reflect.tell_paths,
        spelling=SPELLING,
    )


def listens_of(reflect: ReflectSettings, inherited: ListenFDs) -> list[Listen]:
    """Read where a node reflects; raises BadConfig."""
    try:
        given = [each for text in reflect.listen for each in listen(text, inherited)]
        if reflect.tell_paths:
            check_told_alone(given)
    except ValueError as error:
        what = str(error).replace("--listen", "[reflect] listen", 1)
        what = what.replace("--tell-paths", "[reflect] tell_paths", 1)
        raise BadConfig(f"{reflect.where}: {what}") from None
    return given or cast(list[Listen], list(LOOPBACK))


def fates_of(counters: ServerCounters) -> dict[str, int]:
    """Count the datagrams that came by what was done with them, or why they were not answered."""
    fates = {"echoed": counters.echoed}
    fates |= {name: counters.unanswered.get(reason, 0) for reason, name in _REASONS.items()}
    return fates | {f"not_sent_{name}": times for name, times in counters.send_errors.items()}


_REASONS = {reason: reason.name.lower() for reason in Reason}
