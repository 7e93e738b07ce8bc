"""How a command ended, as its exit status: ping's where ping has one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from udpecho.commands.ping_settings import PingSettings
    from udpecho.ping.figures import Summary

OK, NO_REPLY, FAILED = 0, 1, 2


def exit_status(summary: Summary, asked: PingSettings | None = None) -> int:
    """Give ping's exit status: 1 without a reply, or with fewer than -c and -w together want.

    Of several hosts one that replies is enough, unless all are to; the loss is of each.
    """
    if not summary.figures.received:
        return NO_REPLY
    if asked is None:
        return OK
    received: Counter[tuple[str, int]] = Counter()  # of a host, wherever it moved to
    for target in summary.targets:
        received[target.name, target.peer[1]] += target.figures.received
    most = 100 if asked.max_loss is None else asked.max_loss
    wanted = max((asked.count or 0) if asked.deadline else 0, asked.every_host)
    loses = any(100 * (target.figures.loss or 0.0) > most for target in summary.targets)
    return NO_REPLY if loses or any(number < wanted for number in received.values()) else OK
