"""What became of a client's requests, and of what arrived: exact counts."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import CancelledError

from udpecho.client.pending import Pending
from udpecho.client.request import Reply
from udpecho.errors import Refused, ReplyTimeout


@dataclass(frozen=True, slots=True)
class ClientCounters:
    """What became of a client's requests, and of what arrived.

    requests = outstanding + replied + timed_out + refused + cancelled + failed. sent counts
    the datagrams that left; unsent, the attempts that the kernel would not take.
    """

    requests: int
    outstanding: int
    replied: int
    timed_out: int
    refused: int
    cancelled: int
    failed: int
    sent: int
    unsent: int
    late: int
    duplicates: int
    strangers: int


def counted(
    pending: Pending, *, sent: int, unsent: int, late: int, duplicates: int, strangers: int
) -> ClientCounters:
    """Sum up: what the pending requests know, and what their client has counted."""
    ended = dict(pending.ended)
    ended_as = [ended.pop(way, 0) for way in (Reply, ReplyTimeout, Refused, CancelledError)]
    replied, timed_out, refused, cancelled = ended_as
    failed = sum(ended.values())
    outstanding = len(pending)
    return ClientCounters(
        requests=outstanding + sum(ended_as) + failed,
        outstanding=outstanding,
        replied=replied,
        timed_out=timed_out,
        refused=refused,
        cancelled=cancelled,
        failed=failed,
        sent=sent,
        unsent=unsent,
        late=late,
        duplicates=duplicates,
        strangers=strangers,
    )
