"""What the three clients share: a request's way out, and a datagram's way in.

A client differs in two decisions, made in client: which datagram answers which request
(verify_peer, verify_echo), and how a datagram leaves. Replies are matched as they come.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from enum import Enum
from errno import EAGAIN, EINTR, ENOBUFS
from functools import partial
from math import inf

from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from udpecho.client.ages import Ages
from udpecho.client.alarm import Alarm
from udpecho.client.counting import ClientCounters, counted
from udpecho.client.ended import Unclaimed
from udpecho.client.pending import Pending
from udpecho.client.request import Reply, Request
from udpecho.client.sockets import Sockets
from udpecho.errors import (
    ClientClosed,
    DatagramTooLong,
    Refused,
    SendFailed,
    UdpEchoError,
)
from udpecho.names import known_peer, resolve
from udpecho.peer import Peer, format_peer
from udpecho.port import Batch, UdpPort
from udpecho.reactors import AnyReactor, datagram_reactor, monotonic_clock
from udpecho.refusal import Refusal
from udpecho.sizes import MAX_IPV4_DATA

WINDOW = 256
"""Requests in flight at most: their replies fit in a socket's default receive buffer."""

_PASSING = frozenset({EAGAIN, EINTR, ENOBUFS})
"""Errors of a full queue: the attempt is lost as if on the way, and the time-out sends again."""


class Stranger(Enum):
    """Why a datagram is nobody's reply."""

    NOT_ASKED = "owes no reply, or had not been asked when it sent this"
    WRONG_BYTES = "owes a reply, but not these bytes"


OnStranger = Callable[[bytes, Peer, Stranger], None]


