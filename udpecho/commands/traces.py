"""What ping --trace adds to a run: its losing flows are traced, and where they die is said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.wording import Say

if TYPE_CHECKING:
    from udpecho.commands.recording import RecordingFile
    from udpecho.path import TracedPing
    from udpecho.ping import Ping


class Traces:
    """Nothing, unless it was asked for."""

    def __init__(self, run: Ping, asked: PingSettings, file: RecordingFile | None = None) -> None:
        """Take a run that has not started, and the file of -o, if there is one."""
        self._json, self._file = asked.json, file
        self._traced: TracedPing | None = None
        if asked.trace:
            from udpecho.path import traced

            self._traced = traced(run)

    def tell(self, say: Say) -> None:
        """Say where flows die, before the summary: ping's lines, which programs read, end it."""
        if self._traced is None:
            return
        from udpecho.show import standard_output
        from udpecho.show.path_record import path_lines, verdict_line
        from udpecho.show.path_text import verdict_text

        verdict = self._traced.verdict()
        found = (line for paths in self._traced.paths() for line in path_lines(paths))
        record = [*found, verdict_line(verdict)] if self._json or self._file else []
        if self._file is not None:
            for line in record:
                self._file.write(line)
        if self._json:
            sys.stdout.writelines(record)
            return
        for line in ("", *verdict_text(verdict, standard_output())):
            say(line)
