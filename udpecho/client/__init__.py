"""The three clients, side by side: they differ in who may answer."""

from udpecho.doors import Door

TYPE_CHECKING = False

__all__ = [
    "RETRIES",
    "TIMEOUT",
    "ClientCounters",
    "ConnectedEchoClient",
    "EchoClient",
    "MatchingEchoClient",
    "Reply",
    "Stranger",
]

if TYPE_CHECKING:
    from udpecho.client.asking import Stranger as Stranger
    from udpecho.client.client import ConnectedEchoClient as ConnectedEchoClient
    from udpecho.client.client import EchoClient as EchoClient
    from udpecho.client.client import MatchingEchoClient as MatchingEchoClient
    from udpecho.client.counting import ClientCounters as ClientCounters
    from udpecho.client.patience import RETRIES as RETRIES
    from udpecho.client.patience import TIMEOUT as TIMEOUT
    from udpecho.client.request import Reply as Reply
else:
    __getattr__ = Door(
        globals(),
        {
            "asking": ("Stranger",),
            "counting": ("ClientCounters",),
            "client": (
                "ConnectedEchoClient",
                "EchoClient",
                "MatchingEchoClient",
            ),
            "patience": (
                "RETRIES",
                "TIMEOUT",
            ),
            "request": ("Reply",),
        },
    )
