"""What befalls packets on a bad line, from a seed: loss, copies, delay, overtaking, corruption.

Pure: told the time, it holds packets and gives them when they are due. The same packets in the
same order under the same seed have the same fates, and the odds of one fate do not shift the
dice of another.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import asdict, dataclass
from random import Random

from tests.live.packets import flip_bit, is_udp, udp_data


@dataclass(frozen=True, slots=True)
class Impairment:
    """The odds (0 to 1) of what befalls a UDP packet one way, and times in seconds.

    A packet takes delay, up to jitter more, and hold in addition if it is one of those held
    back: then others overtake it. What is corrupted has one bit of its data flipped and a
    checksum that agrees, so that nobody below the application notices.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    held: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    hold: float = 0.02


@dataclass(slots=True)
class Report:
    """What was done, in packets: given + waiting = taken - lost + duplicated."""

    taken: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0
    held: int = 0
    overtaken: int = 0
    """Given after one that had come later."""
    given: int = 0
    waiting: int = 0


class Line:
    """One direction of a line. What is not UDP passes at once, unharmed and uncounted."""

    def __init__(self, impairment: Impairment, seed: int | str) -> None:
        self._impairment = impairment
        self._random = Random(seed)
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()
        self._newest_given = -1
        self._report = Report()

    def take(self, packet: bytes, now: float) -> None:
        """Let a packet in, and decide its fate."""
        if not is_udp(packet):
            heapq.heappush(self._waiting, (now, next(self._order), -1, packet))
            return
        what, report = self._impairment, self._report
        lost, copied, corrupted, held, jitter, bit, again = (
            self._random.random() for _ in range(7)
        )
        number = report.taken
        report.taken += 1
        if lost < what.loss:
            report.lost += 1
            return
        if corrupted < what.corrupt and udp_data(packet):
            packet = flip_bit(packet, int(bit * 8 * len(udp_data(packet))))
            report.corrupted += 1
        due = now + what.delay + what.jitter * jitter
        if held < what.held:
            due += what.hold
            report.held += 1
        self._keep(due, number, packet)
        if copied < what.duplicate:
            report.duplicated += 1
            self._keep(now + what.delay + what.jitter * again, number, packet)

    def give(self, now: float) -> list[bytes]:
        """Return the packets that are due, in the order in which they come out."""
        packets = []
        while self._waiting and self._waiting[0][0] <= now:
            _, _, number, packet = heapq.heappop(self._waiting)
            packets.append(packet)
            if number >= 0:
                self._report.given += 1
                self._report.overtaken += number < self._newest_given
                self._newest_given = max(self._newest_given, number)
        return packets

    def next_due(self) -> float | None:
        """Return when the next packet is due, or None if there is none."""
        return self._waiting[0][0] if self._waiting else None

    def report(self) -> dict[str, int]:
        """Return the counts of Report so far."""
        self._report.waiting = sum(number >= 0 for _, _, number, _ in self._waiting)
        return asdict(self._report)

    def _keep(self, due: float, number: int, packet: bytes) -> None:
        heapq.heappush(self._waiting, (due, next(self._order), number, packet))
