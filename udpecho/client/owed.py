"""Who owes which reply: the requests in flight, by debtor and token."""

from __future__ import annotations

from collections.abc import Iterator

from udpecho.client.quotes import Quotes
from udpecho.client.request import Request, in_order
from udpecho.peer import Peer


class Owed:
    """The requests in flight; Pending, which is one, puts them in and takes them out.

    With verify_peer the debtor is the peer that was asked, else anyone; with verify_echo the token
    is the bytes that it was sent, else any.
    """

    def __init__(self, *, verify_peer: bool, verify_echo: bool) -> None:
        self._verify_peer, self._verify_echo = verify_peer, verify_echo
        self._owed: dict[Peer | None, dict[bytes | None, Request]] = {}
        """By debtor and by token the oldest request in flight that has them."""

        self._quotes: Quotes | None = None  # until something is refused

    def debtors(self) -> list[Peer | None]:
        """List who owes at least one reply, whoever was asked first coming first."""
        return list(self._owed)

    def owed_by(self, peer: Peer) -> Iterator[Request]:
        """Go through the requests in flight that this peer owes a reply."""
        return in_order(self._owed.get(self._debtor(peer), {}))

    def oldest(self, peer: Peer, data: bytes) -> Request | None:
        """Find the request that a datagram answers."""
        owed = self._owed.get(self._debtor(peer))
        return None if owed is None else owed.get(data if self._verify_echo else None)

    def refused(self, peer: Peer, quoted: bytes) -> list[Request]:
        """List the requests that a refusal ends: the oldest that it quotes, as a reply does.

        RFC 792 lets it quote nothing. Anyone can forge that one: it ends nothing with verify_echo,
        and all that the peer owes without.
        """
        if not quoted:
            return [] if self._verify_echo else list(self.owed_by(peer))
        if self._quotes is None:
            self._quotes = Quotes(map(in_order, self._owed.values()))
        owed = self._owed.get(self._debtor(peer), {})
        oldest = owed.get(quoted) or self._quotes.find(peer, quoted)
        return [oldest] if oldest else []

    def _debtor(self, peer: Peer) -> Peer | None:
        return peer if self._verify_peer else None
