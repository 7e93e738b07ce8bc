"""What Prometheus' own checker says of what a node tells, and of the rules in deploy/."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.alerting import RULES, Mesh, Trial, firing
from tests.watch.test_metrics import HARD, Scraped
from udpecho.watch.classes import class_name

PROMTOOL = shutil.which("promtool") or ""
pytestmark = pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed")

FOUR = ["a", "b", "c", "d"]


def test_it_finds_no_fault(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    for number in range(60):
        scraped.node.roll[HARD].losing.lost(1, number)
    scraped.node.roll[HARD].losing.settle(60, scraped.node.now_ns())
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=scraped.text().encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    scraped.bench.stop()


def test_the_rules_are_rules() -> None:
    checked = subprocess.run(
        [PROMTOOL, "check", "rules", "--lint=all", "--lint-fatal", str(RULES)],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def one_pair(share: float, since: int, until: int) -> Callable[[str, str, int], float]:
    """Have a share of what a sends to b be lost from one second to another."""
    return lambda source, target, at: (
        share if (source, target) == ("a", "b") and since <= at < until else 0.0
    )


A_TO_B = firing("UdpechoPairLoses", instance="a", peer="b")


@pytest.mark.parametrize("share", [0.025, 0.1, 1.0])
def test_a_pair_that_loses_is_told_in_half_a_minute_once_and_till_a_minute_after(
    tmp_path: Path, share: float
) -> None:
    """A link at 10 % of which a quarter of the flows are, one at 10 %, one that is down."""
    trial = Trial(Mesh(FOUR, 900, loss=one_pair(share, 200, 600)))
    trial.is_quiet(0, 200)
    trial.fires(225, A_TO_B)
    trial.fires(600, A_TO_B)
    trial.is_quiet(655, 900)
    trial.began_once(A_TO_B)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_scrape_a_minute_is_enough(tmp_path: Path) -> None:
    """It takes two scrapes that see losses, and five minutes without."""
    trial = Trial(Mesh(FOUR, 1800, scrape=60, loss=one_pair(0.1, 605, 1200)), interval=15)
    trial.is_quiet(0, 600)
    trial.fires(750, A_TO_B)
    trial.fires(1200, A_TO_B)
    trial.is_quiet(1560, 1800)
    trial.began_once(A_TO_B)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_rare_losses_come_and_go_without_an_alert_that_does(tmp_path: Path) -> None:
    """0.6 %: a flow of 16 at 10 %."""
    trial = Trial(Mesh(FOUR, 2400, loss=one_pair(0.00625, 200, 1800)))
    trial.is_quiet(0, 200)
    trial.fires(1800, A_TO_B)
    trial.is_quiet(2110, 2400)
    trial.began_once(A_TO_B)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_rare_losses_of_many_pairs_end_together(tmp_path: Path) -> None:
    """1.2 % between two leaves, as where one of their four ways loses."""
    left, right = NODES[:4], NODES[4:8]

    def loss(source: str, target: str, at: int) -> float:
        return 0.0125 if (source in left) != (target in left) and 200 <= at < 600 else 0.0

    trial = Trial(Mesh([*left, *right], 800, loss=loss))
    alerts = [
        firing("UdpechoPairLoses", instance=one, peer=other)
        for here, there in ((left, right), (right, left))
        for one in here
        for other in there
    ]
    trial.is_quiet(0, 200)
    trial.fires(600, *alerts)
    trial.is_quiet(660, 800)
    for at in range(660, 800, 20):  # or the alerts of flows come back
        trial.has("count(udpecho:pair_lost_lately)", at)
    trial.began_once(*alerts)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_blip_is_no_alert(tmp_path: Path) -> None:
    for share, seconds in ((1.0, 1), (0.3, 4)):
        trial = Trial(Mesh(FOUR, 400, loss=one_pair(share, 200, 200 + seconds)))
        trial.is_quiet(0, 400)
        assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_network_that_loses_a_little_everywhere_is_no_alert(tmp_path: Path) -> None:
    """0.05 %, of 56 pairs."""
    trial = Trial(Mesh([*"abcdefgh"], 1800, loss=lambda *_: 0.0005))
    trial.is_quiet(0, 1800)
    assert trial.failures(PROMTOOL, tmp_path) == ""


NODES = [f"n{number}" for number in range(32)]


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_all_that_lose_towards_one_are_one_alert(tmp_path: Path, share: float) -> None:
    """Not 31; and none of the node itself, which loses towards all as much."""

    def loss(source: str, target: str, at: int) -> float:
        return share if "n7" in (source, target) and 450 <= at < 600 else 0.0

    mesh = Mesh(NODES, 900, scrape=15, loss=loss, pairs=lambda *pair: "n7" in pair)
    trial = Trial(mesh, interval=15)
    alert = firing("UdpechoPeerLoses", peer="n7")
    trial.is_quiet(0, 450)
    trial.fires(495, alert)
    trial.fires(600, alert)
    trial.is_quiet(675, 900)
    trial.began_once(alert)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_one_that_loses_towards_all_is_one_alert(tmp_path: Path) -> None:
    """Where peers are called otherwise than nodes are."""

    def loss(source: str, _: str, at: int) -> float:
        return 0.1 if source == "n7" and 150 <= at < 300 else 0.0

    trial = Trial(Mesh(NODES[:12], 400, loss=loss))
    alert = firing("UdpechoNodeLoses", instance="n7")
    trial.fires(175, alert)
    trial.is_quiet(355, 400)
    trial.began_once(alert)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_counter_that_begins_anew_lost_nothing(tmp_path: Path) -> None:
    """A node that is started again within a scrape, after an hour of losses and more."""
    before = Mesh(["a", "b"], 600, is_up=lambda node, at: node != "a" or at != 299)
    series = before.series()
    for fate, each in (("lost", 1000), ("replied", 100_000)):
        row = series[
            f'udpecho_probes_total{{job="udpecho",instance="a",peer="b",outcome="{fate}"}}'
        ]
        for place in range(300 // 5):
            row[place] = str(int(row[place]) + each)
    trial = Trial(before)
    trial.is_quiet(0, 600)
    assert trial.failures(PROMTOOL, tmp_path, series) == ""


def test_a_node_that_is_started_again_is_no_alert(tmp_path: Path) -> None:
    """Six seconds, in which all lose what they send to it."""
    trial = Trial(Mesh(NODES[:8], 500, is_up=lambda node, at: node != "n3" or not 300 <= at < 306))
    trial.is_quiet(0, 500)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_node_that_is_down_is_told_by_all_others_at_once(tmp_path: Path) -> None:
    trial = Trial(Mesh(NODES[:8], 900, is_up=lambda node, at: node != "n3" or not 300 <= at < 600))
    lost, down = firing("UdpechoPeerLoses", peer="n3"), firing("UdpechoNodeDown", instance="n3")
    trial.fires(325, lost)
    trial.fires(595, lost, down)
    trial.is_quiet(655, 900)
    trial.began_once(lost, down)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_peer_that_leaves_and_comes_back_is_no_alert(tmp_path: Path) -> None:
    trial = Trial(
        Mesh(FOUR, 900, has=lambda _, target, at: target != "b" or not 300 <= at < 400)
    )  # its counters begin at 0 again
    trial.is_quiet(0, 900)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_one_that_has_left_its_source_is_no_alert(tmp_path: Path) -> None:
    """It is silent, and was taken out of service."""
    leaving = [
        (f'udpecho_peer_leaving{{job="udpecho",instance="{each}",peer="d"}}', "_x60 1x59 stale")
        for each in "abc"
    ]
    gone = Mesh(
        FOUR, 900, more=leaving, loss=lambda _, target, at: float(target == "d" and at >= 300),
        has=lambda _, target, at: target != "d" or at < 600,
    )  # fmt: skip
    trial = Trial(gone)
    trial.is_quiet(0, 900)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_scrapes_that_fail_for_half_a_minute_change_nothing(tmp_path: Path) -> None:
    mesh = Mesh(
        FOUR, 700, loss=one_pair(0.1, 200, 500),
        is_scraped=lambda node, at: node != "a" or not 300 <= at < 330,
    )  # fmt: skip
    trial = Trial(mesh)
    trial.fires(325, A_TO_B)
    trial.is_quiet(555, 700)
    trial.began_once(A_TO_B)
    assert trial.failures(PROMTOOL, tmp_path) == ""


@pytest.mark.parametrize("scrape", [5, 60])
def test_a_node_that_is_late_tells_of_itself_and_of_no_loss(tmp_path: Path, scrape: int) -> None:
    """Nor do others of it: who is short of CPU answers late, too."""
    mesh = Mesh(
        FOUR, 1800, scrape=scrape, is_late=lambda node, at: node == "a" and 600 <= at < 1200,
        loss=lambda source, target, at: 0.2 * ("a" in (source, target) and 610 <= at < 1200),
    )  # fmt: skip
    trial = Trial(mesh, interval=scrape // 4 or 5)
    late = firing("UdpechoNodeLate", instance="a")
    trial.is_quiet(0, 700)
    trial.fires(1200, late)
    trial.is_quiet(1620, 1800)
    trial.began_once(late)
    assert trial.failures(PROMTOOL, tmp_path) == ""


CLASSES = ("", " EF", " DSCP 3")


def test_of_a_node_that_is_late_no_class_of_traffic_loses(tmp_path: Path) -> None:
    """Though it has another name in each; and what isn't late loses in a class as ever."""

    def loss(source: str, peer: str, at: int) -> float:
        is_lossy = "a" in (source, peer.partition(" ")[0]) or (source, peer) == ("b", "c EF")
        return 0.2 * (is_lossy and 310 <= at < 600)

    mesh = Mesh(
        FOUR, 900, loss=loss, classes=CLASSES, is_late=lambda node, at: node == "a" and at >= 300
    )
    trial = Trial(mesh)
    late = firing("UdpechoNodeLate", instance="a")
    loses = firing("UdpechoPairLoses", instance="b", peer="c EF")
    trial.is_quiet(0, 300)
    trial.fires(595, late, loses)
    trial.began_once(late, loses)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_one_that_loses_in_some_classes_is_not_told_as_peer_and_as_node(tmp_path: Path) -> None:
    """Nor each of its pairs."""

    def loss(source: str, peer: str, at: int) -> float:
        node, _, behind = peer.partition(" ")
        return 0.2 * ("a" in (source, node) and behind != "" and 200 <= at < 400)

    trial = Trial(Mesh([*"abcde"], 600, loss=loss, classes=CLASSES))
    alerts = [firing("UdpechoPeerLoses", peer=f"a{behind}") for behind in CLASSES[1:]]
    trial.fires(250, *alerts)
    trial.is_quiet(470, 600)
    trial.began_once(*alerts)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_the_rules_know_every_class_by_its_name() -> None:
    known = re.findall(r"\((CS[^)]+)\)", RULES.read_text())
    assert len(known) == 3
    for dscp in range(64):
        assert all(re.fullmatch(each, class_name(dscp)) for each in known)


