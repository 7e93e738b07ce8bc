"""udpecho talk: many servers, by hand."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from udpecho.client import MatchingEchoClient, Reply, Stranger
from udpecho.commands.console import open_console
from udpecho.commands.signals import Heed, ignore
from udpecho.commands.status import FAILED, NO_REPLY, OK
from udpecho.commands.talk_options import TalkSettings
from udpecho.commands.wording import describe_reply, describe_stranger
from udpecho.errors import ClientClosed, Refused, ReplyTimeout
from udpecho.hosts import host_and_port
from udpecho.peer import Peer, format_peer
from udpecho.reactors import IDatagramReactor
from udpecho.shown import quoted

MOST_ASKED = 4096
"""Requests outstanding beyond which no more lines are read: what is read must be kept."""

PATIENCE = 1.0
"""Seconds to wait for somebody to read the summary, once a signal has come."""


class Talk:
    """A conversation with many servers: each line a request, its outcome another line."""

    def __init__(self, settings: TalkSettings) -> None:
        self._settings = settings
        self._outstanding = 0
        self._failures = 0
        self._ended = False
        self._over: Deferred[None] = Deferred()
        """Fires when the input has ended and nothing is outstanding."""

    async def run(self, reactor: IDatagramReactor, heed: Heed) -> int:
        """Go on until the input ends or the user interrupts; return the exit status."""
        self._client = await MatchingEchoClient.open(reactor, on_stranger=self._stranger)
        self._console = open_console(reactor, self._line, self._end)
        patience = None
        try:
            self._console.say(f"local {format_peer(self._client.local_addresses[0])}")
            heed(lambda: self._console.complain(f"udpecho: {self._summary()[0]}"))
            try:
                await self._over
            except CancelledError:  # Ctrl-C: sum up what there is
                self._ended, patience = True, PATIENCE
                self._console.pause()
            await self._client.close()
            text, status = self._summary()
            self._console.conclude(text)
        finally:
            await self._console.leave(patience)
        return status

    def _line(self, text: str) -> None:
        """Send what a line says, or show who owes a reply if it is empty."""
        if not text.strip():
            owing = ", ".join(map(format_peer, self._client.pending_peers()))
            self._console.say(f"pending {owing or 'none'}")
            return
        where, space, message = text.lstrip().partition(" ")
        try:
            if not space:
                raise ValueError(f"expected HOST[:PORT] MESSAGE, got {quoted(text)}")
            address = host_and_port(where, self._settings.port)
        except ValueError as error:
            self._failures += 1
            self._console.complain(f"udpecho: {error}")
            return
        self._outstanding += 1
        if self._outstanding >= MOST_ASKED:
            self._console.pause()
        data = message.encode("utf-8", "surrogateescape")
        settings = self._settings
        asked = self._client.request(
            data, address, timeout=settings.timeout, retries=settings.retries
        )
        asked.addCallbacks(self._replied, self._failed).addBoth(self._settled)

    def _stranger(self, data: bytes, peer: Peer, reason: Stranger) -> None:
        """Show a datagram that is nobody's reply."""
        self._console.say(describe_stranger(data, peer))

    def _end(self, why: str | None) -> None:
        """Take no more lines."""
        self._ended = True
        if why is not None:
            self._failures += 1
            self._console.complain(f"udpecho: {why}")
        self._check_over()

    def _summary(self) -> tuple[str, int]:
        """Sum up in a line and in an exit status."""
        count = self._client.counters()
        no_reply = count.timed_out + count.refused
        text = (
            f"{count.requests} requests, {count.replied} replies, {count.timed_out} timed out, "
            f"{count.refused} refused, {count.strangers} strangers"
        )
        if self._failures:
            return text, FAILED
        return text, NO_REPLY if no_reply else OK

    def _replied(self, reply: Reply) -> None:
        self._console.say(describe_reply(reply))

    def _failed(self, failure: Failure) -> None:
        if not failure.check(Refused, ReplyTimeout):
            self._failures += 1
        if not failure.check(ClientClosed):  # which ends all of them, as the summary says
            self._console.complain(f"udpecho: {failure.getErrorMessage()}")

    def _settled(self, _: None) -> None:
        self._outstanding -= 1
        if not self._ended:
            self._console.resume()
        self._check_over()

    def _check_over(self) -> None:
        if self._ended and not self._outstanding and not self._over.called:
            self._over.callback(None)


async def talk(reactor: IDatagramReactor, settings: TalkSettings, heed: Heed = ignore) -> int:
    """Ask what standard input says, until it ends or the user interrupts."""
    return await Talk(settings).run(reactor, heed)
