"""Twenty nodes in namespaces, a real Prometheus and Alertmanager, and links that lose a tenth.

As root: python -m tests.bench.mesh [--nodes=20] [--flows=8] [--fault=pair|spine]
[--quiet=MINUTES]. A line of JSON for each fault: when the webhook heard of the pair, of its flows
and of the segment after the fault, how often an alert came back, and when all were resolved after
the mend; or how many false alerts there were in so many minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.live.leaves import BESIDE, LEFT, Leaves, leaves
from tests.live.monitored import Monitoring, Told, monitoring
from tests.live.program import Program, twistd

CONFIG = """
[node]
name = "{name}"
[reflect]
listen = "udp:1060:interface={address}"
tell_paths = true
[probe]
interval = 1.0
flows = {flows}
[[peers]]
file = "peers.json"
[mesh]
fanout = "all"
[web]
listen = "tcp:8060:interface={address}"
insecure = true
public = true
"""

PORTS = 9090, 9093, 9099
FAULT_SECONDS, MENDED_SECONDS = 150.0, 150.0
SPINE = "b"


@contextmanager
def mesh(number: int, flows: int) -> Iterator[tuple[Leaves, Monitoring]]:
    """Have so many nodes that probe each other, and be told of them."""
    names = [f"n{each:02}" for each in range(1, number + 1)]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fabric = stack.enter_context(leaves(names))
        peers = [
            {"targets": [f"{fabric.hosts[name]}:1060"], "labels": {"name": name}} for name in names
        ]
        (directory / "peers.json").write_text(json.dumps(peers))
        nodes = []
        for name in names:
            file = directory / f"{name}.toml"
            file.write_text(CONFIG.format(name=name, address=fabric.hosts[name], flows=flows))
            command = fabric.at[name].command(*twistd("udpecho", f"--watch={file}"))
            nodes.append(stack.enter_context(Program(command, directory)))
        for node in nodes:
            node.wait_for("udpecho answers", 60)
        beside = fabric.at[BESIDE]
        targets = {name: f"{fabric.hosts[name]}:8060" for name in names}
        told = stack.enter_context(
            monitoring(
                directory, targets, PORTS,
                wrap=lambda command: beside.command(*command), inside=beside.do,
            )
        )  # fmt: skip
        told.wait_until(f"count(udpecho:often > 40) == {number}", number, 400)
        yield fabric, told


def of_fault(told: Monitoring, fabric: Leaves, place: str, what: str) -> Any:
    """Have a router lose a tenth of something, mend it, and tell what was heard of it when."""
    webhook = told.webhook
    first = len(webhook.told)
    begun = time.monotonic()
    fabric.lose(place, what)
    time.sleep(FAULT_SECONDS)
    mended = time.monotonic()
    fabric.mend(place)
    time.sleep(MENDED_SECONDS)
    heard = webhook.told[first:]
    kinds = dict.fromkeys(each.labels["alertname"] for each in heard)
    return {kind: _of_kind([t for t in heard if t.labels["alertname"] == kind], begun, mended)
            for kind in kinds}  # fmt: skip


def _of_kind(heard: list[Told], begun: float, mended: float) -> dict[str, object]:
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    again: Counter[str] = Counter()
    for each in heard:
        name = " ".join(f"{k}={v}" for k, v in sorted(each.labels.items()))
        if each.status == "resolved":
            if name in began:
                ended.setdefault(name, each.at)  # Prometheus says so again every minute
        elif name not in began:
            began[name] = each.at
        elif name in ended:
            again[name] += 1
            del ended[name]
    firsts, lasts = sorted(began.values()), sorted(ended.values())
    return {
        "alerts": len(began),
        "first after s": round(firsts[0] - begun, 1),
        "half after s": round(firsts[len(firsts) // 2] - begun, 1),
        "last after s": round(firsts[-1] - begun, 1),
        "came back": sum(again.values()),
        "still fire": len(began) - len(ended),
        "first resolved s after the mend": round(lasts[0] - mended, 1) if lasts else None,
        "last resolved s after the mend": round(lasts[-1] - mended, 1) if lasts else None,
        "one": next(iter(began)),
        "segments": sorted(
            {
                f"{each.labels['segment']} ({each.labels['direction']})"
                for each in heard
                if "segment" in each.labels
            }
        ),
        "says": dict(heard[-1].annotations),
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--flows", type=int, default=8)
    parser.add_argument("--quiet", type=float, default=0.0, help="minutes without any fault")
    parser.add_argument("--fault", choices=("pair", "spine"), help="this alone; both unless said")
    given = parser.parse_args()
    with mesh(given.nodes, given.flows) as (fabric, told):
        said = {"nodes": given.nodes, "flows": given.flows, "load": os.getloadavg()[0]}
        said["probes a second"] = told.value("sum(rate(udpecho_probes_total[1m]))")
        print(json.dumps(said), flush=True)
        _lateness(told)
        if given.quiet:
            quietly(told, given.quiet)
            return
        pair = f"ip saddr {fabric.hosts['n01']} ip daddr {fabric.hosts['n02']} udp dport 1060"
        spines_link = "iifname to-r1 udp length > 0"
        for name, place, what in (("pair", LEFT, pair), ("spine", SPINE, spines_link)):
            if given.fault not in (None, name):
                continue
            found = of_fault(told, fabric, place, what)
            print(json.dumps({"fault": name, "heard": found}), flush=True)
        _lateness(told)


def quietly(told: Monitoring, minutes: float) -> None:
    """Wait, and tell what was heard though nothing was amiss."""
    before = len(told.webhook.told)
    time.sleep(minutes * 60)
    heard = told.webhook.told[before:]
    print(json.dumps({"minutes": minutes, "false alerts": [dict(each.labels) for each in heard]}))
    _lateness(told)


def _lateness(told: Monitoring) -> None:
    late = told.value("max(max_over_time(udpecho:late:ratio[30m]))")
    lost = told.value("sum(increase(udpecho_probes_total{outcome!='replied'}[30m]))")
    said = {"a node's late probes, at most": late, "probes not replied in time": lost}
    print(json.dumps(said | {"load": os.getloadavg()[0]}), flush=True)


if __name__ == "__main__":
    main()
