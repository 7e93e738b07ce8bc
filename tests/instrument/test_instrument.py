"""Both instruments are what the interface says; that types agree is for mypy to see."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from udpecho.instrument.instrument import Instrument, Observer, ProbeSocket
from udpecho.instrument.kernel import KernelInstrument
from udpecho.instrument.reactor import ReactorInstrument, ReactorSocket
from udpecho.instrument.stamped import StampedSocket
from udpecho.instrument.values import ValueInstrument, ValueProbeSocket
from udpecho.path.tracing import Look
from udpecho.ping.run import Ping

INSTRUMENTS: list[Callable[..., Instrument]] = [
    KernelInstrument,
    ReactorInstrument,
    ValueInstrument,
]
SOCKETS: list[Callable[..., ProbeSocket]] = [StampedSocket, ReactorSocket, ValueProbeSocket]
OBSERVERS: list[Callable[..., Observer]] = [Ping, Look]


@pytest.mark.parametrize(
    ("interface", "made"),
    [
        *((Instrument, made) for made in INSTRUMENTS),
        *((ProbeSocket, made) for made in SOCKETS),
        *((Observer, made) for made in OBSERVERS),
    ],
)
def test_it_takes_what_the_interface_says(interface: type, made: type) -> None:
    """By the same names in the same order, so that any of them can stand for another."""
    methods = [name for name, value in vars(interface).items() if inspect.isfunction(value)]
    said = {name: list(inspect.signature(getattr(interface, name)).parameters) for name in methods}
    said = {name: names for name, names in said.items() if not name.startswith("_")}
    assert said
    assert {n: list(inspect.signature(getattr(made, n)).parameters) for n in said} == said
