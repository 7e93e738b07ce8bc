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
        self._run = run
        self._json = asked.json
        self._traced: TracedPing | None = None
        if asked.trace:
            from udpecho.path import traced

            self._traced = traced(run)

    def show(self, say: Say) -> None:
        """Say, or write, where flows die, once the run is over."""
        if self._traced is None:
            return
        from udpecho.show import standard_output
        from udpecho.show.path_record import path_lines, verdict_line
        from udpecho.show.path_text import verdict_text

        verdict = self._traced.verdict()
        if self._json:
            for paths in self._traced.paths():
                sys.stdout.writelines(path_lines(paths))
            sys.stdout.write(verdict_line(verdict))
            sys.stdout.flush()
            return
        if self._run.summary().figures.rtt.count:  # else a line of ping's, empty then, parts them
            say("")
        for line in verdict_text(verdict, standard_output()):
            say(line)
