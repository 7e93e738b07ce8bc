"""What a node tells Prometheus of its events: how many of each kind, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator

from udpecho.watch.events.happenings import Events
from udpecho.watch.events.outlets import Outlets
from udpecho.watch.telling.exposition import Family, by_label


def event_families(events: Events, outlets: Outlets) -> Iterator[Family]:
    """Write the families, each at once: they are short."""
    yield by_label(
        "udpecho_events", "counter", "What was told as it happened, by its kind.",
        "kind", events.counts.items(),
    )  # fmt: skip
    counts = outlets.counts.items()
    for name, kind, about, values in (
        (
            "sent", "counter", "Events that an outlet took.",
            [(at, each.sent) for at, each in counts],
        ),
        (
            "dropped", "counter", "Events left out: an outlet had no room, or would not take them.",
            [(at, each.dropped) for at, each in counts],
        ),
        (
            "failures", "counter", "Times that an outlet took nothing, and is tried again.",
            [(at, each.failures) for at, each in counts],
        ),
        (
            "waiting", "gauge", "Events that wait for an outlet.",
            [(at, each.waiting) for at, each in counts],
        ),
    ):  # fmt: skip
        yield by_label(f"udpecho_events_{name}", kind, about, "outlet", values)