def test_a_loss_that_is_known_stays_so_when_the_node_is_late_as_well(tmp_path: Path) -> None:
    mesh = Mesh(
        FOUR, 900, loss=one_pair(0.1, 200, 600),
        is_late=lambda node, at: node == "a" and 300 <= at < 310,
    )  # fmt: skip
    trial = Trial(mesh)
    trial.began_once(A_TO_B)
    trial.fires(600, A_TO_B)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_mesh_that_begins_late_is_no_alert(tmp_path: Path) -> None:
    """As 20 nodes did on a busy machine: what left late did so before the first scrape."""
    mesh = Mesh(
        FOUR, 400, is_scraped=lambda _, at: at >= 100, is_late=lambda _, at: at < 99,
        loss=lambda *pair_and_at: 0.2 * (90 <= pair_and_at[2] < 112),
    )  # fmt: skip
    trial = Trial(mesh)
    trial.is_quiet(0, 400)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_what_comes_back_after_it_was_lost_was_sent_once(tmp_path: Path) -> None:
    trial = Trial(Mesh(["a", "b"], 600, loss=lambda *_: 1.0, belated=True))
    labels = '{__name__="udpecho:pair_loss:ratio",job="udpecho",instance="a",peer="b"}'
    trial.has('udpecho:pair_loss:ratio{instance="a"}', 590, (labels, 1.0))
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_shares_are_of_all_that_was_sent(tmp_path: Path) -> None:
    """All of a's to b and none of its others are a third of all."""
    mesh = Mesh(FOUR, 600, loss=lambda s, t, _: float((s, t) == ("a", "b")))
    trial = Trial(mesh)
    labels = '{__name__="udpecho:node_loss:ratio",job="udpecho",instance="a"}'
    trial.has('udpecho:node_loss:ratio{instance="a"}', 590, (labels, 1 / 3))
    assert trial.failures(PROMTOOL, tmp_path) == ""


