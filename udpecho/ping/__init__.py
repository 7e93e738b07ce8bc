"""Loss, delay, jitter and reordering, measured.

summary = await ping(reactor, [("echo.example", 7)], count=10, interval=0.1)

async for outcome in await prepare(reactor, [("echo.example", 7)], count=10):
    print(outcome.kind, outcome.rtt_ns)
"""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "FellBehind",
    "Ping",
    "ping",
    "prepare",
]

if TYPE_CHECKING:
    from udpecho.ping.preparing import ping as ping
    from udpecho.ping.preparing import prepare as prepare
    from udpecho.ping.run import Ping as Ping
    from udpecho.ping.stream import FellBehind as FellBehind
else:
    __getattr__ = Door(
        globals(),
        {
            "preparing": (
                "ping",
                "prepare",
            ),
            "run": ("Ping",),
            "stream": ("FellBehind",),
        },
    )
