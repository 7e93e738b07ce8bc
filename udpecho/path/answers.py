"""What is asked of routers, and what they answer. Values; times are ns."""

from __future__ import annotations

from typing import NamedTuple

from udpecho.path.hops import Label


class Question(NamedTuple):
    """That a flow's TTL is to be asked; None is one that is to reach the target."""

    flow: int
    ttl: int | None
    back: int | None = None
    """At which router back the reply is to die (see returning)."""


class Answer(NamedTuple):
    """What a router said."""

    address: str
    icmp_type: int
    icmp_code: int
    rtt_ns: int | None = None
    labels: tuple[Label, ...] = ()
    by_time: bool = False
