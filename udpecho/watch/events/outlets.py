"""Where a node's events go, as its configuration says: into the log, a file, to a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from udpecho.reactors import TURN_SECONDS
from udpecho.watch.configuring.settings import (
    MOST_PEERS,
    STANDARD_OUTPUT,
    EventSettings,
    NodeSettings,
)
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.events.event_file import EventFile
from udpecho.watch.events.event_lines import event_line
from udpecho.watch.events.event_log import EventLog
from udpecho.watch.events.happenings import Events, Happening
from udpecho.watch.events.outlet_counts import OutletCounts
from udpecho.watch.events.posting import Post, poster
from udpecho.watch.events.webhook import Webhook
from udpecho.watch.peers.files import read_text
from udpecho.watch.peers.trust import why_not

MOST_TOLD = 2 * MOST_PEERS
"""Events that wait to be handed on, which takes some ms for each hundred of them."""

Outlet: TypeAlias = EventFile | Webhook


class Outlets:
    """What listens to a node's events."""

    def __init__(
        self,
        reactor: Any,
        events: Events,
        base: Path,
        seconds: Callable[[], float],
        log: Logger,
    ) -> None:
        """Listen to nothing yet. Files are within base; seconds is a monotonic clock."""
        self.counts = {name: OutletCounts() for name in ("log", "file", "webhook")}
        self._reactor = reactor
        self._events = events
        self._base = base
        self._seconds = seconds
        self._log = log
        self._node = NodeSettings("")
        self._told: deque[Happening] = deque()
        """What is still to be handed on."""

        self._next: IDelayedCall | None = None
        self._writers: dict[str, Outlet] = {}
        self._wanted: dict[str, object] = {}
        """What of the settings each was made from."""

        self._to_log: EventLog | None = None

    def check(self, settings: EventSettings) -> None:
        """Raise BadConfig for outlets that can't be had; opens files, and asks nobody."""
        try:
            self._file(settings, OutletCounts())
        except (OSError, ValueError) as error:
            raise _bad(settings, "file", error) from None
        check_webhook(settings, self._base)

    def begin(self, settings: EventSettings, node: NodeSettings) -> None:
        """Have events go where these settings say; what waits for one outlet goes to the next."""
        self._node = node
        if settings.log and self._to_log is None:
            self._to_log = EventLog(self._seconds, self.counts["log"], self._log)
        elif not settings.log and self._to_log is not None:
            self._to_log.end()
            self._to_log = None
        try:
            self._put("file", settings.file, lambda: self._file(settings, self.counts["file"]))
            ca = None if settings.ca_file is None else read_text(self._base / settings.ca_file)
            hook = settings.webhook, settings.credentials_file, ca
            self._put("webhook", hook, lambda: self._webhook(settings, self.counts["webhook"]))
        except Exception:  # checked before, but the system may have changed
            self._log.failure("an outlet of events can't be had")
        self._events.forget(self._hear)
        self._events.listen(self._hear)

    def _put(
        self, name: str, wanted: object, make: Callable[[], EventFile | Webhook | None]
    ) -> None:
        """Have an outlet as it is wanted, if it is not there already."""
        if self._wanted.get(name) == wanted:
            return
        made, before = make(), self._writers.pop(name, None)
        self._wanted[name] = wanted
        if made is not None:
            self._writers[name] = made
            for line in before.give_back() if before is not None else ():
                made.write(line)
        if before is not None:
            before.end()

    def end(self) -> None:
        """Have events go nowhere; what waits is written if it can be at once."""
        self._events.forget(self._hear)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while self._told:
            self._hand_on(self._told.popleft())
        for each in self._writers.values():
            each.end()
        if self._to_log is not None:
            self._to_log.end()
        self._to_log = None
        self._writers.clear()
        self._wanted.clear()

    def _hear(self, happening: Happening) -> None:
        """Hand it on later, a few in a turn: a thousand peers may fall silent at once."""
        if len(self._told) >= MOST_TOLD:
            for name in [*self._writers, *(["log"] if self._to_log is not None else [])]:
                self.counts[name].drops()
            return
        self._told.append(happening)
        if self._next is None:
            self._next = self._reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._next = None
        ends = self._seconds() + TURN_SECONDS
        while self._told:
            if self._seconds() >= ends:
                self._next = self._reactor.callLater(0, self._go_on)
                return
            self._hand_on(self._told.popleft())

    def _hand_on(self, happening: Happening) -> None:
        if self._to_log is not None:
            self._to_log.hear(happening)
        if self._writers:
            line = event_line(happening, self._node)
            for each in self._writers.values():
                each.write(line)

    def _file(self, settings: EventSettings, counts: OutletCounts) -> EventFile | None:
        if settings.file is None:
            return None
        path = None if settings.file == STANDARD_OUTPUT else self._base / settings.file
        file = EventFile(self._reactor, path, counts, self._log)
        file.check()
        return file

    def _webhook(self, settings: EventSettings, counts: OutletCounts) -> Webhook | None:
        url = settings.webhook
        if url is None:
            return None
        post = _post(self._reactor, url, settings, self._base)
        where = urlsplit(url).netloc  # a path may be a secret
        return Webhook(self._reactor, where, self._node.name, post, counts, self._log)


def check_webhook(settings: EventSettings, base: Path) -> None:
    """Raise BadConfig if nothing can be posted, for want of files or libraries; asks nobody."""
    try:
        if settings.webhook is not None:
            _post(None, settings.webhook, settings, base)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        raise _bad(settings, "webhook", error) from None


def _post(reactor: Any, url: str, settings: EventSettings, base: Path) -> Post:
    token, authority = (
        None if each is None else base / each
        for each in (settings.credentials_file, settings.ca_file)
    )
    return poster(reactor, url, token, authority)


def _bad(settings: EventSettings, option: str, error: Exception) -> BadConfig:
    why = why_not(error, getattr(error, "filename", None))
    return BadConfig(f"{settings.where}: [events] {option}: {why}")
