"""Counters of nodes as a Prometheus would have scraped them, for `promtool test rules`.

What becomes of the probes is drawn by a seed, second by second; a lost one is counted after three.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/udpecho.rules.yml"

RATE = 16
"""Probes a second from each node to each."""

COUNTED_AFTER = 3
"""Seconds after which a probe is lost."""

FATES = ("replied", "late", "lost", "refused", "corrupt")
GONE, UNSCRAPED = "stale", "_"

Alert = dict[str, str]


def nothing(_: str, __: str, ___: int) -> float:
    """Lose nothing."""
    return 0.0


def always(_: str, __: int) -> bool:
    """Be so all the time."""
    return True


def never(_: str, __: int) -> bool:
    """Be so at no time."""
    return False


@dataclass(slots=True)
class Mesh:
    """Nodes that probe each other, and how they fare at each second."""

    nodes: Sequence[str]
    seconds: int
    scrape: int = 5
    loss: Callable[[str, str, int], float] = nothing
    """The share that is lost from one to another, by the name it has in a class of traffic."""

    is_up: Callable[[str, int], bool] = always
    """Whether a node runs: one that does not probes nobody, and begins anew at 0."""

    is_scraped: Callable[[str, int], bool] = always
    is_late: Callable[[str, int], bool] = never
    has: Callable[[str, str, int], bool] = lambda *_: True
    """Whether a node has another among its peers."""

    more: list[tuple[str, str]] = field(default_factory=list)
    """Further series and their values, as promtool has them."""

    pairs: Callable[[str, str], bool] = lambda *_: True
    """Whether there is anything of a pair: promtool holds 10,000 samples of a rule."""

    classes: Sequence[str] = ("",)
    """What stands behind a peer's name in each class of traffic."""

    belated: bool = False
    """Whether what was lost comes back after five seconds."""

    def series(self) -> dict[str, list[str]]:
        """Make all series, each value as promtool reads it."""
        made: dict[str, list[str]] = {}
        for source in self.nodes:
            made |= self._of_node(source)
            for target in self.nodes:
                if target != source and self.pairs(source, target):
                    for behind in self.classes:
                        made |= self._of_pair(source, target, behind)
        return made

    def _of_node(self, source: str) -> dict[str, list[str]]:
        node = f'job="udpecho",instance="{source}"'
        count = on_time = 0
        rows: list[tuple[int, int]] = []
        for second in range(self.seconds + 1):
            if not self.is_up(source, second):
                count = on_time = 0
            else:
                count += RATE
                on_time += RATE // 2 if self.is_late(source, second) else RATE
            rows.append((count, on_time))
        up = [
            str(int(self.is_up(source, at) and self.is_scraped(source, at)))
            for at in range(0, self.seconds + 1, self.scrape)
        ]
        return {
            f"up{{{node}}}": up,
            f"udpecho_lateness_seconds_count{{{node}}}": self._scraped(
                source, [r[0] for r in rows]
            ),
            f'udpecho_lateness_seconds_bucket{{{node},le="0.1"}}': self._scraped(
                source, [r[1] for r in rows]
            ),
        }

    def _of_pair(self, source: str, target: str, behind: str) -> dict[str, list[str]]:
        peer = target + behind
        drawn = Random(f"{source} {peer}")
        counts = dict.fromkeys((*FATES, "belated"), 0)
        lost: dict[int, int] = {}
        rows: dict[str, list[int | None]] = {fate: [] for fate in counts}
        for second in range(self.seconds + 1):
            has = self.has(source, target, second)
            if not self.is_up(source, second) or not has:
                counts = dict.fromkeys(counts, 0)
                lost.clear()
            else:
                share = self.loss(source, peer, second)
                share = 1.0 if not self.is_up(target, second) else share
                lost[second] = sum(drawn.random() < share for _ in range(RATE)) if share else 0
                counts["replied"] += RATE - lost[second]
                counts["lost"] += lost.get(second - COUNTED_AFTER, 0)
                if self.belated:
                    back = lost.get(second - COUNTED_AFTER - 2, 0)
                    counts["late"] += back
                    counts["belated"] += back
            for fate, row in rows.items():
                row.append(counts[fate] if has else None)
        pair = f'job="udpecho",instance="{source}",peer="{peer}"'
        made = {
            f'udpecho_probes_total{{{pair},outcome="{fate}"}}': self._scraped(source, rows[fate])
            for fate in FATES
        }
        made[f"udpecho_probes_belated_total{{{pair}}}"] = self._scraped(source, rows["belated"])
        return made

    def _scraped(self, source: str, row: Sequence[int | None]) -> list[str]:
        """Give what scrapes see of a row with a value for each second."""
        seen: list[str] = []
        for at in range(0, self.seconds + 1, self.scrape):
            value = row[at]
            if not self.is_up(source, at) or not self.is_scraped(source, at) or value is None:
                is_new = bool(seen) and seen[-1] not in (GONE, UNSCRAPED)
                seen.append(GONE if is_new else UNSCRAPED)
            else:
                seen.append(str(value))
        return seen


