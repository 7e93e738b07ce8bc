"""What packets of each flow may be, and what became of their DSCP, in sentences. Does no I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from udpecho.path.hops import Path, PathMtu, Paths


def mtu_lines(paths: Sequence[Path]) -> Iterator[str]:
    """Say the path MTUs, the largest first; of which flows, unless they are those of the most."""
    found: defaultdict[PathMtu, list[int]] = defaultdict(list)
    for path in paths:
        if path.mtu is not None:
            found[path.mtu].append(path.source_port)
    most = max(found, key=lambda each: len(found[each]), default=None)
    for mtu in sorted(found, key=lambda each: (-(each.bytes or 0), each.told_by or "")):
        named = "" if mtu == most else f": source ports {spans(found[mtu])}"
        yield f"{_mtu(mtu)}, {_flows(len(found[mtu]), len(paths))}{named}"


def mtu_lines_of_hosts(found: Iterable[Paths]) -> Iterator[str]:
    """Say the path MTUs to each host, which is named if there are several."""
    hosts: defaultdict[str, list[Path]] = defaultdict(list)
    for paths in found:
        hosts[paths.target] += paths.paths
    for target, flows in hosts.items():
        for line in mtu_lines(flows):
            yield line if len(hosts) == 1 else f"{target}: {line}"


def _mtu(mtu: PathMtu) -> str:
    doubt = " (uncertain)" if mtu.uncertain else ""
    if mtu.bytes is None:
        return "path MTU unknown: no echo came back to search it by"
    how = "there and back" if mtu.told_by is None else f"as {mtu.told_by} says"
    return f"path MTU {mtu.bytes}{doubt}, {how}"


def dscp_lines(paths: Paths) -> Iterator[str]:
    """Say which flows' DSCP was changed."""
    if paths.dscp is None:
        return
    found: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for path in paths.paths:
        found[tuple(sorted(path.dscp_back))].append(path.source_port)
    name, count = f"DSCP {paths.dscp}", len(paths.paths)
    answered = {back for back in found if back}
    if answered == {(0,)} and paths.dscp:
        yield (
            f"{name} came back as 0, all of it: this server does not reflect it (or all ways "
            "clear it)"
        )
    else:
        for back in sorted(answered, key=lambda each: each != (paths.dscp,)):
            which = _flows(len(found[back]), count)
            if back == (paths.dscp,):
                yield f"{name} came back as it was, {which}"
            else:
                values = " and ".join(map(str, back))
                ports = spans(found[back])
                yield (
                    f"{name} came back as {values}, changed on the way out or back, {which}: "
                    f"source ports {ports}"
                )
    if () in found:
        yield f"{name}: nothing came back, {_flows(len(found[()]), count)}"


def _flows(some: int, of: int) -> str:
    return f"{some} of {of} flows" if some < of else "all flows" if of > 1 else "1 flow"


def spans(numbers: Iterable[int]) -> str:
    """Write numbers with runs of them as their first and last: "1-3 5"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
