"""How a command ended, as its exit status: ping's where ping has one."""

from __future__ import annotations

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
    each = [target.figures for target in summary.targets]
    most = 100 if asked.max_loss is None else asked.max_loss
    wanted = max((asked.count or 0) if asked.deadline else 0, asked.every_host)
    fails = any(one.received < wanted or 100 * (one.loss or 0.0) > most for one in each)
    return NO_REPLY if fails else OK
