"""What a node has to tell when it happens: frozen values. Does no I/O.

What begins also ends: a flow that loses, a verdict, a silence. Peers are called as the
configuration calls them, flows have their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class FlowLosing:
    """A flow loses more than the peer's others, by a test of significance."""

    kind: ClassVar[str] = "flow_losing"
    peer: str
    flow: int


@dataclass(frozen=True, slots=True)
class FlowRecovered:
    """A flow was not named again for five minutes, or its peer is probed no more or elsewhere."""

    kind: ClassVar[str] = "flow_recovered"
    peer: str
    flow: int


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    """It is known where flows to a peer lose."""

    kind: ClassVar[str] = "verdict_given"
    peer: str
    direction: str
    """As path.verdicts' Direction has it."""

    segment: str
    """As the metric udpecho_verdict names it."""

    flows: tuple[int, ...] = ()
    why: str = ""
    """What it rests on, in words."""


@dataclass(frozen=True, slots=True)
class VerdictWithdrawn:
    """A verdict holds no more, or another takes its place."""

    kind: ClassVar[str] = "verdict_withdrawn"
    peer: str
    direction: str
    segment: str


@dataclass(frozen=True, slots=True)
class PathChanged:
    """A flow takes another path, by the paths' ids."""

    kind: ClassVar[str] = "path_changed"
    peer: str
    flow: int | None
    """None where it is no single flow's."""

    before: str
    now: str


@dataclass(frozen=True, slots=True)
class PeerSilent:
    """A peer answers no probe any more, or never did."""

    kind: ClassVar[str] = "peer_silent"
    peer: str
    silent_seconds: float
    """For how long, when this was told."""

    why: str = ""
    """Why, if that is known: it has no address, or refuses what is sent to it."""


@dataclass(frozen=True, slots=True)
class PeerBack:
    """A peer that was silent answers again, and has for some time."""

    kind: ClassVar[str] = "peer_back"
    peer: str
    silent_seconds: float
    """How long the silence was, from its last reply to its first, to a second."""


@dataclass(frozen=True, slots=True)
class PeerGone:
    """A peer that was silent is probed no more."""

    kind: ClassVar[str] = "peer_gone"
    peer: str


@dataclass(frozen=True, slots=True)
class PeerReaddressed:
    """A peer's name has another address: its flows are other ones, which is no change of path."""

    kind: ClassVar[str] = "peer_readdressed"
    peer: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """What the configuration's file has can't be: the old one stays in force."""

    kind: ClassVar[str] = "reload_refused"
    why: str


Event: TypeAlias = (
    FlowLosing
    | FlowRecovered
    | VerdictGiven
    | VerdictWithdrawn
    | PathChanged
    | PeerSilent
    | PeerBack
    | PeerGone
    | PeerReaddressed
    | ReloadRefused
)

EVENTS: tuple[type[Event], ...] = (
    FlowLosing, FlowRecovered, VerdictGiven, VerdictWithdrawn, PathChanged, PeerSilent, PeerBack,
    PeerGone, PeerReaddressed, ReloadRefused,
)  # fmt: skip
"""All of them, in the order in which their counters are shown."""
