"""What a link can be told, and what it refuses."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from udpecho.testing.faults import Bursts, Faults, LinkOptions, checked
from udpecho.testing.network import MemoryNetwork


def test_an_option_stands_everywhere() -> None:
    """What MemoryNetwork.link takes, a link can be told later, and a type checker knows both."""
    names = [field.name for field in fields(Faults)]
    parameters = inspect.signature(MemoryNetwork.link).parameters
    assert [name for name in parameters if name in names] == names
    assert [name for name in parameters if name not in names] == [
        *("self", "a", "b", "addresses", "one_way")
    ]
    assert list(LinkOptions.__annotations__) == names
    defaults = {name: parameters[name].default for name in names}
    assert Faults(**defaults) == Faults()


def test_an_unknown_option() -> None:
    with pytest.raises(ValueError, match="a link has no 'los'; it has delay, jitter, loss"):
        checked(Faults(), {"los": 1.0})  # type: ignore[typeddict-unknown-key]


@pytest.mark.parametrize("name", ["start", "end", "loss"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), None, "1"])
def test_bad_bursts(name: str, value: Any) -> None:
    figures: dict[str, Any] = {"start": 0.1, "end": 0.5, "loss": 1.0, name: value}
    with pytest.raises(ValueError, match=f"the bursts' {name} is a probability from 0 to 1, not"):
        Bursts(**figures)


@pytest.mark.parametrize(
    ("options", "only_delay"),
    [
        ({}, True),
        ({"delay": 1.0, "hold": 3.0, "queue": 1, "queue_bytes": 9}, True),
        ({"jitter": 0.1}, False),
        ({"loss": 0.1}, False),
        ({"duplicate": 0.1}, False),
        ({"reorder": 0.1}, False),
        ({"corrupt": 0.1}, False),
        ({"bursts": Bursts(0.0, 0.0)}, False),
        ({"mtu": 1500}, False),
        ({"hops": 1}, False),
        ({"rate": 1e9}, False),
    ],
)
def test_what_needs_no_look_at_the_datagram(options: dict[str, Any], only_delay: bool) -> None:
    assert Faults(**options).only_delay is only_delay
