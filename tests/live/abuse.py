"""Clients that no server wants: slow, many, or with too much to say."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

HOST = b"Host: 127.0.0.1\r\n"

Abuse = Callable[[int, float], int]
"""Bothers a port for some seconds; tells how many connections it made."""


def _connect(port: int, rcvbuf: int | None = None) -> socket.socket:
    skt = socket.socket()
    if rcvbuf is not None:
        skt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    skt.settimeout(5)
    try:
        skt.connect(("127.0.0.1", port))
    except OSError:
        skt.close()
        raise
    skt.setblocking(False)
    return skt


def _for(seconds: float) -> Iterator[int]:
    """Go on for so long, twenty times a second."""
    ends = time.monotonic() + seconds
    number = 0
    while time.monotonic() < ends:
        yield number
        number += 1
        time.sleep(0.05)


def _again(port: int, seconds: float, number: int, greeting: bytes, more: bytes = b"") -> int:
    """Hold so many connections, which say something at first and again; replace those that end."""
    made = 0
    with ExitStack() as stack:
        held: list[socket.socket] = []
        for _ in _for(seconds):
            while len(held) < number:
                try:
                    skt = stack.enter_context(_connect(port, 4096))
                    skt.send(greeting)
                except OSError:
                    break
                held.append(skt)
                made += 1
            held = [skt for skt in held if _lives(skt, more)]
    return made


def _lives(skt: socket.socket, more: bytes) -> bool:
    try:
        if more:
            skt.send(more)
        return skt.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def slow_headers(port: int, seconds: float) -> int:
    """Send a byte now and then (slowloris)."""
    return _again(port, seconds, 300, b"GET / HTTP/1.1\r\n" + HOST + b"X: ", b"a")


def silent(port: int, seconds: float) -> int:
    """Say nothing; so does who stalls within TLS's handshake."""
    return _again(port, seconds, 1000, b"")


def slow_readers(port: int, seconds: float) -> int:
    """Ask for all metrics, and don't read them."""
    return _again(port, seconds, 100, b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n")


def pipelined(port: int, seconds: float) -> int:
    """Ask thousands of times without waiting."""
    many = (b"GET /-/ready HTTP/1.1\r\n" + HOST + b"\r\n") * 1000
    return _again(port, seconds, 40, many, many)


def too_much(port: int, seconds: float) -> int:
    """Send what is too long, is no HTTP, has a body, or ends on one side only."""
    made = 0
    bodies = b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"x" * 60_000
    for text in (
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(6000)),
        b"GET / HTTP/1.1\r\n" + HOST + bodies,
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 60_000,
        b"\x16\x03\x01" + b"\0" * 60_000,
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ):
        for _ in _for(seconds / 6):
            for _ in range(5):
                with suppress(OSError), _connect(port) as skt:
                    made += 1
                    skt.send(text)
                    skt.shutdown(socket.SHUT_WR)
    return made


ABUSES: tuple[Abuse, ...] = (slow_headers, silent, slow_readers, pipelined, too_much)
