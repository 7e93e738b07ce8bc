"""A server that forks before its reactor runs: python -m tests.live.forking REACTOR PORT PROCESSES.

It prints its port and its processes' ids. Each of them stops listening at SIGUSR1, and says so; all
end when standard input does.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from udpecho.port import listen_udp


class Echo(DatagramProtocol):
    """Sends everything back."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.transport.write(datagram, addr)  # type: ignore[union-attr]

    def stopProtocol(self) -> None:
        print("stopped", os.getpid(), flush=True)


def main(kind: str, whose: str, processes: int) -> None:
    """Listen, fork, and run."""
    importlib.import_module(f"twisted.internet.{kind}reactor").install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    if whose == "ours":
        port = listen_udp(reactor, 0, Echo(), "127.0.0.1")
    else:
        port = reactor.listenUDP(0, Echo(), "127.0.0.1")
    pids = [os.getpid()]
    for _ in range(processes - 1):
        if not (pid := os.fork()):
            break
        pids.append(pid)
    else:
        print("at", port.getHost().port, *pids, flush=True)
    asked: list[int] = []
    signal.signal(signal.SIGUSR1, lambda *_: asked.append(1))

    def look() -> None:
        """Stop listening when asked to: the reactor's waker is another process's, too."""
        if asked:
            asked.clear()
            port.stopListening()
        if select.select([0], [], [], 0)[0]:  # at its end
            os._exit(0)
        reactor.callLater(0.02, look)

    reactor.callLater(0, look)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
