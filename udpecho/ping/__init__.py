"""Loss, delay, jitter and reordering, measured.

summary = await ping(reactor, [("echo.example", 7)], count=10, interval=0.1)

async for outcome in await prepare(reactor, [("echo.example", 7)], count=10):
    print(outcome.kind, outcome.rtt_ns)
"""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Clock",
    "Distribution",
    "FellBehind",
    "Figures",
    "Flow",
    "FlowSummary",
    "Glance",
    "Lookups",
    "Losers",
    "Naming",
    "Outcome",
    "Ping",
    "Probe",
    "ProbeFate",
    "RateLimit",
    "Readdressed",
    "Roster",
    "Summary",
    "Surplus",
    "Target",
    "TargetSummary",
    "Unresolved",
    "ping",
    "prepare",
]

if TYPE_CHECKING:
    from udpecho.ping.figures import Distribution as Distribution
    from udpecho.ping.figures import Figures as Figures
    from udpecho.ping.figures import FlowSummary as FlowSummary
    from udpecho.ping.figures import Glance as Glance
    from udpecho.ping.figures import Losers as Losers
    from udpecho.ping.figures import RateLimit as RateLimit
    from udpecho.ping.figures import Summary as Summary
    from udpecho.ping.figures import TargetSummary as TargetSummary
    from udpecho.ping.lookups import Lookups as Lookups
    from udpecho.ping.outcome import Clock as Clock
    from udpecho.ping.outcome import Flow as Flow
    from udpecho.ping.outcome import Naming as Naming
    from udpecho.ping.outcome import Outcome as Outcome
    from udpecho.ping.outcome import Probe as Probe
    from udpecho.ping.outcome import ProbeFate as ProbeFate
    from udpecho.ping.outcome import Readdressed as Readdressed
    from udpecho.ping.outcome import Surplus as Surplus
    from udpecho.ping.outcome import Unresolved as Unresolved
    from udpecho.ping.plan import Target as Target
    from udpecho.ping.preparing import ping as ping
    from udpecho.ping.preparing import prepare as prepare
    from udpecho.ping.roster import Roster as Roster
    from udpecho.ping.run import Ping as Ping
    from udpecho.ping.stream import FellBehind as FellBehind
else:
    __getattr__ = Door(
        globals(),
        {
            "figures": (
                "Distribution",
                "Figures",
                "FlowSummary",
                "Glance",
                "Losers",
                "RateLimit",
                "Summary",
                "TargetSummary",
            ),
            "lookups": ("Lookups",),
            "outcome": (
                "Clock",
                "Flow",
                "Naming",
                "Outcome",
                "Probe",
                "ProbeFate",
                "Readdressed",
                "Surplus",
                "Unresolved",
            ),
            "plan": ("Target",),
            "preparing": (
                "ping",
                "prepare",
            ),
            "roster": ("Roster",),
            "run": ("Ping",),
            "stream": ("FellBehind",),
        },
    )
