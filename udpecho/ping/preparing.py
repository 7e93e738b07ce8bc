"""The ping, for programs.

    summary = await ping(reactor, [("echo.example", 7)], count=10, interval=0.1)

    async for outcome in await prepare(reactor, [("echo.example", 7)], count=10):
        print(outcome.kind, outcome.rtt_ns)

What is to be done is decided here; a run (see run) does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from udpecho.errors import ResolveFailed, UdpEchoError
from udpecho.instrument import SocketOptions, choose_instrument
from udpecho.instrument.probe import MtuDiscovery, Probe
from udpecho.names import NamedHost, link_of
from udpecho.ping.figures import Summary
from udpecho.ping.listening import ignore
from udpecho.ping.lookup_times import RESOLVE
from udpecho.ping.lookups import Lookups
from udpecho.ping.outcome import Naming, Outcome
from udpecho.ping.plan import INTERVAL, SIZE, TIMEOUT, Plan
from udpecho.ping.run import Ping
from udpecho.reactors import AnyReactor, datagram_reactor

COUNT = 10
"""Probes to each host, unless told otherwise."""


LONGEST = 1e9
"""Seconds that a ping may last or wait: 31 years, which a timer's 64 bits of ns still hold."""


async def prepare(
    reactor: AnyReactor,
    targets: Sequence[NamedHost],
    *,
    count: int | None = COUNT,
    interval: float = INTERVAL,
    timeout: float = TIMEOUT,
    deadline: float | None = None,
    size: int = SIZE,
    flows: int | None = None,
    source_ports: Sequence[int] = (),
    connected: bool = False,
    ipv6: bool | None = None,
    source: str | None = None,
    device: str | None = None,
    ttl: int | None = None,
    dscp: int | None = None,
    tos: int | None = None,
    mtu_discovery: MtuDiscovery | None = None,
    clock: Literal["kernel", "user"] = "kernel",
    on_outcome: Callable[[Outcome], None] = ignore,
    on_overdue: Callable[[Probe], None] = ignore,
    on_unresolved: Callable[[UdpEchoError], None] | None = None,
    on_naming: Callable[[Naming], None] = ignore,
    resolve: float = RESOLVE,
) -> Ping:
    """Make a run that probes hosts, given by name or address and port, and what to call them.

    interval, timeout and deadline are in seconds, size in bytes of payload; count is of probes
    to each host, None for no end. deadline seconds after its start a run ends; with both, each
    host is probed until it has given count answers, or until then, as by iputils' ping. Each
    host is probed from this many flows (source ports; 1 unless said) in turn, or from these
    source ports, connected or over sockets that all hosts share. ipv6 asks for one family.

    Probes leave from the address source or through the interface device, which is also that of
    a link-local address without a scope; with this TTL, and DSCP (0 to 63) or whole byte (tos,
    0 to 255). mtu_discovery says what becomes of those that are too long for their path (see
    MtuDiscovery). By clock="user" the kernel's stamps are not used.

    on_outcome hears each fate and each surplus datagram, on_overdue of each probe that has no
    fate when its timeout has passed. Raises BadAddress, OSError for what this system can't do,
    or ValueError for what no plan can be; and ResolveFailed for a host without an address.

    With on_unresolved, which hears why, that host is left out until it has one: the run can
    begin as soon as one host is known, and others join it as they are. ResolveFailed then is
    raised only if there is nobody. Names are looked up again every so many seconds (resolve; 0:
    never), and more often while their hosts are silent. A host whose name no longer has its
    address moves, and is another target of the summary. on_naming hears of all that.
    """
    if not targets:
        raise ValueError("a ping needs a target")
    datagrams = datagram_reactor(reactor)
    lookups = Lookups(
        datagrams,
        targets,
        ipv6=ipv6,
        interface=link_of(source, device),
        every=_every(resolve),
        on_unresolved=on_unresolved or ignore,
        on_naming=on_naming,
    )
    found = await lookups.first(of_all=on_unresolved is None)
    try:
        if not found:
            raise ResolveFailed("no host to ping")
        byte = _traffic_class(dscp, tos)
        plan = Plan(
            targets=tuple(dict.fromkeys(found)),
            interval_ns=_nanoseconds("interval", interval),
            count=count if deadline is None else None,
            answers=count if deadline is not None else None,
            timeout_ns=_nanoseconds("timeout", timeout),
            size=size,
            flows=flows or len(source_ports) or 1,
            ttl=ttl,
            traffic_class=byte,
            source_ports=tuple(source_ports),
            expected=lookups.expects,
        )
        options = SocketOptions(
            source=source, device=device, ttl=ttl, traffic_class=byte, mtu_discovery=mtu_discovery
        )
        if clock not in ("kernel", "user"):
            raise ValueError(f"clock: expected 'kernel' or 'user', got {clock!r}")
        return Ping(
            choose_instrument(datagrams, options, size=size, stamps=clock == "kernel"),
            plan,
            connected=connected,
            deadline_ns=None if deadline is None else _nanoseconds("deadline", deadline),
            on_outcome=on_outcome,
            on_overdue=on_overdue,
            company=lookups,
        )
    except BaseException:
        lookups.end()
        raise


