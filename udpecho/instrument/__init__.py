"""How a time is measured: sockets, stamps and a timer."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Instrument",
    "ProbeSocket",
    "SocketOptions",
    "choose_instrument",
]

if TYPE_CHECKING:
    from udpecho.instrument.choose import choose_instrument as choose_instrument
    from udpecho.instrument.instrument import Instrument as Instrument
    from udpecho.instrument.instrument import ProbeSocket as ProbeSocket
    from udpecho.instrument.instrument import SocketOptions as SocketOptions
else:
    __getattr__ = Door(
        globals(),
        {
            "choose": ("choose_instrument",),
            "instrument": (
                "Instrument",
                "ProbeSocket",
                "SocketOptions",
            ),
        },
    )
