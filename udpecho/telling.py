"""What a server tells of a probe's way, if it is asked: the bytes of question and answer.

Both have 64 bytes, so that an answer is no longer than what asked for it. Each begins with 16 bytes
of its own, so an answer is never taken for a question, and two servers can't ask each other for
ever. A server that doesn't know the form echoes a question like anything else.

    question:  0 QUESTION   16 the probe's first 16 bytes   32 zeros
    answer:    0 ANSWER     16 the same 16 bytes
              32 whether it arrived (1 byte: 0 or 1)
              33 the TTL with which the question came (1 byte; 0: not known)
              34 ICMP's type, 35 its code, 36 the family (4, 6, or 0: nothing yet) of who said that
                 the probe's reply died (1 byte each), 37 zeros
              40 for how long all that came from the asker's network is remembered, in ms (4 bytes)
              44 zeros
              48 who said it: an IPv6 address, or an IPv4 address and zeros
"""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct

from udpecho.peer import is_ipv6

QUESTION = bytes.fromhex("cec8a2ad0a06dccc9d6109b15b215983")
ANSWER = bytes.fromhex("26b6c2cc0165c200ec08b6f2c2032b13")
"""Drawn at random, once; no probe begins with them."""

NAMED = 16
"""Bytes that a probe begins with, by which it is known: nobody can guess them."""

SIZE = 64

_FORM = Struct("!16s16sBBBBB3xI4x16s")
_ZEROS = bytes(SIZE - 2 * NAMED)
_LONGEST_MS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Told:
    """What a server knows of a probe."""

    probe: bytes
    """The 16 bytes that it began with."""

    arrived: bool
    """Whether it came, from the address that asks."""

    question_ttl: int
    """The TTL with which the question came; 0 if the server isn't told."""

    remembers_ms: int
    """For how long, in ms, the server remembers all that came from there: of what is older, that it
    did not arrive says nothing."""

    by: str | None = None
    """Who said that its reply died; None if nobody has, yet."""

    icmp_type: int = 0
    icmp_code: int = 0


def question(probe: bytes) -> bytes:
    """Ask what became of a probe that began with these 16 bytes."""
    return QUESTION + probe[:NAMED].ljust(NAMED, b"\0") + _ZEROS


def read_question(data: bytes) -> bytes | None:
    """Read the 16 bytes that a question is about; None if this is none."""
    if len(data) == SIZE and data.startswith(QUESTION) and data.endswith(_ZEROS):
        return data[NAMED : 2 * NAMED]
    return None


def answer(told: Told) -> bytes:
    """Write an answer."""
    family, packed = 0, b""
    if told.by is not None:
        host = told.by.partition("%")[0]
        family = 6 if is_ipv6(host) else 4
        packed = inet_pton(AF_INET6 if family == 6 else AF_INET, host)
    return _FORM.pack(
        ANSWER,
        told.probe,
        told.arrived,
        told.question_ttl,
        told.icmp_type,
        told.icmp_code,
        family,
        min(told.remembers_ms, _LONGEST_MS),
        packed,
    )


def read_answer(data: bytes) -> Told | None:
    """Read an answer; None if this is none, or one of a form that isn't known."""
    if len(data) != SIZE or not data.startswith(ANSWER):
        return None
    _, probe, arrived, ttl, kind, code, family, remembers_ms, packed = _FORM.unpack(data)
    if arrived > 1 or family not in (0, 4, 6):
        return None
    by = None
    if family:
        by = inet_ntop(AF_INET6, packed) if family == 6 else inet_ntop(AF_INET, packed[:4])
    return Told(probe, bool(arrived), ttl, remembers_ms, by, kind, code)
