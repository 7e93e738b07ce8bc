"""What ping -M probe adds to a run: each flow's path MTU is searched after it, as path does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError

from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.wording import Say

if TYPE_CHECKING:
    from udpecho.path import Paths
    from udpecho.ping.figures import Summary, TargetSummary

MOST_HOSTS = 16
"""Hosts whose flows are searched: those that were given first."""

LONGEST = 15.0
"""Seconds after which a search ends, with what is known by then."""


class PathMtus:
    """Nothing, unless it was asked for."""

    def __init__(self, reactor: Any, asked: PingSettings) -> None:
        """Take what was asked of the ping."""
        self._reactor, self._asked = reactor, asked
        self.found: list[Paths] = []
        self._left_out = 0

    async def search(self, summary: Summary) -> None:
        """Search those of the hosts that answered, one after the other; an interrupt ends it."""
        if self._asked.mtu_discovery != "probe":
            return
        targets = [target for target in summary.targets if target.figures.received]
        self._left_out = len(targets[MOST_HOSTS:])
        try:
            for target in targets[:MOST_HOSTS]:
                self.found.append(await self._searched(target))
        except (CancelledError, OSError):
            pass  # what is known is told: the ping itself is over

    async def _searched(self, target: TargetSummary) -> Paths:
        from udpecho.path import trace

        asked = self._asked
        byte = asked.tos if asked.dscp is None else asked.dscp << 2
        found = await trace(
            self._reactor,
            target.peer,
            source_ports=[flow.port for flow in target.flows],
            most_hops=0,
            source=asked.source,
            device=asked.device,
            longest=LONGEST,
            mtu=True,
            dscp=None if byte is None else byte >> 2,
        )
        return replace(found, target=target.name)

    def tell(self, say: Say) -> None:
        """Say them, before the summary: ping's lines, which programs read, end it."""
        if not self.found or self._asked.json:
            return
        from udpecho.show import standard_output
        from udpecho.show.packets_text import mtu_lines_of_hosts

        sheet = standard_output()
        say("")
        for text in mtu_lines_of_hosts(self.found):
            for line in sheet.wrap(text):
                say(line)
        if self._left_out:
            say(f"path MTUs of {self._left_out} more hosts were not searched")
