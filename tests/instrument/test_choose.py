"""Which instrument measures: by what the reactor and the system have."""

from __future__ import annotations

import pytest

from udpecho.instrument.choose import choose_instrument
from udpecho.instrument.instrument import SocketOptions
from udpecho.instrument.reactor import ReactorInstrument
from udpecho.testing.network import MemoryNetwork


def test_a_host_in_memory_has_a_reactors_instrument() -> None:
    host = MemoryNetwork().host("192.0.2.2")
    assert isinstance(choose_instrument(host, SocketOptions(), size=56), ReactorInstrument)


@pytest.mark.parametrize(
    "options",
    [
        SocketOptions(ttl=3),
        SocketOptions(traffic_class=0),
        SocketOptions(device="lo"),
        SocketOptions(mtu_discovery="do"),
    ],
)
def test_a_host_in_memory_has_no_ttl_to_set(options: SocketOptions) -> None:
    host = MemoryNetwork().host("192.0.2.2")
    with pytest.raises(OSError, match="Linux"):
        choose_instrument(host, options, size=56)
