"""Who may look: names and bcrypt hashes, a line each, as htpasswd -B writes them.

Reads text alone. No message holds a hash.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from udpecho.watch.configuring.tables import as_shown

MOST_USERS = 1000
LONGEST = 72
"""Bytes of a password that bcrypt hears; more of them were never in a hash."""

COSTS = range(4, 15)
"""A hash of cost 14 takes a second of CPU, one of 31 would take days."""

_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_EXPECTED = "USER:HASH, with a hash of bcrypt as htpasswd -B writes it"


class Credentials(NamedTuple):
    """What who asks says of himself."""

    user: str
    password: bytes


@dataclass(frozen=True, slots=True)
class Passwords:
    """The hash of each user; there is one at least."""

    hashes: Mapping[str, bytes]

    def hash_for(self, user: str, key: bytes) -> bytes:
        """Give the hash to check a user's password by.

        Of a user whom nobody knows it is another's, the same whenever key is: he is to wait as
        long as others do, or it could be told who is known.
        """
        found = self.hashes.get(user)
        if found is not None:
            return found
        digest = blake2b(user.encode(), key=key, digest_size=8).digest()
        hashes = list(self.hashes.values())
        return hashes[int.from_bytes(digest, "big") % len(hashes)]


def read_passwords(text: str) -> Passwords:
    """Read a file's text: empty lines, and those that begin with #, say nothing.

    Raises ValueError, which names the line.
    """
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        user, _, hashed = written.partition(":")
        found = _HASH.fullmatch(hashed)
        if not user or not user.isprintable() or found is None:
            got = as_shown(user) if user else "no user"
            raise ValueError(f"line {number}: expected {_EXPECTED}, got what is none for {got}")
        if int(found[1]) not in COSTS:
            expected = f"a cost from {COSTS[0]} to {COSTS[-1]}"
            raise ValueError(f"line {number}: expected {expected}, got {int(found[1])}")
        if user in hashes:
            raise ValueError(f"line {number}: expected each user once, got {as_shown(user)} again")
        hashes[user] = hashed.encode()
    if not 1 <= len(hashes) <= MOST_USERS:
        raise ValueError(f"expected users, {MOST_USERS} at most, got {len(hashes)}")
    return Passwords(hashes)


def read_authorization(header: str) -> Credentials | None:
    """Read what a header Authorization says by RFC 7617, in UTF-8; None if that is nothing."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
        name = user.decode()
    except ValueError:
        return None
    return Credentials(name, password) if colon and b"\0" not in password else None
