"""What a node tells Prometheus of its events: how many of each kind, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator

from udpecho.watch.events.happenings import Events
from udpecho.watch.events.outlets import Outlets
from udpecho.watch.telling.exposition import Family, samples, series


def event_families(events: Events, outlets: Outlets) -> Iterator[Family]:
    """Write the families, each at once: they are short."""
    kinds = [series("udpecho_events_total", [("kind", kind)]) for kind in events.counts]
    yield (
        "udpecho_events", "counter", "What was told as it happened, by its kind.",
        iter([samples(kinds, events.counts.values())]),
    )  # fmt: skip
    counts = outlets.counts.values()
    for name, kind, about, values in (
        ("sent", "counter", "Events that an outlet took.", [each.sent for each in counts]),
        (
            "dropped", "counter", "Events left out: an outlet had no room, or would not take them.",
            [each.dropped for each in counts],
        ),
        (
            "failures", "counter", "Times that an outlet took nothing, and is tried again.",
            [each.failures for each in counts],
        ),
        ("waiting", "gauge", "Events that wait for an outlet.", [each.waiting for each in counts]),
    ):  # fmt: skip
        suffix = "_total" if kind == "counter" else ""
        prefixes = [
            series(f"udpecho_events_{name}{suffix}", [("outlet", outlet)])
            for outlet in outlets.counts
        ]
        yield f"udpecho_events_{name}", kind, about, iter([samples(prefixes, values)])
