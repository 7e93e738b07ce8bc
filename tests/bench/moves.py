"""How far one datagram walks through the house: python -m tests.bench.moves.

The third of a series of datagrams, when all is warm, on its way through the echo server. Each
Python function of udpecho that is called in another room than the one before is a move; a move
into a room that was left before is a return.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import udpecho
from tests.arguments import Arguments
from udpecho.port import listen_udp
from udpecho.server import EchoServer

PACKAGE = str(Path(udpecho.__file__).parent)


@dataclass(frozen=True, slots=True)
class Walk:
    """The rooms of the functions that ran, in order."""

    ran: Sequence[str]

    @property
    def stays(self) -> list[str]:
        """The rooms, each once for as long as it was not left."""
        pairs = zip(("", *self.ran), self.ran, strict=False)
        return [room for before, room in pairs if room != before]

    @property
    def rooms(self) -> set[str]:
        """The rooms that were visited."""
        return set(self.ran)

    @property
    def returns(self) -> int:
        """How often a room was entered again."""
        return len(self.stays) - len(self.rooms)


def walk() -> Walk:
    """Send three datagrams to an echo server, and follow the third."""
    from twisted.internet import reactor

    port: Any = listen_udp(reactor, 0, EchoServer(), interface="127.0.0.1")
    ran: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        where = frame.f_code.co_filename
        if event == "call" and where.startswith(PACKAGE):
            ran.append(".".join(Path(where).relative_to(PACKAGE).with_suffix("").parts))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", port.getHost().port))
        for turn in range(3):
            client.send(b"a datagram")
            if turn == 2:
                sys.setprofile(note)
            try:
                port.doRead()
            finally:
                sys.setprofile(None)
            assert client.recv(64) == b"a datagram"
    port.connectionLost()
    return Walk(ran)


def main() -> None:
    """Print the walk."""
    walked = walk()
    print(" -> ".join(walked.stays))
    moves = len(walked.stays) - 1
    print(f"{moves} moves, {len(walked.rooms)} rooms, ", end="")
    print(f"{walked.returns} returns")


if __name__ == "__main__":
    Arguments("tests.bench.moves", __doc__).parse_args()
    main()
