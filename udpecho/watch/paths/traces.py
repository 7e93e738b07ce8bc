"""What all of a node's tracers share, whichever run they are beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.logger import Logger

from udpecho.path.allowance import Allowance
from udpecho.watch.configuring.settings import TraceSettings
from udpecho.watch.events.event import Event
from udpecho.watch.paths.verdicts import Verdicts
from udpecho.watch.probed import Roll

ALLOWANCES_NS = 600_000_000_000
"""How long what is known of routers' limits is kept: others may stand there by then."""


@dataclass(slots=True, eq=False)
class Tracing:
    """Whether paths are looked at, and who hears what is found: for all runs of a node."""

    tell: Callable[[Event], None]
    log: Logger
    is_on: bool = False
    verdicts: Verdicts = field(init=False)
    _allowances: dict[int, Allowance] = field(default_factory=dict)
    _since_ns: int = 0

    def __post_init__(self) -> None:
        """Hold no verdict yet."""
        self.verdicts = Verdicts(self.tell)

    def set(self, settings: TraceSettings) -> None:
        """Look at paths when that is said."""
        self.is_on = settings.when != "never"

    def allowances(self, now_ns: int) -> dict[int, Allowance]:
        """Give what may be asked of routers by their TTL: together, whoever asks."""
        if now_ns - self._since_ns >= ALLOWANCES_NS:
            self._since_ns, self._allowances = now_ns, {}
        return self._allowances

    def settle(self, now_ns: int, roll: Roll) -> None:
        """Withdraw the verdicts that hold no more."""
        self.verdicts.settle(now_ns, lambda name: roll[name].paths if name in roll else None)
