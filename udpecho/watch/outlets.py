"""Where a node's events go, as its configuration says: into the log, a file, to a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.logger import Logger

from udpecho.watch.event_file import EventFile
from udpecho.watch.event_lines import event_line
from udpecho.watch.event_log import EventLog
from udpecho.watch.happenings import Events, Happening
from udpecho.watch.outlet_counts import OutletCounts
from udpecho.watch.posting import poster
from udpecho.watch.settings import STANDARD_OUTPUT, EventSettings, NodeSettings
from udpecho.watch.tables import BadConfig
from udpecho.watch.webhook import Webhook


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
        self._settings: EventSettings | None = None
        self._node = NodeSettings("")
        self._writers: list[EventFile | Webhook] = []
        self._to_log: EventLog | None = None

    def check(self, settings: EventSettings) -> None:
        """Raise BadConfig for outlets that can't be had; opens files, and asks nobody."""
        try:
            option = "file"
            self._file(settings, OutletCounts())
            option = "webhook"
            self._webhook(settings, OutletCounts())
        except ModuleNotFoundError as error:
            why = f"expected pyOpenSSL and service-identity for https, got no {error.name}"
        except OSError as error:
            why = f"can't open {error.filename}: {error.strerror or error}"
        except ValueError as error:
            why = str(error)
        else:
            return
        raise BadConfig(f"{settings.where}: [events] {option}: {why}")

    def begin(self, settings: EventSettings, node: NodeSettings) -> None:
        """Have events go where these settings say; those that are the same go on."""
        self._node = node
        if self._settings is not None and replace(settings, where="") == self._settings:
            return
        self.end()
        self._settings = replace(settings, where="")
        if settings.log:
            self._to_log = EventLog(self._seconds, self.counts["log"], self._log)
        try:
            for outlet in (
                self._file(settings, self.counts["file"]),
                self._webhook(settings, self.counts["webhook"]),
            ):
                if outlet is not None:
                    self._writers.append(outlet)
        except Exception:  # checked before, but the system may have changed
            self._log.failure("events have no outlet")
        self._events.listen(self._hear)

    def end(self) -> None:
        """Have events go nowhere; what waits is written if it can be at once."""
        self._events.forget(self._hear)
        for each in self._writers:
            each.end()
        if self._to_log is not None:
            self._to_log.end()
        self._writers, self._to_log, self._settings = [], None, None

    def _hear(self, happening: Happening) -> None:
        if self._to_log is not None:
            self._to_log.hear(happening)
        if self._writers:
            line = event_line(happening, self._node)
            for each in self._writers:
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
        token, authority = (
            None if each is None else self._base / each
            for each in (settings.credentials_file, settings.ca_file)
        )
        post = poster(self._reactor, url, token, authority)
        where = urlsplit(url).netloc  # a path may be a secret
        return Webhook(self._reactor, where, self._node.name, post, counts, self._log)
