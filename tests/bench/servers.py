"""The Python servers of the comparison: python -m tests.bench.servers NAME PORT."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, cast

from twisted.internet.protocol import DatagramProtocol

from tests.arguments import Arguments, at_least

NAMES = ("udpecho", "udpecho, datagramReceived", "Twisted", "asyncio", "uvloop")


class _Stock(DatagramProtocol):
    """What anyone would write on Twisted."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        self.transport.write(datagram, addr)


class _Asyncio(asyncio.DatagramProtocol):
    """What anyone would write on asyncio."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is none

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


def _twisted(name: str, port: int) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    if name == "udpecho":
        from udpecho.port.listen import listen_udp
        from udpecho.server.server import EchoServer

        listen_udp(reactor, port, EchoServer(), "127.0.0.1")
    elif name == "udpecho, datagramReceived":
        from udpecho.port.listen import listen_udp

        listen_udp(reactor, port, _Stock(), "127.0.0.1")
    else:
        reactor.listenUDP(port, _Stock(), "127.0.0.1")
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()


async def _asyncio(port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(_Asyncio, ("127.0.0.1", port))
    print("ready", flush=True)
    await asyncio.Event().wait()


def main(name: str, port: int) -> None:
    """Serve until killed."""
    if name == "uvloop":
        uvloop = importlib.import_module("uvloop")  # may not be there

        uvloop.run(_asyncio(port))
    elif name == "asyncio":
        asyncio.run(_asyncio(port))
    else:
        _twisted(name, port)


if __name__ == "__main__":
    arguments = Arguments("tests.bench.servers", __doc__)
    arguments.add_argument("name", choices=NAMES)
    arguments.add_argument("port", type=at_least(1))
    asked = arguments.parse_args()
    main(asked.name, asked.port)