def firing(alertname: str, **labels: str) -> Alert:
    """Describe an alert that fires, by what it has beside its job."""
    return {"alertname": alertname, **labels}


@dataclass(slots=True)
class Trial:
    """What is to be so at which second."""

    mesh: Mesh
    interval: int = 5
    """Of the evaluation."""

    expected: list[tuple[str, int, list[tuple[str, float]]]] = field(default_factory=list)

    told: list[dict[str, object]] = field(default_factory=list)

    def fires(self, at: int, *alerts: Alert) -> None:
        """Have these alerts fire then, and no others."""
        self.expected.append((_ALERTS, at, [(_labels(each), 1.0) for each in alerts]))

    def says(self, at: int, alert: Alert, **annotations: str) -> None:
        """Have an alert, the only one of its name, say that then."""
        labels = {"job": "udpecho", "severity": "warning"} | alert
        name = labels.pop("alertname")
        told = [{"exp_labels": labels, "exp_annotations": annotations}]
        self.told.append({"eval_time": f"{at}s", "alertname": name, "exp_alerts": told})

    def is_quiet(self, since: int, until: int) -> None:
        """Have no alert fire all the time from one second to another."""
        expr = f'count(count_over_time(ALERTS{{alertstate="firing"}}[{until - since}s]))'
        self.expected.append((expr, until, []))

    def has(self, expr: str, at: int, *samples: tuple[str, float]) -> None:
        """Have an expression's value be that."""
        self.expected.append((expr, at, list(samples)))

    def began_once(self, *alerts: Alert) -> None:
        """Have these alerts, and no others, have begun; each once, and never again."""
        step, all_of_it = self.interval, self.mesh.seconds
        before = _ALERTS.replace("})", f"}} offset {step}s)")
        expr = f"sum_over_time(({_ALERTS} unless {before})[{all_of_it}s:{step}s])"
        samples = [(_labels(each), 1.0) for each in alerts]
        self.expected.append((expr, self.mesh.seconds, samples))

    def failures(
        self, promtool: str, directory: Path, made: dict[str, list[str]] | None = None
    ) -> str:
        """Run it, on series made elsewhere if they are; give what promtool finds amiss, if any."""
        series = [
            {"series": name, "values": " ".join(values)}
            for name, values in (made or self.mesh.series()).items()
        ]
        series += [{"series": name, "values": values} for name, values in self.mesh.more]
        tests = [
            {
                "expr": expr,
                "eval_time": f"{at}s",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
            }
            for expr, at, samples in self.expected
        ]
        group: dict[str, object] = {
            "interval": f"{self.mesh.scrape}s", "input_series": series,
        }  # fmt: skip
        group |= {"promql_expr_test": tests, "alert_rule_test": self.told}
        return _ran(promtool, directory, self.interval, group)


_KEPT = "alertname, instance, peer, flow, direction, segment, source"
_ALERTS = f"sum by({_KEPT}) (ALERTS{{alertstate='firing'}})"


def _labels(labels: Alert) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _ran(promtool: str, directory: Path, interval: int, group: dict[str, object]) -> str:
    """Test the rules; give what promtool finds amiss. Its YAML may be JSON."""
    file = directory / "rules_test.json"
    text = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{interval}s",
        "tests": [group],
    }
    file.write_text(json.dumps(text))
    ran = subprocess.run(
        [promtool, "test", "rules", str(file)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr
