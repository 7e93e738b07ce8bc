"""A node's configuration file, read again when it has changed or somebody asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from udpecho.watch.configuring.config import read_config
from udpecho.watch.configuring.settings import Config
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.peers.files import LOOK_SECONDS, ChangingFile, read_text, why_unread


def config_of(path: Path, host: str) -> Config:
    """Read a file; host is the node's name unless it says another. Raises BadConfig."""
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise BadConfig(why_unread(path, error)) from None
    return read_config(text, str(path), host)


@dataclass(slots=True)
class Reloads:
    """What became of a configuration that was read again."""

    taken: int = 0
    refused: int = 0
    is_good: bool = True
    """Whether what the file has now is what is in force."""

    taken_at: float = field(default_factory=time.time)
    """When what is in force was read, in seconds since 1970."""


class Rereading(Service):
    """Looks every two seconds whether the file has changed."""

    def __init__(
        self,
        reactor: IReactorTime,
        path: Path,
        host: str,
        take: Callable[[Config], None],
        reloads: Reloads,
        log: Logger,
        on_refused: Callable[[str], None] = lambda _: None,
        also_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin when started. take has a configuration in force, or refuses it by an error.

        on_refused hears why, in a line; also_changed tells whether something else has that the
        configuration names.
        """
        self._reactor = reactor
        self._file = ChangingFile(path)
        self._host = host
        self._take = take
        self._reloads = reloads
        self._log = log
        self._on_refused = on_refused
        self._also_changed = also_changed
        self._alarm: IDelayedCall | None = None

    def startService(self) -> None:
        """Look from now on; what is there now has been read."""
        super().startService()  # type: ignore[no-untyped-call]
        self._file.has_changed()
        self._alarm = self._reactor.callLater(LOOK_SECONDS, self._look)

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()

    def read_again(self) -> None:
        """Put in force what the file has; what can't be is told, and the old stays in force."""
        self._has_changed()  # what is read now is not told once more by the next look
        try:
            self._take(config_of(self._file.path, self._host))
        except (ValueError, OSError) as error:
            self._log.error("the old configuration stays in force: {why}", why=str(error))
            self._refused(str(error))
        except Exception as error:  # nobody thought of it, and who asks us goes on
            self._log.failure("the old configuration stays in force")
            self._refused(type(error).__name__)
        else:
            self._reloads.taken += 1
            self._reloads.is_good = True
            self._reloads.taken_at = time.time()
            self._log.info("the configuration has been read again")

    def _refused(self, why: str) -> None:
        self._reloads.refused += 1
        self._reloads.is_good = False
        self._on_refused(why)

    def _look(self) -> None:
        self._alarm = self._reactor.callLater(LOOK_SECONDS, self._look)
        if self._has_changed():
            self.read_again()

    def _has_changed(self) -> bool:
        has_changed, also = self._file.has_changed(), self._also_changed()
        return has_changed or also
