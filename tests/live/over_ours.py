"""Trial, with every reactor's listenUDP and adoptDatagramPort replaced by ours.

python -m tests.live.over_ours TRIAL_ARGUMENTS… says at its end, on standard error, how often each
was called.
"""

from __future__ import annotations

import atexit
import sys
from collections import Counter
from typing import Any

from twisted.internet.posixbase import PosixReactorBase
from twisted.scripts.trial import run

from udpecho.port import adopt_udp, listen_udp

calls: Counter[str] = Counter()


def listenUDP(
    self: Any, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
) -> Any:
    calls["listen_udp"] += 1
    return listen_udp(self, port, protocol, interface, maxPacketSize)


def adoptDatagramPort(
    self: Any, fileDescriptor: int, addressFamily: int, protocol: Any, maxPacketSize: int = 8192
) -> Any:
    calls["adopt_udp"] += 1
    return adopt_udp(self, fileDescriptor, protocol, maxPacketSize)


def main() -> None:
    """Replace, and run."""
    PosixReactorBase.listenUDP = listenUDP  # type: ignore[method-assign]
    PosixReactorBase.adoptDatagramPort = adoptDatagramPort  # type: ignore[method-assign]
    atexit.register(lambda: print("calls:", dict(calls), file=sys.stderr))
    sys.argv[0] = "trial"
    run()


if __name__ == "__main__":
    main()
