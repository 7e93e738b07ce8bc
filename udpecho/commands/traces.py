"""What ping --trace adds to a run: its losing flows are traced, and where they die is said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.wording import Say

if TYPE_CHECKING:
    from udpecho.path import TracedPing
    from udpecho.ping import Ping


class Traces:
    """Nothing, unless it was asked for."""

    def __init__(self, run: Ping, asked: PingSettings) -> None:
        """Take a run that has not started."""
        self._json = asked.json
        self._traced: TracedPing | None = None
        if asked.trace:
            from udpecho.path import traced

            self._traced = traced(run)

    def tell(self, say: Say) -> None:
        """Say where flows die, before the summary: ping's lines, which programs read, end it."""
        if self._traced is None or self._json:
            return
        from udpecho.show import standard_output
        from udpecho.show.path_text import verdict_text

        say("")
        for line in verdict_text(self._traced.verdict(), standard_output()):
            say(line)

    def write(self) -> None:
        """Write it as JSON, after the summary."""
        if self._traced is None or not self._json:
            return
        from udpecho.show.path_record import path_lines, verdict_line

        for paths in self._traced.paths():
            sys.stdout.writelines(path_lines(paths))
        sys.stdout.write(verdict_line(self._traced.verdict()))
        sys.stdout.flush()
