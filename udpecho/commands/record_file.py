"""The file of a record, read: plain or compressed, however long, whole or not."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from errno import EBADF
from typing import BinaryIO, cast

from udpecho.commands.extras import Unusable
from udpecho.show.reading import LONGEST_LINE
from udpecho.shown import short

GZIP_MAGIC = b"\x1f\x8b"
"""How gzip's members begin (RFC 1952, 2.3.1)."""


class RecordFile:
    """The lines of a file, each with its line end; "-" is standard input.

    Compressed if it begins so, or is called so. Bytes that are no UTF-8 become U+FFFD, and a line
    is cut at LONGEST_LINE. A compressed file that ends within is as one that was cut.
    """

    def __init__(self, file: str) -> None:
        """Open it. Raises Unusable."""
        self._file = file
        self._open = ExitStack()
        self.trouble: str | None = None
        """Why it could be read no further, if it could not."""

        try:
            raw = self._raw()
            packed = file.endswith(".gz") or raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        except OSError as error:
            self.close()
            name = "standard input" if file == "-" else file
            raise Unusable(f"can't read {short(name)}: {error.strerror}") from error
        plain = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        self._text = io.TextIOWrapper(plain, encoding="utf-8", errors="replace", newline="\n")

    def __enter__(self) -> RecordFile:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def __iter__(self) -> Iterator[str]:
        """Yield the lines, as far as they can be read."""
        readline = self._text.readline
        try:
            while line := readline(LONGEST_LINE):
                yield line
                while len(line) == LONGEST_LINE and not line.endswith("\n"):
                    line = readline(LONGEST_LINE)
        except EOFError:
            pass  # whoever compressed it was killed
        except zlib.error as error:
            self.trouble = str(error)
        except OSError as error:  # gzip's own has no strerror
            self.trouble = error.strerror or str(error)

    def _raw(self) -> io.BufferedReader:
        if self._file != "-":
            return self._open.enter_context(open(self._file, "rb"))
        if sys.stdin is None:
            raise OSError(EBADF, os.strerror(EBADF))
        return cast(io.BufferedReader, sys.stdin.buffer)
