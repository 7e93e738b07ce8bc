"""What a node tells Prometheus of peers' paths, and of where they lose: a peer's lines a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from udpecho.watch.paths.traced import PeerPaths
from udpecho.watch.telling.exposition import Family, series


def path_families(peers: Sequence[tuple[str, PeerPaths]], now_ns: int) -> Iterator[Family]:
    """Write the families; now_ns is the time by which paths are as old as they are."""
    yield (
        "udpecho_verdict", "gauge",
        "1 where flows to a peer die, as was found within the last minute; one for each peer.",
        (_verdict(name, paths) for name, paths in peers if paths.verdict is not None),
    )  # fmt: skip
    yield (
        "udpecho_path_flows", "gauge",
        "How many of the flows that were looked at take a path, by an id of its routers.",
        (_flows(name, paths) for name, paths in peers if paths.known),
    )  # fmt: skip
    yield (
        "udpecho_path_hops", "gauge",
        "Routers that answered on the way out, of the flow that passes most.",
        (
            _of(name, "udpecho_path_hops", paths.hops)
            for name, paths in peers
            if paths.hops is not None
        ),
    )  # fmt: skip
    yield (
        "udpecho_path_age_seconds", "gauge",
        "How long ago a flow's path was first seen, or found to be another.",
        (
            _of(name, "udpecho_path_age_seconds", max(0, now_ns - since_ns) // 10**6 / 1e3)
            for name, paths in peers
            if (since_ns := paths.since_ns) is not None
        ),
    )  # fmt: skip
    yield (
        "udpecho_path_changes", "counter",
        "Times that a flow's path was found to be another than before.",
        (_of(name, "udpecho_path_changes_total", paths.changes) for name, paths in peers),
    )  # fmt: skip
    yield (
        "udpecho_path_mtu_bytes", "gauge",
        "Bytes that a packet of a peer's first flow may have, headers included, up to 9000.",
        (
            _of(name, "udpecho_path_mtu_bytes", paths.mtu.bytes)
            for name, paths in peers
            if paths.mtu is not None and paths.mtu.bytes is not None
        ),
    )  # fmt: skip


def _of(name: str, metric: str, value: float) -> str:
    return f"{series(metric, [('peer', name)])}{value}\n"


def _verdict(name: str, paths: PeerPaths) -> str:
    verdict = paths.verdict
    if verdict is None:  # withdrawn since it was asked
        return ""
    labels = [("peer", name), ("direction", verdict.direction), ("segment", verdict.segment)]
    return f"{series('udpecho_verdict', labels)}1\n"


def _flows(name: str, paths: PeerPaths) -> str:
    return "".join(
        f"{series('udpecho_path_flows', [('peer', name), ('path', each)])}{len(flows)}\n"
        for each, flows in paths.by_id().items()
    )
