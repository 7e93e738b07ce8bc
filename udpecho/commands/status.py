"""How a command ended, as its exit status: ping's where ping has one."""

from __future__ import annotations

from collections.abc import Iterable

TYPE_CHECKING = False
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
    most = 100 if asked.max_loss is None else asked.max_loss
    wanted = max((asked.count or 0) if asked.deadline else 0, asked.every_host)
    fails = any(
        received < wanted or 100 * (decided - received) > most * decided
        for received, decided in _of_hosts(summary)
    )
    return NO_REPLY if fails else OK


def _of_hosts(summary: Summary) -> Iterable[tuple[int, int]]:
    """Count replies and decided probes of each host; one that moved has several addresses."""
    counts: dict[tuple[str, int], tuple[int, int]] = {}
    for target in summary.targets:
        figures, host = target.figures, (target.name, target.peer[1])
        received, decided = counts.get(host, (0, 0))
        decided += figures.sent - figures.undecided
        counts[host] = received + figures.received, decided
    return counts.values()
