"""Standard input and outputs as a command needs them: whatever they are, no traceback is theirs.

Text that an encoding has no characters for is written as escapes. Output that can't be written
ends the command (see ending): whoever prints need not ask.
"""

from __future__ import annotations

import io
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO


class Stream(io.FileIO):
    """A file descriptor of ours to write to."""

    busy_since: float | None = None
    """When the write began, by time.monotonic(), that has not ended yet: of any stream."""

    def write(self, data: Any, /) -> int:
        """Write some of the data, however long that takes."""
        Stream.busy_since = time.monotonic()
        try:
            while (written := super().write(data)) is None:  # whoever shares it wants no waiting
                self._wait()
        except OSError as error:
            from udpecho.commands.ending import output_failed

            output_failed(error, self.fileno())
            return len(memoryview(data))
        finally:
            Stream.busy_since = None
        return written

    def _wait(self) -> None:
        import select

        waiting = select.poll()
        waiting.register(self.fileno(), select.POLLOUT)
        waiting.poll()


def stuck(seconds: float) -> bool:
    """Tell whether what is being written has waited so long for somebody to read."""
    since = Stream.busy_since
    return since is not None and time.monotonic() - since > seconds


def open_streams() -> None:
    """Have print() write as said above. A descriptor that is closed is kept, and can't be used."""
    for descriptor, useless in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:  # or the first socket would have its number
            os.open(os.devnull, useless)
    sys.stdout = _text(1, sys.stdout)
    sys.stderr = _text(2, sys.stderr)


def _text(descriptor: int, before: TextIO | None) -> TextIO:
    """Make a text stream: by lines to a terminal, and always to standard error."""
    raw = Stream(descriptor, "w", closefd=False)
    encoding = "utf-8" if before is None else before.encoding
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding,
        errors="backslashreplace",
        line_buffering=descriptor == 2 or raw.isatty(),
    )