@pytest.mark.parametrize(
    ("metric", "labels", "values", "alertname"),
    [
        ("udpecho_config_last_reload_successful", {}, "1x19 0x40", "UdpechoReloadFailed"),
        ("udpecho_source_up", {"source": "dns:x"}, "1x19 0x40", "UdpechoSourceDown"),
        ("udpecho_peers_probed", {}, "3x19 0x80", "UdpechoProbesNobody"),
        ("udpecho_peers_left_out", {}, "0x19 2x80", "UdpechoPeersLeftOut"),
        ("udpecho_peer_info", {"peer": "b", "address": ""}, "_x20 1x80", "UdpechoPeerNowhere"),
    ],
)
def test_what_else_is_amiss(
    tmp_path: Path, metric: str, labels: dict[str, str], values: str, alertname: str
) -> None:
    named = ",".join(f'{name}="{value}"' for name, value in labels.items())
    more = [(f'{metric}{{job="udpecho",instance="a",{named}}}', values)]
    trial = Trial(Mesh(["a", "b"], 500, more=more))
    trial.is_quiet(0, 100)
    kept = {name: value for name, value in labels.items() if value}
    trial.fires(290 if "x40" in values else 495, firing(alertname, instance="a", **kept))
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_node_that_probes_no_more_though_it_has_peers(tmp_path: Path) -> None:
    """Its counters stand still."""
    mesh = Mesh(["a", "b"], 800)
    series = mesh.series()
    for name, row in series.items():
        if 'instance="a"' in name and "_total" in name:
            row[60:] = [row[60]] * len(row[60:])
    trial = Trial(mesh)
    trial.is_quiet(0, 600)
    trial.fires(800, firing("UdpechoProbesNobody", instance="a"))
    assert trial.failures(PROMTOOL, tmp_path, series) == ""


