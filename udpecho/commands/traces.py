"""What ping --trace adds to a run: its losing flows are traced, and where they die is said."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from udpecho.commands.extras import format_of, write_picture
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.wording import Say

if TYPE_CHECKING:
    from udpecho.commands.recording import RecordingFile
    from udpecho.path import Path, Paths, TracedPing
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

    def tell(self, say: Say, searched: Sequence[Paths] = ()) -> None:
        """Say where flows die, before the summary: ping's lines, which programs read, end it.

        The record has the path MTUs that were searched, too.
        """
        if self._traced is None and not searched:
            return
        from udpecho.show import standard_output
        from udpecho.show.path_record import path_lines, verdict_line
        from udpecho.show.path_text import verdict_text

        traced = [] if self._traced is None else self._traced.paths()
        verdict = None if self._traced is None else self._traced.verdict()
        record = [line for paths in joined(traced, searched) for line in path_lines(paths)]
        if verdict is not None:
            record.append(verdict_line(verdict))
        if self._file is not None:
            for line in record:
                self._file.write(line)
        if self._json:
            sys.stdout.writelines(record)
        elif verdict is not None:
            for line in ("", *verdict_text(verdict, standard_output())):
                say(line)

    def draw(self, file: str) -> None:
        """Draw the paths to the host that most flows lose to, with what the verdict names.

        Their picture's file is called by that of the run: run-paths.svg.
        """
        verdict = None if self._traced is None else self._traced.verdict()
        if self._traced is None or verdict is None or not verdict.losing:
            return
        from udpecho.path import Direction
        from udpecho.show import draw_paths

        [(most, _)] = Counter(target for target, _ in verdict.losing).most_common(1)
        paths = next(each for each in self._traced.paths() if each.target == most)
        blamed = () if verdict.direction is Direction.BACK else verdict.segments
        name, _, ending = file.rpartition(".")
        write_picture(f"{name}-paths.{ending}", draw_paths(paths, format_of(file), blamed))


def joined(traced: Sequence[Paths], searched: Sequence[Paths]) -> list[Paths]:
    """Give flows that were traced their path MTUs, and add those that were not."""
    mtus = {(each.peer, path.source_port): path.mtu for each in searched for path in each.paths}
    seen = {(each.peer, path.source_port) for each in traced for path in each.paths}

    def sized(paths: Paths, path: Path) -> Path:
        return replace(path, mtu=mtus.get((paths.peer, path.source_port), path.mtu))

    with_mtus = [
        replace(each, paths=tuple(sized(each, path) for path in each.paths)) for each in traced
    ]
    others = [
        replace(
            each,
            paths=tuple(path for path in each.paths if (each.peer, path.source_port) not in seen),
        )
        for each in searched
    ]
    return [*with_mtus, *(each for each in others if each.paths)]
