"""The sends of a socket by the numbers under which the kernel stamps them.

Linux only; no Twisted. Stamps come with the number of the send (timestamping.rst: OPT_ID,
OPT_TSONLY), which the kernel and we count alike.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from udpecho.instrument.moments import following
from udpecho.instrument.probe import Probe
from udpecho.kernel.layout import SO_TIMESTAMPING

# linux/net_tstamp.h
_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE, _OPT_ID, _OPT_TSONLY = (
    1 << 1,
    1 << 3,
    1 << 4,
    1 << 7,
    1 << 11,
)
_STAMPING = _TX_SOFTWARE | _RX_SOFTWARE | _SOFTWARE | _OPT_ID | _OPT_TSONLY

_UNSTAMPED = 4096
"""Sends remembered that the kernel has not stamped: a driver may be unable to."""


class NumberedSends:
    """Which probe has which number; without stamps nothing is remembered."""

    def __init__(self, skt: socket.socket, *, stamps: bool, most_unread: int) -> None:
        """Have the kernel stamp what the socket sends and receives.

        Of so many sends there is room for the replies, and for the stamps.
        """
        self._socket = skt
        self._most_unread = most_unread
        self._unread = self._came = 0
        self.stamps = stamps
        """Whether the kernel stamps."""

        self.any_stamped = False
        """Whether it has stamped a departure: not every driver does."""

        self._number = 0
        self._sent: dict[int, Probe] = {}
        self.begin()

    @property
    def are_stamped(self) -> bool:
        """Whether the kernel stamps what departs, as far as is known, and what comes."""
        return self.stamps and self.any_stamped

    @property
    def is_full(self) -> bool:
        """Whether so much was sent that it is time to look at what has come."""
        return self._unread >= self._most_unread

    def came(self, count: int) -> None:
        """Note how many datagrams came."""
        self._came += count

    def count_anew(self) -> bool:
        """Count again what is sent and comes; tell whether hardly more came than was asked for.

        What was asked for in a rest may come in the next: of twice as much it is not calm.
        """
        calm = self._came <= 2 * max(self._unread, self._most_unread)
        self._unread = self._came = 0
        return calm

    def begin(self) -> None:
        """Have the kernel stamp, and count sends from 0: both of us, whatever failed before."""
        if not self.stamps:
            return
        # A stamp of the old count would be taken for one of the new.
        self._sent.clear()
        self._number = 0
        try:
            # Not 0 meanwhile: what came would have no stamp, until the kernel is at it again.
            for flags in (_STAMPING & ~_OPT_ID, _STAMPING):
                self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
        except OSError:
            self.stamps = False

    def add(self, probes: Sequence[Probe]) -> None:
        """Remember what was sent under the numbers by which the kernel knows it."""
        if not self.stamps:
            return
        self._unread += len(probes)
        for probe in probes:
            self._sent[self._number] = probe
            self._number = following(self._number)
        while len(self._sent) > _UNSTAMPED:
            del self._sent[next(iter(self._sent))]

    def departed(self, news: Sequence[tuple[int, int] | None]) -> list[int]:
        """Note which sends the kernel says left, by number, and when.

        Return where in the list there was other news.
        """
        others = []
        for index, departed in enumerate(news):
            if departed is None:
                others.append(index)
                continue
            number, kernel_ns = departed
            probe = self._sent.pop(number, None)
            if probe is not None:
                probe.departed(kernel_ns)
                self.any_stamped = True
        return others