def test_no_node_at_all(tmp_path: Path) -> None:
    trial = Trial(Mesh([], 400))
    trial.fires(400, firing("UdpechoNoNode"))
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_flows_that_lose_are_one_alert_with_a_verdict_and_without(tmp_path: Path) -> None:
    """The node holds what flows lose for five minutes; the alert ends with the losses."""
    a_to_b = 'job="udpecho",instance="a",peer="b"'
    more = [
        (f'udpecho_flow_losing{{{a_to_b},flow="{flow}"}}', f"_x{begun} 1x{120 - begun} stale")
        for flow, begun in (("3", 50), ("7", 55))
    ]
    verdict = {"direction": "there", "segment": "10.0.0.1 > 10.0.0.2"}
    named = ",".join(f'{name}="{value}"' for name, value in verdict.items())
    more.append((f"udpecho_verdict{{{a_to_b},{named}}}", "_x60 1x52 stale"))
    trial = Trial(Mesh(["a", "b"], 700, loss=one_pair(0.1, 200, 500), more=more))
    flows = firing("UdpechoFlowsLose", instance="a", peer="b")
    segment = firing("UdpechoSegmentLoses", **verdict)
    trial.fires(250, A_TO_B, flows)
    trial.fires(310, A_TO_B, flows, segment)
    trial.says(
        290, flows,
        summary="2 flows from a to b lose more than the others: 3 7", segment="not known",
    )  # fmt: skip
    trial.says(
        310, flows, summary="2 flows from a to b lose more than the others: 3 7",
        segment="there: 10.0.0.1 > 10.0.0.2",
    )  # fmt: skip
    trial.is_quiet(555, 700)
    trial.began_once(A_TO_B, flows, segment)
    assert trial.failures(PROMTOOL, tmp_path) == ""


def test_a_pair_whose_flows_die_in_two_classes_is_one_pair(tmp_path: Path) -> None:
    verdict = {"direction": "there", "segment": "10.0.0.1 > 10.0.0.2"}
    named = ",".join(f'{name}="{value}"' for name, value in verdict.items())
    more = [
        (f'udpecho_verdict{{job="udpecho",instance="a",peer="{peer}",{named}}}', "_x60 1x60")
        for peer in ("b", "b EF", "c EF")
    ]
    mesh = Mesh([*"abc"], 600, classes=CLASSES, more=more, loss=lambda s, _, __: 0.1 * (s == "a"))
    trial = Trial(mesh)
    summary = "flows of 2 pairs of nodes die 10.0.0.1 > 10.0.0.2 (there)"
    trial.says(400, firing("UdpechoSegmentLoses", **verdict), summary=summary)
    assert trial.failures(PROMTOOL, tmp_path) == ""


@pytest.mark.parametrize("path", sorted(RULES.parent.glob("prometheus*.yml")), ids=lambda p: p.stem)
def test_the_files_beside_the_rules_are_right(tmp_path: Path, path: Path) -> None:
    """Debian's has none of Kubernetes' discovery: what is found so is said otherwise."""
    text = re.sub(
        r"kubernetes_sd_configs:\n( +)- role: pod\n(?:\1  .*\n)+",
        r"static_configs:\n\1- targets: [\"10.0.0.1:8060\"]\n",
        path.read_text(),
    ).replace(RULES.name, str(RULES))
    file = tmp_path / path.name
    file.write_text(text)
    checked = subprocess.run(
        [PROMTOOL, "check", "config", str(file)], capture_output=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_path_that_changes_is_told_for_five_minutes(tmp_path: Path) -> None:
    """And a counter that begins at 0 again is no change."""
    a_to_b = 'job="udpecho",instance="a",peer="b"'
    more = [(f"udpecho_path_changes_total{{{a_to_b}}}", "3x40 4x100 0x60")]
    trial = Trial(Mesh(["a", "b"], 1000, more=more))
    changed = firing("UdpechoPathChanged", instance="a", peer="b")
    trial.is_quiet(0, 200)
    trial.fires(210, changed)
    trial.is_quiet(515, 1000)
    trial.began_once(changed)
    assert trial.failures(PROMTOOL, tmp_path) == ""