def _every(resolve: float) -> float:
    """Give how often names are looked up, in seconds; raises ValueError."""
    if resolve == 0 or 1 <= resolve <= LONGEST:
        return resolve
    raise ValueError(f"resolve: expected 0, or seconds from 1 to {LONGEST:g}, got {resolve}")


def _traffic_class(dscp: int | None, tos: int | None) -> int | None:
    """Give the whole byte of which DSCP is the upper six bits (RFC 2474); raises ValueError."""
    if dscp is None:
        return tos
    if tos is not None:
        raise ValueError("expected dscp or tos, got both")
    if not 0 <= dscp <= 63:
        raise ValueError(f"dscp: expected 0 to 63, got {dscp!r}")
    return dscp << 2


def _nanoseconds(option: str, seconds: float) -> int:
    """Give an option's seconds in ns; raises ValueError, for NaN and infinity, too."""
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{option}: expected seconds above 0, {LONGEST:g} at most, got {seconds}")
    return round(seconds * 1e9)


async def ping(
    reactor: AnyReactor,
    targets: Sequence[NamedHost],
    *,
    count: int = COUNT,
    interval: float = INTERVAL,
    timeout: float = TIMEOUT,
    deadline: float | None = None,
    size: int = SIZE,
    flows: int | None = None,
    source_ports: Sequence[int] = (),
    connected: bool = False,
    ipv6: bool | None = None,
    source: str | None = None,
    device: str | None = None,
    ttl: int | None = None,
    dscp: int | None = None,
    tos: int | None = None,
    mtu_discovery: MtuDiscovery | None = None,
    clock: Literal["kernel", "user"] = "kernel",
    on_outcome: Callable[[Outcome], None] = ignore,
    on_overdue: Callable[[Probe], None] = ignore,
    on_unresolved: Callable[[UdpEchoError], None] | None = None,
    on_naming: Callable[[Naming], None] = ignore,
    resolve: float = RESOLVE,
) -> Summary:
    """Probe hosts, and return what was measured. The options are those of prepare()."""
    run = await prepare(
        reactor,
        targets,
        count=count,
        interval=interval,
        timeout=timeout,
        deadline=deadline,
        size=size,
        flows=flows,
        source_ports=source_ports,
        connected=connected,
        ipv6=ipv6,
        source=source,
        device=device,
        ttl=ttl,
        dscp=dscp,
        tos=tos,
        mtu_discovery=mtu_discovery,
        clock=clock,
        on_outcome=on_outcome,
        on_overdue=on_overdue,
        on_unresolved=on_unresolved,
        on_naming=on_naming,
        resolve=resolve,
    )
    return await run.start()
