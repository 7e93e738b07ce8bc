"""May a datagram be answered, and if not, why. Opens no socket, reads no clock."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Guard",
    "Policy",
    "Reason",
]

if TYPE_CHECKING:
    from udpecho.guard.guard import Guard as Guard
    from udpecho.guard.policy import Policy as Policy
    from udpecho.guard.reasons import Reason as Reason
else:
    __getattr__ = Door(
        globals(),
        {
            "guard": ("Guard",),
            "policy": ("Policy",),
            "reasons": ("Reason",),
        },
    )
