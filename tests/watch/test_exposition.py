"""How metrics are written: whatever a label has in it, others read it as it was."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.examples import given, st
from udpecho.watch.telling.exposition import (
    END,
    header,
    histogram_series,
    samples,
    series,
    wants_openmetrics,
)
from udpecho.watch.web.sending import in_chunks

LABELS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)


@given(LABELS)
def test_any_label_is_read_as_it_was(value: str) -> None:
    line = samples([series("a_total", [("peer", value), ("b", "c")])], [3])
    [family] = read_text(header("a", "counter", "What.", openmetrics=False) + line)
    [sample] = family.samples
    assert (sample.name, sample.value) == ("a_total", 3)
    assert sample.labels == {"peer": value, "b": "c"}
    assert (family.type, family.documentation) == ("counter", "What.")
    [family] = read_open(header("a", "counter", "What.", openmetrics=True) + line + END)
    assert family.samples[0].labels == {"peer": value, "b": "c"}


def test_a_histogram_in_seconds() -> None:
    prefixes = histogram_series("rtt_seconds", [50_000, 10**9], [("peer", "x")])
    text = header("rtt_seconds", "histogram", "It.", openmetrics=True)
    text += samples(prefixes, [1, 2, 3, 0.5, 3]) + END
    [family] = read_open(text)
    assert [each.labels.get("le") for each in family.samples] == [
        "5e-05", "1.0", "+Inf", None, None,
    ]  # fmt: skip
    assert [each.name for each in family.samples[2:]] == [
        "rtt_seconds_bucket", "rtt_seconds_sum", "rtt_seconds_count",
    ]  # fmt: skip


def test_which_is_asked_for() -> None:
    """By Prometheus 2.42's own header, and by a browser's."""
    accept = (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    )
    assert wants_openmetrics(accept)
    assert not wants_openmetrics("text/html,*/*;q=0.8")
    assert not wants_openmetrics("")


@given(st.lists(st.text(max_size=9)), st.integers(1, 30))
def test_chunks_are_the_whole(texts: list[str], size: int) -> None:
    chunks = list(in_chunks(texts, size))
    assert b"".join(chunks) == "".join(texts).encode("utf-8", "replace")
    assert all(len(each) >= size for each in chunks[:-1] if each)
