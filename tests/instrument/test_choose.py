"""Which instrument measures: by what the reactor and the system have."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from udpecho.instrument.choose import choose_instrument
from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.reactor import ReactorInstrument
from udpecho.instrument.values import ValueInstrument
from udpecho.testing.network import MemoryNetwork


class Plain(Clock):
    """A reactor that has UDP, but neither descriptors nor sockets of its own."""


def test_a_host_in_memory_measures_over_its_own_sockets() -> None:
    host = MemoryNetwork().host("192.0.2.2")
    options = SocketOptions(ttl=3, traffic_class=0, mtu_discovery="do")
    assert isinstance(choose_instrument(host, options, size=56), ValueInstrument)
    with pytest.raises(OSError, match="No such device"):
        choose_instrument(host, SocketOptions(device="lo"), size=56)


@pytest.mark.parametrize(
    "options",
    [
        SocketOptions(ttl=3),
        SocketOptions(traffic_class=0),
        SocketOptions(device="lo"),
        SocketOptions(mtu_discovery="do"),
    ],
)
def test_other_reactors_have_no_ttl_to_set(options: SocketOptions) -> None:
    plain: Any = Plain()
    assert isinstance(choose_instrument(plain, SocketOptions(), size=56), ReactorInstrument)
    with pytest.raises(OSError, match="Linux"):
        choose_instrument(plain, options, size=56)
