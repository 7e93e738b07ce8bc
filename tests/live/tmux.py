"""A terminal of a given size, by tmux: what a program shows there is what a person would see."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from types import TracebackType

from tests.live.program import PATIENCE, environment


class Tmux:
    """A command on a terminal; leaving the context ends both."""

    def __init__(self, command: list[str], columns: int, lines: int = 24, **env: str) -> None:
        self._server = ["tmux", "-L", f"udpecho-{os.getpid()}-{id(self)}", "-f", os.devnull]
        self._command = command
        self._size = (columns, lines)
        said = {"LINES": "", "COLUMNS": "", "NO_COLOR": "", "LC_ALL": "C.UTF-8"} | env
        self._env = environment(**said, TMUX="")

    def __enter__(self) -> Tmux:
        columns, lines = map(str, self._size)
        kept = f'trap : INT QUIT; {shlex.join(self._command)}; echo "status $?"; exec sleep 1000'
        size = ["-x", columns, "-y", lines]
        self._tmux("new-session", "-d", *size, "sh", "-c", kept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tmux("kill-server")

    def screen(self, *options: str) -> list[str]:
        """Show what is on the screen, without what it is blank of; -e: colours as escapes."""
        shown = self._tmux("capture-pane", "-p", *options)
        return [line.rstrip() for line in shown.rstrip().splitlines()]

    def resize(self, columns: int, lines: int = 24) -> None:
        """Make the terminal wider or narrower."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def keys(self, *keys: str) -> None:
        """Type: C-c is Ctrl-C."""
        self._tmux("send-keys", *keys)

    def wait_for(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the screen shows something, and return what else it shows."""
        end = time.monotonic() + PATIENCE
        while not seen(shown := self.screen()):
            assert time.monotonic() < end, "\n".join(shown)
            time.sleep(0.05)
        return shown

    def wait_for_the_end(self) -> list[str]:
        """Wait until the command has ended, and return what is left on the screen."""
        return self.wait_for(lambda shown: bool(shown) and shown[-1].startswith("status "))

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._server, *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout
