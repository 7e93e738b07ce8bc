"""What a ping is to do. When each of its probes is due is the schedule's."""

from __future__ import annotations

from dataclasses import dataclass

from udpecho.peer import MAX_PORT, Peer
from udpecho.ping.ledger import MAX_SIZE, MIN_SIZE

INTERVAL, TIMEOUT, SIZE = 1.0, 1.0, 56
"""What a ping does unless told otherwise, in seconds, seconds and bytes of payload."""

MIN_INTERVAL_NS = 100_000
"""10,000 probes a second: about what one core can send, stamp, match and count."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host to probe, by the name that was asked for and the address it has."""

    name: str
    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, how often, and how long to wait. Each target is probed every interval.

    The targets are those of the beginning; more are expected whose addresses aren't known yet.
    count is of probes to each target, None for no end; answers is of whole replies from each,
    which is then probed no more. timeout is when a reply is late, and how long the end of the
    run waits for the last ones. Every target is probed from as many source ports as there are
    flows, in turn: these, or what the system chooses. ttl and traffic_class are what the probes
    are sent with, None for what the system chooses. A probe without a reply is lost lost_ns after
    its timeout, None for as late as may be; a reply after that is a duplicate. Of targets that come
    while it goes on, together are probed at one time before another time is begun; at_once of each
    one's probes leave at one time, and then none for as many intervals. In outline, percentiles
    and the order of arrival are not kept: a flow takes 1 kB in place of 14 or 90.
    """

    targets: tuple[Target, ...]
    interval_ns: int = round(INTERVAL * 1e9)
    count: int | None = None
    timeout_ns: int = round(TIMEOUT * 1e9)
    size: int = SIZE
    flows: int = 1
    ttl: int | None = None
    traffic_class: int | None = None
    source_ports: tuple[int, ...] = ()
    expected: int = 0
    answers: int | None = None
    lost_ns: int | None = None
    together: int = 1
    at_once: int = 1
    outline: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be done."""
        if self.interval_ns < MIN_INTERVAL_NS:
            raise ValueError(f"the interval is {MIN_INTERVAL_NS} ns at least")
        if any(number is not None and number < 1 for number in (self.count, self.answers)):
            raise ValueError("the count is 1 at least")
        if self.timeout_ns <= 0:
            raise ValueError("the timeout is above 0")
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise ValueError(f"a probe has {MIN_SIZE} to {MAX_SIZE} bytes, not {self.size}")
        if self.flows < 1:
            raise ValueError("there is 1 flow at least")
        ports = self.source_ports
        if ports and len(ports) != self.flows:
            raise ValueError(
                f"source_ports: expected as many as flows, {self.flows}, got {len(ports)}"
            )
        if len(set(ports)) < len(ports) or not all(0 < port <= MAX_PORT for port in ports):
            raise ValueError(f"source_ports: expected ports from 1 to {MAX_PORT}, got {ports!r}")

    def source_port(self, flow: int) -> int:
        """Give a flow's source port; 0 has the system choose."""
        return self.source_ports[flow] if self.source_ports else 0

    @property
    def probes(self) -> int | None:
        """How many probes there will be in all; None for no end."""
        return None if self.count is None else self.count * self.hosts

    @property
    def ends_by_itself(self) -> bool:
        """Tell whether there is a last probe, or a last reply that is waited for."""
        return self.count is not None or self.answers is not None

    @property
    def hosts(self) -> int:
        """How many hosts there may be."""
        return len(self.targets) + self.expected
