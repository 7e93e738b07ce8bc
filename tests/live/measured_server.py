"""The service of twistd -n udpecho, with its options, in a process that measures itself.

python -m tests.live.measured_server OPTION... logs to stderr. It prints its figures as a line of
JSON at SIGUSR1, and once more when it has shut down. The worst gap is the longest time between
two turns of a timer of 10 ms since the line before.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, cast

from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver

from udpecho.server.service import EchoService
from udpecho.tap import Options, makeService

TICK = 0.01  # seconds


class Measured:
    """The figures of a service, and a timer that shows whether the reactor turns."""

    def __init__(self, service: EchoService) -> None:
        self._service = service
        self._last = time.monotonic()
        self._worst = 0.0

    def tick(self) -> None:
        """Note how long ago the timer turned last."""
        now = time.monotonic()
        self._worst = max(self._worst, now - self._last)
        self._last = now

    def report(self, *_: object) -> None:
        """Print the figures, and begin to look for another worst gap."""
        count = self._service.counters()
        figures: dict[str, Any] = {
            "received": count.received,
            "echoed": count.echoed,
            "bytes_received": count.bytes_received,
            "bytes_echoed": count.bytes_echoed,
            "unanswered": {reason.name: times for reason, times in count.unanswered.items()},
            "send_errors": dict(count.send_errors),
            "told": count.told,
            "died": count.died,
            "dropped": self._dropped(),
            "worst_gap_ms": 1000 * self._worst,
            "resident_kib": resident(),
            "descriptors": len(os.listdir("/proc/self/fd")),
        }
        print(json.dumps(figures), flush=True)
        self._worst = 0.0

    def _dropped(self) -> int:
        """Count what the kernel dropped because a receive buffer was full, while it is open."""
        ports: list[Any] = self._service._ports
        return sum(port.counters().dropped for port in ports)


def resident() -> int:
    """Read the memory that this process has, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM."""
    from twisted.internet import reactor as any_reactor

    reactor = cast(Any, any_reactor)
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    options = Options()
    options.parseOptions(arguments)
    service = cast(EchoService, makeService(options))
    measured = Measured(service)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.addSystemEventTrigger("after", "shutdown", measured.report)
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(measured.report))
    LoopingCall(measured.tick).start(TICK)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
