"""EchoServer: sends every datagram back to its sender, and counts what it did and did not do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from errno import EMSGSIZE, errorcode
from types import MappingProxyType
from typing import TypeAlias

from twisted.internet.error import MessageLengthError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from udpecho.columns import Columns
from udpecho.guard.guard import Guard
from udpecho.guard.prefixes import pack_host
from udpecho.guard.reasons import Reason
from udpecho.port import Batch, omit_path_mtu
from udpecho.reactors import clock_of
from udpecho.refusal import Refusal
from udpecho.server.notices import Notices, Unanswered
from udpecho.server.spelling import OPTIONS, Spelling
from udpecho.server.teller import Teller

_ONE_LESS = bytes([0, *range(255)])
"""Each TTL to the one of its reply: two servers that one forged packet joined fall silent."""

_WITHOUT_ECN = bytes(byte & ~3 for byte in range(256))
"""Each traffic class to that of its reply: congestion on the way here is none on the way back."""


@dataclass(frozen=True, slots=True)
class ServerCounters:
    """What a server has done so far.

    Each datagram received is in one place: received = echoed + sum(unanswered.values()) +
    sum(send_errors.values()). The bytes are those of the datagrams' data.
    """

    received: int = 0
    echoed: int = 0
    bytes_received: int = 0
    bytes_echoed: int = 0
    unanswered: Mapping[Reason, int] = field(default_factory=dict)
    send_errors: Mapping[str, int] = field(default_factory=dict)
    told: int = 0
    """Questions about paths that were answered, with tell_paths: in the other counts, too."""

    died: int = 0
    """Replies that did not get there, as ICMP says, which anyone can forge; with tell_paths."""

    def __post_init__(self) -> None:
        for name in ("unanswered", "send_errors"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def in_words(self) -> str:
        """Say what they tell, in a line."""
        unanswered = {reason.value: times for reason, times in self.unanswered.items()}
        words = f"{self.received} received, {self.echoed} echoed"
        for what, kinds in (("unanswered", unanswered), ("not sent", self.send_errors)):
            if kinds:
                each = ", ".join(f"{kind}: {times}" for kind, times in kinds.items())
                words += f", {sum(kinds.values())} {what} ({each})"
        for what, times in (("told of paths", self.told), ("replies died", self.died)):
            if times:
                words += f", {times} {what}"
        return words

    def __add__(self, other: ServerCounters) -> ServerCounters:
        """Add up two servers, as those of a service that listens on two addresses."""
        return ServerCounters(
            self.received + other.received,
            self.echoed + other.echoed,
            self.bytes_received + other.bytes_received,
            self.bytes_echoed + other.bytes_echoed,
            Counter(self.unanswered) + Counter(other.unanswered),
            Counter(self.send_errors) + Counter(other.send_errors),
            self.told + other.told,
            self.died + other.died,
        )


Judge: TypeAlias = Callable[[Columns, float], Mapping[int, Reason]]
"""Says which datagrams of a batch must not be answered at a time, by index, and why."""


class EchoServer(DatagramProtocol):
    """The echo service (RFC 862), for any IReactorUDP.

    Listen with maxPacketSize=65536, or Twisted cuts datagrams at 8192 bytes. now tells seconds,
    for the rate and the log; unless given, it is the clock of the reactor that it listens on.
    """

    noisy = False
    takesTrains = True
    errorsReceived: Callable[[Sequence[Refusal]], None] | None = None
    """Set where paths are told: what ICMP says costs nothing where nobody asks for it."""

    def __init__(
        self,
        now: Callable[[], float] | None = None,
        log: Logger | None = None,
        guard: Guard | None = None,
        *,
        tell_paths: bool | Teller = False,
        spelling: Spelling = OPTIONS,
    ) -> None:
        """Answer what the guard lets pass; with tell_paths, questions about paths too (telling).

        Servers of one service share a guard and a teller. spelling has the options to name in the
        log.
        """
        self._now = now or time.monotonic
        self._takes_clock = now is None
        self._guard = guard or Guard()
        self._keeps_ttl = self._guard.policy.keep_ttl
        self._teller = Teller(self._guard.policy) if tell_paths is True else tell_paths
        self._told = self._died = 0
        if self._teller:
            self.errorsReceived = self._refused
        # Who traces a path sends what can't be answered, and that is no news then.
        traced = {Reason.TTL_SPENT} if self._teller else set()
        self._unanswered = Unanswered(traced | spelling.unsaid, spelling)
        self._log = log or Logger()
        self._received = self._echoed = self._bytes_received = self._bytes_echoed = 0
        self._send_errors: Counter[str] = Counter()
        self._columns: Columns | None = None  # of the last batch, and its replies' TTLs and TOS
        self._ttls = self._tos = b""
        self._notices: Notices[str] = Notices()
        self._judge: Judge = self._guard.judge

    def listen_in(self, hear: Callable[[Columns], bool]) -> None:
        """Have this told of each batch that comes, before it is judged, for as long as it says so.

        It must be quick, and raise nothing.
        """

        def judge(columns: Columns, now: float) -> Mapping[int, Reason]:
            if not hear(columns):
                self._judge = self._guard.judge
            return self._guard.judge(columns, now)

        self._judge = judge

    def startProtocol(self) -> None:
        """Learn our own port, from which nothing is to be answered, and trust no word of paths."""
        assert self.transport is not None
        if self._takes_clock:
            self._now = clock_of(self.transport)
        if self._teller:
            self._teller.begin(self._now())
        omit_path_mtu(self.transport)
        self._guard.add_own_port(self.transport.getHost().port)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Send a datagram back, unless it must not be answered: it is judged as a batch of one."""
        assert self.transport is not None
        self._received += 1
        self._bytes_received += len(datagram)
        columns = Columns(addr[1].to_bytes(2, "big"), pack_host(addr[0]), sizes=(len(datagram),))
        now = self._now()
        unanswered = self._judge(columns, now)
        if unanswered:
            self._note(unanswered, columns, now)
            return
        if self._teller:
            told = self._teller.answer(datagram, columns.sources, now)
            self._told += told is not None
            datagram = told or datagram
        try:
            self.transport.write(datagram, addr)
        except OSError as error:
            self._not_sent(error.errno)
        except MessageLengthError:
            self._not_sent(EMSGSIZE)
        else:
            self._echoed += 1
            self._bytes_echoed += len(datagram)

    def batchReceived(self, batch: Batch) -> None:
        """Send a batch back in place, less what must not be answered (our own port's hook)."""
        columns = batch.columns()
        now = self._now()
        unanswered = self._judge(columns, now)
        if batch.not_whole:
            unanswered = dict.fromkeys(batch.not_whole, Reason.NOT_WHOLE) | dict(unanswered)
        if self._teller:
            self._told += self._teller.take(batch, columns, unanswered, now)
        if unanswered:
            self._note(unanswered, columns, now)
            self._leave_out(unanswered, batch, columns)
            if len(unanswered) == len(batch):
                return
        if columns is not self._columns:  # as the last: see columns
            self._columns = columns
            self._ttls = columns.ttls if self._keeps_ttl else columns.ttls.translate(_ONE_LESS)
            self._tos = columns.tos.translate(_WITHOUT_ECN)
        datagrams, nbytes, errors = batch.echo(self._ttls, self._tos)
        self._echoed += datagrams
        self._bytes_echoed += nbytes
        if errors:
            datagrams, nbytes = batch.datagrams, batch.nbytes
            for number, times in errors.items():
                self._not_sent(number, times)
        self._received += datagrams
        self._bytes_received += nbytes

    def _leave_out(self, unanswered: Mapping[int, Reason], batch: Batch, columns: Columns) -> None:
        """Drop what must not be answered, and count it as received.

        What the port had dropped itself is among it: IPv4-mapped sources, and what was not received
        whole.
        """
        batch.drop(unanswered)
        trains = columns.trains
        self._received += sum(map(columns.datagrams, unanswered)) if trains else len(unanswered)
        self._bytes_received += sum(map(columns.sizes.__getitem__, unanswered))

    def _note(self, unanswered: Mapping[int, Reason], columns: Columns, now: float) -> None:
        """Count what must not be answered, and say so."""
        for line in self._unanswered.note(unanswered, columns, now):
            self._log.warn("{line}", line=line)

    def counters(self) -> ServerCounters:
        """Count what has happened so far."""
        return ServerCounters(
            self._received,
            self._echoed,
            self._bytes_received,
            self._bytes_echoed,
            self._unanswered.counts,
            self._send_errors,
            self._told,
            self._died,
        )

    def _refused(self, refusals: Sequence[Refusal]) -> None:
        """Note where replies died."""
        if self._teller:
            self._died += self._teller.refused(refusals)

    def _not_sent(self, number: int | None, times: int = 1) -> None:
        """Count replies that the kernel would not send; an error costs that reply alone."""
        name = errorcode.get(number or 0, str(number))
        self._send_errors[name] += times
        times = self._notices.count(name, self._now(), times)
        if times:
            self._log.warn(
                "could not send {times} of the replies: {errno}; the next line in 30 s",
                times=times,
                errno=name,
            )
