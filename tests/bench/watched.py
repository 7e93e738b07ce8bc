"""A traced ping whose verdict is looked at while it goes on: when what was named, as JSON.

python -m tests.bench.watched HOST PORT FIRST-SOURCE-PORT SECONDS INTERVAL [PATIENCE]: 16 flows, a
probe of each every INTERVAL seconds, until SECONDS are over, or PATIENCE seconds after something
was named. tests.bench.paths runs it in namespaces.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import task
from twisted.internet.defer import ensureDeferred

from udpecho.path import State, TracedPing, traced
from udpecho.path.verdicts import Verdict
from udpecho.ping import prepare

FLOWS = 16


@dataclass
class Watched:
    """What a traced ping's verdict said, each time that it said something else."""

    found: TracedPing
    seconds: Callable[[], float]
    patience: float | None = None
    first_loss: float | None = None
    told: list[tuple[float, Verdict]] = field(default_factory=list)
    looks: int = 0

    def look(self) -> None:
        """Ask for the verdict, and stop the run if it was named long enough ago."""
        now = self.seconds()
        self.looks += 1
        verdict = self.found.verdict()
        if self.first_loss is None:
            if not any(each.lost for each in verdict.evidence):
                return
            self.first_loss = now
        if not self.told or heart(self.told[-1][1]) != heart(verdict):
            self.told.append((now - self.first_loss, verdict))
        when, last = self.told[-1]
        enough = self.patience is not None and now - self.first_loss > when + self.patience
        if enough and last.state is State.NAMED:
            self.found.run.stop()

    def as_json(self) -> dict[str, Any]:
        """Write it all."""
        figures = self.found.run.summary().figures
        return {
            "sent": figures.sent,
            "lost": figures.lost,
            "traced": sum(len(paths.paths) for paths in self.found.paths()),
            "looks": self.looks,
            "told": [
                {
                    "after": round(after, 3),
                    "state": verdict.state.value,
                    "direction": verdict.direction.value,
                    "reason": verdict.reason,
                    "losing": sorted(port for _, port in verdict.losing),
                    "segments": [
                        [None if place is None else [place.ttl, *place.addresses] for place in each]
                        for each in (
                            (s.after, s.before, s.behind, *s.within) for s in verdict.segments
                        )
                    ],
                }
                for after, verdict in self.told
            ],
        }


def heart(verdict: Verdict) -> tuple[object, ...]:
    """Give what a verdict says, without what grows."""
    places = [(s.after, s.before, s.behind, s.within) for s in verdict.segments]
    return verdict.state, verdict.direction, verdict.reason, verdict.losing, places


async def main(clock: Any, host: str, port: int, first: int, seconds: float, interval: float,
               patience: float | None) -> None:  # fmt: skip
    """Ping, look ten times a second at first and then every second, and write."""
    ports = range(first, first + FLOWS)
    run = await prepare(
        clock, [(host, port)], count=round(FLOWS * seconds / interval), interval=interval / FLOWS,
        flows=FLOWS, source_ports=ports,
    )  # fmt: skip
    watched = Watched(traced(run), clock.seconds, patience)
    looking = task.LoopingCall(watched.look)
    done = watched.found.start()
    looking.start(0.5 if seconds < 600 else 10.0, now=False)
    await done
    looking.stop()
    watched.look()
    print(json.dumps(watched.as_json()))


if __name__ == "__main__":
    _, host, port, first, seconds, interval, *more = sys.argv
    arguments = (host, int(port), int(first), float(seconds), float(interval))
    patience = float(more[0]) if more else None
    task.react(lambda clock: ensureDeferred(main(clock, *arguments, patience)))