class AskingClient(DatagramProtocol):
    """A client without an opinion on who may answer: the base of the three."""

    noisy = False
    _log = Logger()
    verify_peer = True
    """Whether a request is answered by the peer that was asked, or by anyone."""

    verify_echo = True
    """Whether a request is answered by the bytes that were sent, or by any."""

    def __init__(
        self,
        reactor: AnyReactor,
        *,
        window: int = WINDOW,
        on_stranger: OnStranger | None = None,
    ) -> None:
        if not (isinstance(window, int) and window >= 1):
            raise ValueError(f"window: expected a whole number, 1 or more, got {window!r}")
        self._reactor = datagram_reactor(reactor)
        self._now = monotonic_clock(self._reactor)
        self._ages = Ages(self._now)
        self._sockets = Sockets(self._reactor, self)
        self._alarm = Alarm(self._reactor, self._now, lambda: self._pending.expire())
        self._pending = Pending(
            self._transmit,
            self._alarm.set,
            self._now,
            window,
            verify_peer=self.verify_peer,
            verify_echo=self.verify_echo,
            flushed=self._sockets.flushed,
        )
        self._on_stranger = on_stranger
        self._timeout, self._retries = 1.0, 0  # of the latest request
        self._sent = self._unsent = self._late = self._duplicates = self._strangers = 0

    # What a subclass decides.

    def refused(self, transport: UdpPort) -> None:
        """Hear that ICMP refused something; an unconnected socket can't tell whose it was."""

    def peerRefused(self, refusal: Refusal) -> None:
        """Hear that ICMP refused a datagram: fail what that ends."""
        if refusal.to is not None:
            refuse(self._pending, refusal.to, self._pending.refused(refusal.to, refusal.data))

    def _unsent_request(self, data: bytes, peer: Peer | None) -> Request | None:
        """Find the request whose attempt the kernel would not send after all."""
        return None if peer is None else self._pending.oldest(peer, data)

    def _write(self, request: Request) -> None:
        """Give an attempt to the kernel."""
        peer = request.peer
        sockets = self._sockets
        transport = sockets.by_family.get(":" in peer[0]) or sockets.open_for(peer)
        transport.write(request.data, peer)

    # Asking.

    def _ask(
        self, data: bytes, address: tuple[str, int], timeout: float, retries: int
    ) -> Deferred[Reply]:
        try:
            if not self._sockets.open or len(data) > MAX_IPV4_DATA:
                raise _misused(self._sockets.open, len(data))
            if timeout is not self._timeout or retries is not self._retries:  # most ask alike
                self._timeout, self._retries = _checked(timeout, retries)
            peer = known_peer(*address)
            if type(data) is not bytes:
                data = bytes(data)
        except (UdpEchoError, ValueError) as error:
            return fail(error)
        except (TypeError, AttributeError):
            raise _mistyped(data, address, timeout) from None
        if peer is not None:
            return self._pending.ask(data, peer, timeout, retries)
        request = self._pending.ask(data, None, timeout, retries, address[0])
        family = self._sockets.only_family()
        resolve(self._reactor, *address[:2], ipv6=family).addCallbacks(
            partial(self._pending.found, request), partial(_unresolved, self._pending, request)
        )
        return request

    def _transmit(self, request: Request) -> None:
        """Send one attempt; what can't be sent at all ends its request now."""
        try:
            self._write(request)
        except UdpEchoError as error:
            self._pending.settle(request, error)
        except CannotListenError as error:
            reason = error.socketError
            text = f"can't open a socket: {reason.strerror}"
            self._pending.settle(request, SendFailed(reason.errno, text))
        except MessageLengthError:
            self._pending.settle(request, DatagramTooLong(len(request.data), MAX_IPV4_DATA))
        except OSError as error:
            self._unsent += 1
            self._not_sent(request, error.errno or 0)
        else:
            self._sent += 1

    def datagramNotSent(self, data: bytes, addr: Peer | None, error: OSError) -> None:
        """Hear that the kernel did not send what it was given with others."""
        self._sent -= 1
        self._unsent += 1
        request = self._unsent_request(data, addr)
        if request is not None:
            self._not_sent(request, error.errno or 0)

    def _not_sent(self, request: Request, errno: int) -> None:
        if errno not in _PASSING:
            text = f"can't send to {format_peer(request.peer)}: {os.strerror(errno)}"
            self._pending.settle(request, SendFailed(errno, text))

    # Hearing.

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Give a datagram to the request that it answers, if there is one."""
        self._pending.hear(((datagram, addr),), self._now(), self._not_a_reply)

    def batchReceived(self, batch: Batch) -> None:
        """Do so with all that arrived together (our own port's hook)."""
        now = self._now()
        first = batch.first_arrival()
        if first is None:
            self._pending.hear(batch.untimed(), now, self._not_a_reply)
            return

        def ages() -> Sequence[float]:
            return self._ages.of(batch.arrivals(), now)

        oldest = self._ages.since(first, now)
        self._pending.hear(batch.untimed(), now, self._not_a_reply, ages, oldest)

    def wantsTimestamps(self) -> bool:
        """Tell whether it matters when what is read next came (our own port's hook)."""
        return self._pending.wants_times(self._now())

    def _not_a_reply(self, data: bytes, peer: Peer) -> None:
        unclaimed = self._pending.unclaimed(peer, data)
        if unclaimed is Unclaimed.LATE:
            self._late += 1
        elif unclaimed is Unclaimed.DUPLICATE:
            self._duplicates += 1
        else:
            self._strangers += 1
            if self._on_stranger is not None:
                owes = next(self._pending.owed_by(peer), None) is not None
                wrong = owes and self._pending.oldest(peer, data) is None
                reason = Stranger.WRONG_BYTES if wrong else Stranger.NOT_ASKED
                try:
                    self._on_stranger(data, peer, reason)
                except BaseException:  # or replies that came with it would be lost
                    self._log.failure("on_stranger failed")

    # Sockets.

    def closed(self, transport: UdpPort) -> None:
        """Hear that a socket is closed; if the client still used it, it ends what is pending."""
        if self._sockets.forget(transport):
            self._pending.fail(
                self._pending.all(), lambda _: ClientClosed("the client's socket was closed")
            )

    def startProtocol(self) -> None:
        """Use the socket of an app that made this protocol and listens with it."""
        assert self.transport is not None
        self._sockets.give(self.transport)

    def stopProtocol(self) -> None:
        """Do without it again."""
        assert self._sockets.given is not None
        self.closed(self._sockets.given)

    def connectionRefused(self) -> None:
        """Take a refusal from it."""
        assert self._sockets.given is not None
        self.refused(self._sockets.given)

    @property
    def local_addresses(self) -> list[Peer]:
        """The addresses and ports of the client's open sockets."""
        return self._sockets.addresses()

    async def close(self) -> None:
        """Fail what is outstanding with ClientClosed and close the sockets; twice is harmless."""
        transports = self._sockets.close()
        self._pending.fail(self._pending.all(), lambda _: ClientClosed("the client was closed"))
        await DeferredList([maybeDeferred(each.stopListening) for each in transports])

    def counters(self) -> ClientCounters:
        """Count what has happened so far."""
        return counted(
            self._pending,
            sent=self._sent,
            unsent=self._unsent,
            late=self._late,
            duplicates=self._duplicates,
            strangers=self._strangers,
        )


def refuse(pending: Pending, peer: Peer, requests: list[Request]) -> None:
    """Fail requests that a peer refused."""
    pending.fail(requests, lambda _: Refused(f"{format_peer(peer)} refused"))


def _misused(is_open: bool, length: int) -> Exception:
    """Say why a request can't be made."""
    if not is_open:
        return ClientClosed("the client has no open socket")
    return DatagramTooLong(length, MAX_IPV4_DATA)


def _checked(timeout: float, retries: int) -> tuple[float, int]:
    """Return how patient a request is to be, or raise ValueError."""
    if not 0 < timeout < inf:  # written so that NaN fails it, too
        raise ValueError(f"timeout: expected seconds above 0, got {timeout!r}")
    if type(retries) is not int or retries < 0:
        raise ValueError(f"retries: expected a whole number, 0 or more, got {retries!r}")
    return timeout, retries


def _mistyped(data: object, address: object, timeout: object) -> TypeError:
    """Say which argument of a request is of no type that it can be."""
    if not isinstance(timeout, int | float):
        return TypeError(f"timeout: expected seconds, got {timeout!r}")
    if isinstance(data, str) or not hasattr(data, "__len__"):
        return TypeError(f"data: expected bytes, got {data!r}")
    return TypeError(f"address: expected a host and a port, got {address!r}")


def _unresolved(pending: Pending, request: Request, failure: Failure) -> None:
    """End a request whose peer was not found, unless it has ended meanwhile."""
    if not request.called and isinstance(failure.value, Exception):
        pending.settle(request, failure.value)
