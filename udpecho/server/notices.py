"""What was not answered: exact counts by reason, and a line when it is worth one.

Writes nothing itself and is told the time. However many sources there are, real or made up,
what is kept of them has a fixed size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from udpecho.columns import Columns, split_addresses, split_ports
from udpecho.guard.prefixes import unpack_host
from udpecho.guard.reasons import Reason
from udpecho.peer import format_peer

KEPT = 8
"""Sources kept for each reason: whoever sent more than an eighth of it is one."""

NAMED = 3
"""Sources named in a line: a line that is too long to read says less."""

_UNSAID = frozenset({Reason.DISCARDED})  # what the operator asked for is no news
_BY_PEER = frozenset({Reason.SERVICE_PORT, Reason.OWN_PORT})  # the port is the trouble: name it
_ADVICE = {
    Reason.SERVICE_PORT: "; --allow-source-port answers a port like this",
    Reason.OVER_RATE: "; see --rate, --burst and --exempt",
}


class TopSources:
    """The most frequent of a stream of names (Space-Saving: Metwally, Agrawal, El Abbadi)."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._counts: dict[str, tuple[int, int]] = {}

    def add(self, name: str, times: int) -> None:
        """Count a name; one that is not kept takes the place of the least frequent."""
        count = error = 0
        if name in self._counts:
            count, error = self._counts[name]
        elif len(self._counts) >= self._kept:
            least = min(self._counts, key=self._counts.__getitem__)
            count = error = self._counts.pop(least)[0]
        self._counts[name] = (count + times, error)

    def most(self, number: int) -> list[tuple[str, int]]:
        """Return the most frequent names, each with the least that it can have come to."""
        sure = [(name, count - error) for name, (count, error) in self._counts.items()]
        return sorted(sure, key=lambda pair: -pair[1])[:number]


class Unanswered:
    """Counts what was not answered, and words at most one line for each reason in 30 s."""

    def __init__(self) -> None:
        self.counts: Counter[Reason] = Counter()
        """Datagrams not answered since the start, by reason; exact."""
        self._top: dict[Reason, TopSources] = {}
        self._notices: Notices[Reason] = Notices()

    def note(self, unanswered: Mapping[int, Reason], batch: Columns, now: float) -> list[str]:
        """Count what the guard found; return the lines that are due. now is in seconds."""
        if not unanswered:
            return []
        ports = split_ports(batch.ports)
        sources = split_addresses(batch.sources, len(ports))
        found: Counter[tuple[Reason, bytes, int]] = Counter()
        for index, reason in unanswered.items():
            port = ports[index] if reason in _BY_PEER else 0
            found[reason, sources[index], port] += batch.datagrams(index)
        totals: Counter[Reason] = Counter()
        for (reason, source, port), times in found.items():
            self._add(reason, (unpack_host(source), port), times)
            totals[reason] += times
        lines = (self._line(reason, times, now) for reason, times in totals.items())
        return [line for line in lines if line is not None]

    def _add(self, reason: Reason, peer: tuple[str, int], times: int) -> None:
        self.counts[reason] += times
        if reason not in _UNSAID:
            name = format_peer(peer) if reason in _BY_PEER else peer[0]
            self._top.setdefault(reason, TopSources()).add(name, times)

    def _line(self, reason: Reason, times: int, now: float) -> str | None:
        if reason in _UNSAID:
            return None
        due = self._notices.count(reason, now, times)
        return self._words(reason, due) if due else None

    def _words(self, reason: Reason, times: int) -> str:
        sources = self._top.pop(reason, TopSources()).most(NAMED)
        names = ", ".join(f"{name} ({count})" for name, count in sources)
        noun = "datagram" if times == 1 else "datagrams"
        advice = _ADVICE.get(reason, "")
        return f"not answered: {reason.value}: {times} {noun}; top sources: {names}{advice}"


Key = TypeVar("Key", bound=Hashable)


QUIET_SECONDS = 30.0
"""Two lines a minute for each kind: seen by whoever reads the log, invisible in its size."""


class Notices(Generic[Key]):
    """Counts troubles by kind, and says which of them deserve a line now."""

    def __init__(self, quiet: float = QUIET_SECONDS) -> None:
        self._quiet = quiet
        self._last: dict[Key, float] = {}
        self._unsaid: dict[Key, int] = {}

    def count(self, key: Key, now: float, times: int = 1) -> int:
        """Count a trouble; return how many to report in a line now, or 0 to be silent.

        The first of its kind is reported at once, those of the next 30 s (now is in seconds)
        together with the first that comes after them.
        """
        unsaid = self._unsaid.get(key, 0) + times
        last = self._last.get(key)
        if last is not None and now - last < self._quiet:
            self._unsaid[key] = unsaid
            return 0
        self._last[key] = now
        self._unsaid[key] = 0
        return unsaid
