"""The ping, for programs.

    summary = await ping(reactor, [("echo.example", 7)], count=10, interval=0.1)

    async for outcome in await prepare(reactor, [("echo.example", 7)], count=10):
        print(outcome.kind, outcome.rtt_ns)

What is to be done is decided here; a run (see run) does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from udpecho.instrument import SocketOptions, choose_instrument
from udpecho.names import resolve_all
from udpecho.ping.figures import Summary
from udpecho.ping.outcome import Outcome
from udpecho.ping.plan import Plan, Target
from udpecho.ping.run import FellBehind, Ping, ignore
from udpecho.reactors import IDatagramReactor

__all__ = ["FellBehind", "Ping", "ping", "prepare"]


async def prepare(
    reactor: IDatagramReactor,
    targets: Sequence[tuple[str, int]],
    *,
    count: int | None = 10,
    interval: float = 1.0,
    timeout: float = 1.0,
    size: int = 56,
    flows: int = 1,
    connected: bool = False,
    ipv6: bool | None = None,
    options: SocketOptions | None = None,
    on_outcome: Callable[[Outcome], None] = ignore,
) -> Ping:
    """Make a run that probes hosts, given by name or address and port.

    interval and timeout are in seconds, size in bytes of payload; count is of probes to each
    host, None for no end. Raises ResolveFailed, BadAddress, or ValueError for what no plan
    can be.
    """
    found, failures = await resolve_all(reactor, targets, ipv6=ipv6)
    if failures:
        raise failures[0]
    plan = Plan(
        targets=tuple(Target(name, peer) for name, peer in found),
        interval_ns=round(interval * 1e9),
        count=count,
        timeout_ns=round(timeout * 1e9),
        size=size,
        flows=flows,
    )
    instrument = choose_instrument(reactor, options or SocketOptions(), size=size)
    return Ping(instrument, plan, connected=connected, on_outcome=on_outcome)


async def ping(
    reactor: IDatagramReactor, targets: Sequence[tuple[str, int]], **settings: Any
) -> Summary:
    """Probe hosts, and return what was measured. The settings are those of prepare()."""
    return await (await prepare(reactor, targets, **settings)).start()
