"""What programs ask a node: as the schema says, from memory, and bounded."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from twisted.logger import Logger

from tests.examples import given, st
from tests.routers import FourWays
from tests.watch.nodes import UNTRACED, Nodes, fates
from tests.watch.test_tracing import BEHIND, PEER, Watched
from tests.watch.test_web import LOCAL, Bench
from udpecho.watch.telling.json_text import with_list, written
from udpecho.watch.telling.records import pair_head, row_head, row_records
from udpecho.watch.web.front import site_of

HARD = 'odd/"name" \\ of é?'

SCHEMA = json.loads(
    (resources.files("udpecho.watch.telling") / "api.schema.json").read_text("utf-8")
)


def told(kind: str, body: bytes) -> Any:
    """Read what was told of a kind, as the schema says."""
    schema = {**SCHEMA, "$ref": f"#/$defs/{kind}"}
    del schema["oneOf"]
    record = json.loads(body, parse_constant=pytest.fail)
    Draft202012Validator(schema).validate(record)
    Draft202012Validator(SCHEMA).validate(record)
    return record


class Mesh(Bench):
    """A node that probes another, one that nobody answers for, and one without an address."""

    def __init__(self, tmp_path: Path) -> None:
        self.nodes = Nodes(2)
        labels = {"name": HARD, "zone": "ams"}
        groups = [
            {"targets": ["192.0.2.2"], "labels": labels},
            {"targets": ["192.0.2.77:7", "no-such.example"]},
        ]
        (tmp_path / "peers.json").write_text(json.dumps(groups))
        more = "[node]\nzone = 'fra'\n[probe]\nflows = 3\n[[peers]]\nfile = 'peers.json'"
        self.node = self.nodes.begin(
            0, self.nodes.text(0, [], more), base=tmp_path, wall=lambda: 1e9
        )
        self.nodes.begin(1, self.nodes.text(1, [0], UNTRACED))
        self.nodes.net.advance(10)
        log = Logger(observer=self.nodes.events.append)  # type: ignore[arg-type]
        self.site: Any = site_of(self.nodes.hosts[0], self.node, log)

    def get(self, path: str) -> bytes:
        status, headers, body = self.ask(f"GET /api/v1/{path} HTTP/1.1", LOCAL)
        assert (status, headers["content-type"]) == (200, "application/json")
        return body

    def pair(self, name: str, query: str = "") -> Any:
        return told("pair", self.get(f"peers/{quote(name, safe='')}{query}"))


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return Mesh(tmp_path)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_who_a_node_is_and_how_it_does(mesh: Mesh) -> None:
    node = told("node", mesh.get("node"))
    assert (node["node"], node["zone"], node["unix_seconds"]) == ("node-0", "fra", 1e9)
    assert node["healthy"]
    assert node["ready"]
    assert node["peers_probed"] == 3
    assert sum(node["lateness"]["counts"]) > 20
    [source] = node["sources"]
    assert (source["source"], source["peers"], source["why"]) == ("file:peers.json", 3, None)
    mesh.stop()


def test_a_row_tells_of_each_peer_how_it_is_now(mesh: Mesh) -> None:
    row = told("row", mesh.get("row"))
    assert row["window_seconds"] == 300
    good, dead, unknown = row["peers"]
    assert (good["name"], good["zone"], good["address"]) == (HARD, "ams", "192.0.2.2:1060")
    assert (good["loss"], good["silent"], good["why"]) == (0.0, False, None)
    assert good["p99_ns"] > 10_000_000
    assert 0 <= good["unheard_seconds"] < 3
    assert (dead["name"], dead["address"], dead["zone"]) == ("192.0.2.77:7", "192.0.2.77:7", "")
    assert (dead["loss"], dead["p99_ns"], dead["unheard_seconds"]) == (1.0, None, None)
    assert dead["silent"]
    assert (unknown["address"], unknown["loss"], unknown["losing"]) == (None, None, [])
    assert "no-such.example" in unknown["why"]
    mesh.stop()


def test_a_pair_has_its_counts_and_its_day(mesh: Mesh) -> None:
    mesh.nodes.net.advance(350)
    probed = mesh.node.roll[HARD]
    before = fates(probed)["replied"]
    pair = mesh.pair(HARD)
    assert pair["zone"] == "fra"
    assert (pair["peer"]["name"], pair["peer"]["zone"]) == (HARD, "ams")
    replied = sum(flow["replied"] for flow in pair["flows"])
    assert before <= replied <= fates(probed)["replied"]
    assert sum(pair["rtt"]["counts"]) == replied
    assert {each["seconds"] for each in pair["minutes"]} == {300}
    assert [each["loss"] for each in pair["minutes"]] == [0.0] * len(pair["minutes"])
    fine = mesh.pair(HARD, "?columns=1440")["minutes"]
    assert 5 <= len(fine) <= 6
    assert all(len(each["flows_loss"]) == 3 for each in fine)
    assert sum(each["sent"] for each in fine) == sum(each["sent"] for each in pair["minutes"])
    begins = [each["unix_seconds"] for each in fine]
    assert begins == [begins[0] + 60 * n for n in range(len(fine))]
    assert 1e9 - 420 < begins[0] <= 1e9 - 300
    assert fine[0]["rtt_ns"]["p0"] <= fine[0]["rtt_ns"]["p99"]
    dead = mesh.pair("192.0.2.77:7")
    assert dead["minutes"][0]["rtt_ns"] is None
    assert dead["hops"] is None
    mesh.stop()


def test_what_happened_lately(mesh: Mesh) -> None:
    events = told("events", mesh.get("events"))["events"]
    file = resources.files("udpecho.watch.events") / "events.schema.json"
    for event in events:
        Draft202012Validator(json.loads(file.read_text("utf-8"))).validate(event)
    silent = [each["peer"] for each in events if each["type"] == "peer_silent"]
    assert sorted(silent) == ["192.0.2.77:7", "no-such.example"]
    assert [each["number"] for each in events] == list(range(1, len(events) + 1))
    mesh.stop()


def test_what_was_reflected(mesh: Mesh) -> None:
    told_of = told("reflector", mesh.get("reflector"))
    assert told_of["listens"] == ["192.0.2.1:1060"]
    assert told_of["datagrams"]["echoed"] > 50
    assert told_of["echoed_bytes"] == told_of["datagrams"]["echoed"] * 56
    mesh.stop()


def test_what_there_is_not() -> None:
    bench = Bench(1)
    known = "peers/198.51.100.1:1060"
    for path, status, line in (
        ("", 404, "not found"), ("x", 404, "not found"), ("row/", 404, "not found"),
        ("peers", 404, "not found"), ("peers/", 404, "no such peer"),
        ("peers/nobody", 404, "no such peer"), ("peers/%FF%00", 404, "no such peer"),
        (f"{known}?columns=23", 400, "columns: expected a whole number from 24 to 1440"),
        (f"{known}?columns=1441", 400, "got '1441'"),
        (f"{known}?columns=%0A%FF", 400, "columns: expected"),
        (f"{known}?columns={'9' * 4000}", 400, "columns: expected"),
    ):  # fmt: skip
        got, headers, body = bench.ask(f"GET /api/v1/{path} HTTP/1.1", LOCAL)
        assert (got, headers["content-type"]) == (status, "text/plain; charset=utf-8"), path
        assert line in body.decode()
        assert body.count(b"\n") == 1
        assert len(body) < 300
    assert bench.ask("GET /api/v1/row HTTP/1.1", "Host: evil.example")[0] == 421
    bench.stop()


def test_it_is_compressed_and_told_in_pieces_and_without_a_body_to_head(mesh: Mesh) -> None:
    for path in ("node", "row", "reflector", "events", "peers/192.0.2.77:7"):
        asked = f"/api/v1/{path} HTTP/1.1", LOCAL, "Accept-Encoding: gzip"
        _, headers, body = mesh.ask(f"GET {asked[0]}", *asked[1:])
        assert headers["content-encoding"] == "gzip"
        json.loads(gzip.decompress(body))
        status, headers, body = mesh.ask(f"HEAD {asked[0]}", *asked[1:])
        assert (status, headers["content-type"], body) == (200, "application/json", b"")
    mesh.stop()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)  # fmt: skip
records = st.dictionaries(st.text(), json_values, max_size=3)


@given(records, st.text(), st.lists(records, max_size=5))
def test_a_list_is_json_with_an_item_a_line(head: Any, name: str, items: list[Any]) -> None:
    text = "".join(with_list(head, name, items))
    assert json.loads(text) == {**head, name: items}
    lines = text.splitlines()
    assert [json.loads(each.removesuffix(",")) for each in lines[1:-1]] == items
    assert lines[-1] == "]}"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_never_told(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        written({"loss": value})


def test_where_flows_die_and_which_paths_they_take() -> None:
    four = FourWays(1)
    here = Watched(four)
    here.run(60)
    node, probed = here.node, here.peer()
    calm = json.loads("".join(with_list(pair_head(node, PEER, probed), "minutes", [])))
    paths = told("pair", json.dumps(calm).encode())["paths"]
    assert sum(len(each["flows"]) for each in paths["known"]) == 16
    assert {each["id"] for each in paths["known"]} == probed.paths.by_id().keys()
    assert paths["known"][0]["hops"][0] != []
    assert calm["peer"]["verdict"] is None
    four.members[1].drop(0.3, to=BEHIND)
    here.run(240)
    row = told("row", "".join(with_list(row_head(node), "peers", row_records(node))).encode())
    verdict = row["peers"][0]["verdict"]
    known = probed.paths.verdict
    assert known is not None
    assert (verdict["why"], verdict["flows"]) == (known.why, list(known.flows))
    assert verdict["age_seconds"] >= 0
    here.stop()
