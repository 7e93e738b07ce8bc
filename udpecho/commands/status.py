"""How a command ended, as its exit status: ping's where ping has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from udpecho.commands.ping_options import PingSettings
    from udpecho.ping.figures import Summary

OK, NO_REPLY, FAILED = 0, 1, 2


def exit_status(summary: Summary, asked: PingSettings | None = None) -> int:
    """Give ping's exit status: 1 without a reply, or with fewer than -c and -w together want."""
    figures = summary.figures
    if not figures.received:
        return NO_REPLY
    if asked is None:
        return OK
    if asked.max_loss is not None and 100 * (figures.loss or 0.0) > asked.max_loss:
        return NO_REPLY
    wanted = (asked.count or 0) * len(summary.targets) if asked.deadline else 0
    return NO_REPLY if figures.received < wanted else OK
