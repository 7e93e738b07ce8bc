"""Which names are asked for: Kubernetes's short ones are found in its domains."""

from __future__ import annotations

import pytest

from tests.examples import given, st
from udpecho.watch.peers.search_names import SearchList, read_search_list

CLUSTER = """# a pod's
nameserver 10.96.0.10
search monitoring.svc.cluster.local svc.cluster.local cluster.local
options ndots:5 edns0
"""


def test_a_service_s_short_name_is_found_in_the_cluster() -> None:
    assert read_search_list(CLUSTER).names("udpecho.monitoring.svc") == [
        "udpecho.monitoring.svc.monitoring.svc.cluster.local",
        "udpecho.monitoring.svc.svc.cluster.local",
        "udpecho.monitoring.svc.cluster.local",
        "udpecho.monitoring.svc",
    ]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("", SearchList()),
        ("domain example.", SearchList(("example",))),
        ("search a b\nsearch c", SearchList(("c",))),
        ("options ndots:99", SearchList((), 15)),
        ("options ndots:x rotate\noptions ndots:2", SearchList((), 2)),
        ("search ." + " a" * 30, SearchList(("a",) * 15)),
    ],
)
def test_what_resolv_conf_says(text: str, known: SearchList) -> None:
    assert read_search_list(text) == known


def test_a_long_name_and_one_that_is_whole() -> None:
    known = SearchList(("example",), 1)
    assert known.names("a.b") == ["a.b", "a.b.example"]
    assert known.names("a") == ["a.example", "a"]
    assert known.names("a.b.") == ["a.b"]


@given(st.text())
def test_whatever_stands_there(text: str) -> None:
    assert "echo" in [name.rstrip(".") for name in read_search_list(text).names("echo")]
