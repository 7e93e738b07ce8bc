"""The child process of hashing: a password and a hash in each line, and yes or no for each."""

from __future__ import annotations

import os
import signal
import sys
from base64 import b64decode
from contextlib import suppress

import bcrypt

from udpecho.watch.web.passwords import LONGEST

NICER = 10
"""By so much than who started it: Linux then gives it a tenth of a core that both want."""


def be_nice() -> None:
    """Take turns after who started it; a filter of system calls may forbid it."""
    with suppress(OSError):
        os.nice(NICER)


def serve() -> None:
    """Answer until the input ends."""
    for line in sys.stdin.buffer:
        password, hashed = line.split()
        is_right = False
        with suppress(ValueError):
            is_right = bcrypt.checkpw(b64decode(password)[:LONGEST], hashed)
        sys.stdout.buffer.write(b"yes\n" if is_right else b"no\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's reaches all; who asks then ends
    be_nice()
    with suppress(BrokenPipeError):
        serve()
