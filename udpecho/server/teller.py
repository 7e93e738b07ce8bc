"""Tells what became of probes: notes what comes and what ICMP says of it, and answers questions.

A question is answered in its own place in a batch, and so leaves like any echo: from the address
that was asked, as long, with one hop fewer. The guard has judged it like anything else.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from os import urandom

from udpecho.columns import Columns, Sources
from udpecho.guard.policy import Policy
from udpecho.guard.prefixes import pack_host, unpack_host
from udpecho.port import Batch
from udpecho.refusal import Refusal
from udpecho.server.arrived import Arrived
from udpecho.server.deaths import Death, Deaths
from udpecho.telling import NAMED, QUESTION, SIZE, Told, answer, read_question


class Teller:
    """What is known of the last probes to a service, at whichever of its addresses they came."""

    def __init__(self, policy: Policy, *, key: bytes = b"") -> None:
        """Know nothing yet; key is secret."""
        key = key or urandom(16)
        self._arrived = Arrived(key, ipv4_prefix=policy.ipv4_prefix, ipv6_prefix=policy.ipv6_prefix)
        self._deaths = Deaths(key)
        self._columns = Columns(b"", b"")  # of the last batch, and what was read out of them
        self._sources, self._apart = Sources(b"", 1), False

    def begin(self, now: float) -> None:
        """Remember what comes from now on, in seconds of a clock that never goes back."""
        self._arrived.begin(int(now * 1e9))

    def refused(self, refusals: Sequence[Refusal]) -> int:
        """Note what ICMP said of replies; return of how many."""
        died = 0
        for refusal in refusals:
            by, to, data = refusal.by, refusal.to, refusal.data
            if by is None or to is None:
                continue
            died += 1
            if len(data) >= NAMED:
                death = Death(pack_host(by[0]), refusal.icmp_type or 0, refusal.icmp_code or 0)
                self._deaths.add(data[:NAMED], pack_host(to[0]), death)
        return died

    def take(self, batch: Batch, columns: Columns, without: Container[int], now: float) -> int:
        """Note a batch, and put answers where its questions stand, but for those without.

        Return how many questions were answered.
        """
        now_ns = int(now * 1e9)
        if columns is not self._columns:  # as the last: see columns
            self._columns, self._sources = columns, Sources(columns.sources, len(batch))
            self._apart = bool(columns.trains) or min(columns.sizes) < NAMED
        sources = self._sources.each
        if self._apart:
            return self._take_each(batch, columns, sources, without, now_ns)
        heads, told = batch.heads(), 0
        if len(self._sources.distinct) == 1:
            self._arrived.add(heads, sources[0], len(sources), now_ns)
        else:
            self._arrived.add_each(heads, sources, now_ns)
        if QUESTION in heads:
            for index in _found(heads):
                if columns.sizes[index] == SIZE and index not in without:
                    [data] = batch.item(index)
                    told += self._answer_in(
                        batch, index, [data], sources[index], columns.ttls[index], now_ns
                    )
        return told

    def _take_each(
        self,
        batch: Batch,
        columns: Columns,
        sources: Sequence[bytes],
        without: Container[int],
        now_ns: int,
    ) -> int:
        """Note a batch with trains in it, or with what is too short to be a probe."""
        told = 0
        for index, source in enumerate(sources):
            if columns.sizes[index] < NAMED:
                continue
            datagrams = batch.item(index)
            heads = [data[:NAMED] for data in datagrams if len(data) >= NAMED]
            self._arrived.add(b"".join(heads), source, len(heads), now_ns)
            if QUESTION in heads and index not in without:
                ttl = columns.ttls[index]
                told += self._answer_in(batch, index, datagrams, source, ttl, now_ns)
        return told

    def _answer_in(
        self,
        batch: Batch,
        index: int,
        datagrams: Sequence[bytes],
        source: bytes,
        ttl: int,
        now_ns: int,
    ) -> int:
        """Answer the questions of an item where they stand; return how many."""
        answers = [self._answer(data, source, ttl, now_ns) for data in datagrams]
        told = len(answers) - answers.count(None)
        if told:
            batch.put(index, b"".join(map(_either, answers, datagrams)))
        return told

    def answer(self, data: bytes, source: bytes, now: float) -> bytes | None:
        """Note a datagram of which no TTL is known, and give the answer if it is a question."""
        now_ns = int(now * 1e9)
        if len(data) >= NAMED:
            self._arrived.add(data[:NAMED], source, 1, now_ns)
        return self._answer(data, source, 0, now_ns)

    def _answer(self, data: bytes, source: bytes, ttl: int, now_ns: int) -> bytes | None:
        probe = read_question(data)
        if probe is None:
            return None
        arrived, remembered_ns = self._arrived.find(probe, source, now_ns)
        death = self._deaths.find(probe, source)
        remembers_ms = max(0, remembered_ns) // 1_000_000
        if death is None:
            return answer(Told(probe, arrived, ttl, remembers_ms))
        by, kind, code = death
        return answer(Told(probe, arrived, ttl, remembers_ms, unpack_host(by), kind, code))


def _either(answer: bytes | None, data: bytes) -> bytes:
    return data if answer is None else answer


def _found(heads: bytes) -> list[int]:
    """List where in a row of heads a question begins."""
    indexes, at = [], -1
    while (at := heads.find(QUESTION, at + 1)) >= 0:
        if not at % NAMED:
            indexes.append(at // NAMED)
    return indexes
