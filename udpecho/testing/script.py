"""A peer that follows a script: what it does with each datagram, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from udpecho.errors import DatagramTooLong
from udpecho.peer import Peer, format_peer, is_ipv6
from udpecho.refusal import Refusal
from udpecho.sizes import MAX_IPV4_DATA, MAX_IPV6_DATA
from udpecho.testing.packet import Packet
from udpecho.testing.passage import Fate, Passage
from udpecho.testing.stack import IPV6_ANY, Stack
from udpecho.testing.timeline import Timeline

Answer: TypeAlias = bytes | Callable[[bytes], bytes]
"""What is sent back: these bytes, or what a function makes of those that came."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a scripted peer does with one datagram: reply, silence, duplicate or refuse."""

    answer: Answer | None = None
    times: int = 1
    delay: float = 0.0
    refuses: bool = False
    again: bool = False

    @property
    def answers(self) -> bool:
        """Whether it sends anything."""
        return self.again or self.answer is not None


def reply(answer: Answer, *, times: int = 1, delay: float = 0.0) -> Step:
    """Answer with these bytes, or with what a function makes of those that came.

    It is sent as many times as told, delay seconds after the datagram came.
    """
    if not (isinstance(answer, bytes) or callable(answer)):
        raise TypeError(f"a reply is bytes, or a function that makes some, not {answer!r}")
    if not isinstance(times, int) or times < 1:
        raise ValueError(f"a reply's times is 1 or more, not {times!r}")
    if not isinstance(delay, (int, float)) or not 0 <= delay < float("inf"):
        raise ValueError(f"a reply's delay is 0 seconds or more, not {delay!r}")
    return Step(answer, times, delay)


silence = Step()
"""Answer nothing."""

duplicate = Step(again=True)
"""Send the last reply once more, whatever came."""

refuse = Step(refuses=True)
"""Have the host say that nobody listens there: ICMP's port unreachable."""


class ScriptedPeer:
    """A socket of a host that follows a script, from MemoryHost.peer; afterwards it is silent."""

    ipv6_only = False
    ready = False

    def __init__(self, stack: Stack, timeline: Timeline, port: int, script: Sequence[Step]) -> None:
        self.heard: list[tuple[bytes, Peer]] = []
        """What came, and from whom: what the script had no step for, too."""
        self.remote: Peer | None = None
        self._stack = stack
        self._timeline = timeline
        check(script)
        self._steps = list(script)
        self._last = b""
        self.local: Peer = stack.bind(self, (IPV6_ANY, port))

    def __repr__(self) -> str:
        """Tell where it is, and how far it has come."""
        return f"<ScriptedPeer at {format_peer(self.local)}, {self.left} steps left>"

    @property
    def left(self) -> int:
        """How many steps are still to come."""
        return len(self._steps)

    def close(self) -> None:
        """Free the port."""
        self._stack.release(self)

    # What its host asks of a socket

    def enqueue(self, passage: Passage) -> None:
        """Take a datagram that has arrived, and do what is next."""
        packet = passage.packet
        self.heard.append((packet.data, packet.source))
        step = self._steps.pop(0) if self._steps else silence
        fate = Fate.REFUSED if step.refuses else Fate.DELIVERED
        self._stack.wire.record.settle(passage, fate)
        self._timeline.at(self._timeline.now, partial(self._do, step, packet), last=True)

    def refuse(self, refusal: Refusal) -> None:
        """Hear that a reply was refused: that changes nothing."""

    def _do(self, step: Step, came: Packet) -> None:
        if step.refuses and self._stack.owns(came.destination[0]):  # not what was sent to many
            self._stack.wire.refuse(self._stack, came)
        if step.answer is not None:
            self._last = made(step.answer, came)
        if step.answers:
            packet = Packet(self._own(came), came.source, self._last)
            when = self._timeline.now + step.delay
            for _ in range(step.times):
                self._timeline.at(when, partial(self._stack.wire.transmit, self._stack, packet))

    def _own(self, came: Packet) -> Peer:
        """Tell whence an answer leaves: what was sent to many is answered from an own address."""
        host, port = came.destination
        if not self._stack.owns(host):
            host = self._stack.source_for(came.source[0]) or host
        return host, port


def made(answer: Answer, came: Packet) -> bytes:
    """Make an answer, or raise for what is none: that leaves MemoryNetwork.advance."""
    data = answer if isinstance(answer, bytes) else answer(came.data)
    if not isinstance(data, bytes):
        raise TypeError(f"a reply's function makes bytes, not {data!r}")
    limit = MAX_IPV6_DATA if is_ipv6(came.source[0]) else MAX_IPV4_DATA
    if len(data) > limit:
        raise DatagramTooLong(len(data), limit)
    return data


def check(script: Sequence[Step]) -> None:
    """Raise for what is no step, and for a duplicate of nothing."""
    replies = 0
    for number, step in enumerate(script, 1):
        if not isinstance(step, Step):
            expected = "reply(...), silence, duplicate or refuse"
            raise TypeError(f"step {number} of the script is {expected}, not {step!r}")
        if step.again and not replies:
            raise ValueError(f"step {number} of the script is a duplicate of no reply before")
        replies += step.answers
