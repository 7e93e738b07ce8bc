"""Reading in bounded turns: what is received is sifted and delivered, and errors are told.

A turn has a most of datagrams, whatever their length, and of time, so that no flood keeps the
reactor from its other work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from errno import EAGAIN
from typing import Any

from twisted.logger import Logger

from udpecho.kernel.layout import IPV6
from udpecho.kernel.messages import BATCH, LONGEST
from udpecho.port.address import Address
from udpecho.port.batch import Batch
from udpecho.port.hooks import has_hook, may_have_hook
from udpecho.port.portsocket import PortSocket
from udpecho.port.sieve import longer_than, not_from
from udpecho.port.sieve import mapped as from_mapped
from udpecho.port.writer import Writer
from udpecho.reactors import TURN_SECONDS

BATCHES = 8
"""Batches in a turn at most: the reactor's own work, spread over more, is lost in theirs."""

MANY = 16
"""Items in a batch from which on to answer them unwatched saves more than it costs."""

ERRORS = 512
"""Errors taken from the queue in a turn, within TURN_SECONDS: as many as fit in a receive buffer of
the usual size, in which those that wait take the room of datagrams."""


class Reader:
    """Reads a socket for a protocol."""

    _log = Logger()

    def __init__(
        self,
        skt: PortSocket,
        now: Callable[[], float],
        protocol: Any,
        max_packet_size: int,
        writer: Writer,
        retry: Callable[[], None],
    ) -> None:
        """Read for a protocol; now tells seconds that truly pass, retry has it resumed soon."""
        self._socket = skt
        self._now = now
        self._connection = skt.connection
        self._writer = writer
        self._watch = skt.watch
        self._retry = retry
        self._is_ipv6 = skt.layout is IPV6
        self._inbox = skt.inbox
        self._batch = Batch(skt.inbox, skt.echo)
        self._queues_errors = self._errors_wait = False
        self.closed = self._paused = False
        self._held: list[tuple[bytes, Address]] = []  # received when it was paused
        self.counts: Counter[str] = Counter()
        """How many datagrams were too_long, mapped, of strangers, or refused by ICMP."""

        self.serve(protocol)
        self.limit(max_packet_size)

    def serve(self, protocol: Any) -> None:
        """Deliver to a protocol from now on."""
        self._protocol = protocol
        self._by_batch = may_have_hook(protocol, "batchReceived")
        self._by_peer = has_hook(protocol, "peerRefused")
        self._batches = BATCHES if self._by_batch else 1
        self._asks = has_hook(protocol, "wantsTimestamps")
        self._socket.tell_times(True)
        self._all_errors = has_hook(protocol, "errorsReceived")
        if self._all_errors:
            self._socket.queue_all_errors()
        elif self._by_peer:
            self.queue_errors()

    def limit(self, max_packet_size: int) -> None:
        """Deliver datagrams of this many bytes at most."""
        self._limit = min(max_packet_size, LONGEST - 1)  # what fills a slot may be longer yet

    def pause(self) -> None:
        """Deliver nothing until resume(): of what is received already, the rest is held."""
        self._paused = True

    def resume(self) -> bool:
        """Deliver again; tell whether turn() has to: to deliver what is held, or watch again."""
        self._paused = False
        return bool(self._held) or self._watch.away

    def queue_errors(self) -> None:
        """Hear of what ICMP refuses."""
        self._socket.queue_errors()
        self._queues_errors = True

    def close(self) -> None:
        """Read no more, also when this is called from within a turn."""
        self.closed = True

    def turn(self) -> None:
        """Deliver what has arrived, as much as a turn may hold."""
        try:
            if self.read() == BATCH and self._batches > 1:
                self._read_on()
        finally:
            if self._watch.away:
                self._look_again()
        if self._all_errors:
            self._take_all_errors()
        elif self._errors_wait or self._writer.met_errors:
            self._take_errors()

    def _look_again(self) -> None:
        """Watch the socket again; if that can't be just now, another turn is to try.

        While it is paused, that is the turn after.
        """
        self._watch.look_again()
        if self._watch.away and not (self.closed or self._paused):
            self._retry()

    def _read_on(self) -> None:
        """Deliver further batches, as long as they are full and the turn is not over."""
        until = self._now() + TURN_SECONDS
        for _ in range(self._batches - 1):
            if self.closed or self.read() < BATCH or self._now() > until:
                break

    def read(self) -> int:
        """Deliver a batch; return how many items it had, or 0 or less if none."""
        if self._held or self._paused:
            return self._deliver_held()
        inbox = self._inbox
        if self._asks:
            self._socket.tell_times(self._wants_times())
        count = inbox.receive()
        if count < 0 and count != -EAGAIN:  # ICMP's, of something sent: taking it clears it
            self._errors_wait = True
            count = inbox.receive()
        if count <= 0:
            self._errors_wait = True  # it was woken by something: see what is in the queue
            return count
        # Not all that comes is for the protocol.
        if inbox.longest > self._limit or self._is_ipv6 or self._connection.peer is not None:
            self._sift()
        if count >= MANY:
            self._watch.look_away()
        try:
            hook = getattr(self._protocol, "batchReceived", None) if self._by_batch else None
            if hook is not None:
                hook(self._batch)
            else:
                self._deliver_each(self._batch)
        except BaseException:  # as Twisted's port does: what a hook raises closes nothing
            self._log.failure("{protocol} failed on a datagram", protocol=self._protocol)
        finally:
            inbox.forget()
            if self._batch.not_whole:
                self._batch.end()
        if self._writer.outbox.written:
            self._writer.flush()
        return count

    def _wants_times(self) -> bool:
        """Ask the protocol whether it matters when what comes next came."""
        hook = getattr(self._protocol, "wantsTimestamps", None)
        try:
            return hook is None or bool(hook())
        except BaseException:  # as Twisted's port does: what a hook raises closes nothing
            self._log.failure("{protocol} failed on a question", protocol=self._protocol)
            return True

    def _deliver_held(self) -> int:
        """Deliver what was received before a pause, unless there is another."""
        held = self._held
        if not self._paused:
            self._held = []
            self._deliver_each(held)
            return len(held)
        return 0

    def _deliver_each(self, datagrams: Iterable[tuple[bytes, Address]]) -> None:
        left = iter(datagrams)
        for data, address in left:
            try:
                self._protocol.datagramReceived(data, address)
            except BaseException:  # as Twisted's port does: what a hook raises closes nothing
                self._log.failure("{protocol} failed on a datagram", protocol=self._protocol)
            if self._paused:
                self._held += left

    def _sift(self) -> None:
        """Leave out of the batch what is not to be delivered to any protocol."""
        inbox, batch = self._inbox, self._batch
        if inbox.longest > self._limit:
            self.counts["too_long"] += batch.drop_cut(longer_than(inbox, self._limit))
        if self._is_ipv6 and (mapped := from_mapped(inbox)):
            self.counts["mapped"] += batch.drop(mapped)
        peer = self._connection.peer
        if peer is not None and (others := not_from(inbox, peer)):
            self.counts["strangers"] += batch.drop(others)

    def _take_all_errors(self) -> None:
        """Hand over what ICMP said, in every turn: what waits takes the room of datagrams."""
        if self.closed or self._paused:
            return
        self._errors_wait = False
        self._writer.note_errors()
        refusals = self._socket.errors(ERRORS)
        if refusals:
            self.counts["refused"] += len(refusals)
            try:
                self._protocol.errorsReceived(refusals)
            except BaseException:  # as Twisted's port does: what a hook raises closes nothing
                self._log.failure("{protocol} failed on refusals", protocol=self._protocol)

    def _take_errors(self) -> None:
        """Tell the protocol who refused; while it is paused, they wait in the queue."""
        if self.closed or self._paused:
            return
        self._errors_wait = False
        self._writer.note_errors()
        until = self._now() + TURN_SECONDS
        for refusal in self._socket.refusals(ERRORS):
            self.counts["refused"] += 1
            peer = self._connection.peer
            if peer is None:
                is_for_it = self._by_peer
            else:
                is_for_it = self._queues_errors and self._connection.is_peer(refusal.to)
            if not is_for_it:
                continue  # an earlier peer's or protocol's, or of a queue that others turned on
            try:
                if self._by_peer:
                    self._protocol.peerRefused(refusal)
                else:
                    self._protocol.connectionRefused()
            except BaseException:  # as Twisted's port does: what a hook raises closes nothing
                self._log.failure("{protocol} failed on a refusal", protocol=self._protocol)
            if self.closed or self._paused or self._now() > until:
                return
