"""What happened lately, as a page lists it: the last first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice

from udpecho.watch.events.event_lines import event_words, rfc3339
from udpecho.watch.events.happenings import Happening

MOST_LISTED = 12


def happened(told: Iterable[Happening], peer: str | None = None) -> Iterator[str]:
    """List what was told of all, or of one peer; told has the last first. Nothing of nothing."""
    last = list(islice((each for each in told if peer is None or _is_of(each, peer)), MOST_LISTED))
    if not last:
        return
    yield '<h2>What happened</h2><ol class="happened">'
    for each in last:
        at = rfc3339(each.unix_seconds)
        words = escape(event_words(each.event))
        yield f'<li><time datetime="{at}">{at[5:10]} {at[11:19]}</time> {words}</li>'
    yield "</ol>"


def _is_of(told: Happening, peer: str) -> bool:
    return getattr(told.event, "peer", None) == peer
