"""What was not answered: exact counts by reason, and a line when it is worth one.

Writes nothing itself and is told the time. However many sources there are, real or made up,
what is kept of them has a fixed size, and of a flood's most are not even looked at.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from udpecho.columns import Columns
from udpecho.guard.prefixes import unpack_host
from udpecho.guard.reasons import Reason
from udpecho.peer import format_peer
from udpecho.server.spelling import OPTIONS, Spelling

KEPT = 8
"""Sources kept for each reason: whoever sent more than an eighth of it is one."""

NAMED = 3
"""Sources named in a line: a line that is too long to read says less."""

LOOKED_AT = 128
"""Refusals for a line whose sources are all looked at: few are told exactly."""

ONE_IN = 16
"""Of the others one in this many, counted for all of them: to refuse costs less than to answer."""

_UNSAID = frozenset({Reason.DISCARDED})  # what the operator asked for is no news
_BY_PEER = frozenset({Reason.SERVICE_PORT, Reason.OWN_PORT})  # the port is the trouble: name it


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


class Sample:
    """Which of a stream are looked at: each of the first, then one in ONE_IN, at random gaps."""

    def __init__(self) -> None:
        self._seen = self._gap = 0

    @property
    def is_exact(self) -> bool:
        """Tell whether all have been looked at so far."""
        return self._seen <= LOOKED_AT

    def take(self, items: Sequence[int]) -> tuple[Sequence[int], int]:
        """Take the next of the stream; return those to look at, and for how many each stands."""
        number = len(items)
        self._seen += number
        if self._seen <= LOOKED_AT:
            return items, 1
        if self._gap >= number:
            self._gap -= number
            return (), ONE_IN
        chosen = []
        at = self._gap
        while at < number:
            chosen.append(items[at])
            at += random.randint(1, 2 * ONE_IN - 1)
        self._gap = at - number
        return chosen, ONE_IN


class Unanswered:
    """Counts what was not answered, and words at most one line for each reason in 30 s."""

    def __init__(self, unsaid: Iterable[Reason] = (), spelling: Spelling = OPTIONS) -> None:
        """Count all, and say nothing of some reasons; spelling has the options to name."""
        self._advice = {
            Reason.SERVICE_PORT: f"; {spelling.source_port} answers a port like this",
            Reason.OVER_RATE: f"; see {spelling.rate}",
        }
        self._no_news = _UNSAID.union(unsaid)
        self.counts: Counter[Reason] = Counter()
        """Datagrams not answered since the start, by reason; exact."""
        self._top: dict[Reason, TopSources] = {}
        self._samples: dict[Reason, Sample] = {}
        self._notices: Notices[Reason] = Notices()

    def note(self, unanswered: Mapping[int, Reason], batch: Columns, now: float) -> list[str]:
        """Count what the guard found; return the lines that are due. now is in seconds."""
        lines = []
        for reason, indexes in _by_reason(unanswered).items():
            times = sum(map(batch.datagrams, indexes)) if batch.trains else len(indexes)
            self.counts[reason] += times
            if reason in self._no_news:
                continue
            self._look(reason, indexes, batch)
            due = self._notices.count(reason, now, times)
            if due:
                lines.append(self._words(reason, due))
        return lines

    def _look(self, reason: Reason, indexes: Sequence[int], batch: Columns) -> None:
        """Count the sources of some, or of as many as are worth a look."""
        if reason not in self._samples:
            self._samples[reason], self._top[reason] = Sample(), TopSources()
        chosen, weight = self._samples[reason].take(indexes)
        if not chosen:
            return
        width = 2 * len(batch.sources) // len(batch.ports)
        found: Counter[tuple[bytes, int]] = Counter()
        for index in chosen:
            port = int.from_bytes(batch.ports[2 * index : 2 * index + 2], "big")
            source = batch.sources[width * index : width * (index + 1)]
            found[source, port if reason in _BY_PEER else 0] += weight * batch.datagrams(index)
        for (source, port), times in found.items():
            host = unpack_host(source)
            name = format_peer((host, port)) if reason in _BY_PEER else host
            self._top[reason].add(name, times)

    def _words(self, reason: Reason, times: int) -> str:
        about = "" if self._samples.pop(reason).is_exact else "about "
        sources = self._top.pop(reason).most(NAMED)
        names = ", ".join(f"{name} ({about}{count})" for name, count in sources)
        noun = "datagram" if times == 1 else "datagrams"
        advice = self._advice.get(reason, "")
        return f"not answered: {reason.value}: {times} {noun}; top sources: {names}{advice}"


def _by_reason(unanswered: Mapping[int, Reason]) -> Mapping[Reason, Sequence[int]]:
    """Sort indexes by reason: mostly there is one reason for all."""
    if len(reasons := set(unanswered.values())) == 1:
        return {reasons.pop(): list(unanswered)}
    found: dict[Reason, list[int]] = {}
    for index, reason in unanswered.items():
        found.setdefault(reason, []).append(index)
    return found


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
