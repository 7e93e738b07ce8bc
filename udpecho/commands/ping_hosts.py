"""Whom a ping is asked to probe: hosts of the command line and of a file.

What is wrong with one costs it alone: a line says so, with the place in the file, and the others
are pinged.
"""

from __future__ import annotations

from collections.abc import Iterable
from os.path import isfile
from typing import TYPE_CHECKING

from udpecho.commands.extras import Unusable, lines_of
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.ping_values import Target, target
from udpecho.commands.wording import Say
from udpecho.peer import Peer, format_peer
from udpecho.shown import short

if TYPE_CHECKING:
    from udpecho.ping import Naming
    from udpecho.show import View


class Hosts:
    """The hosts to probe, and what is told of their names."""

    def __init__(self, asked: PingSettings, complain: Say, own: Peer | None = None) -> None:
        """Read them, or take our own server. Raises Unusable if there is none, or no file."""
        self.wanted: list[Target] = [*asked.hosts, *([(*own, own[0])] if own else [])]
        self._complain = complain
        self._places: dict[tuple[str, int | None], str] = {}
        self._without: set[tuple[str, int | None]] = set()
        self._told: list[Naming] = []
        self._view: View | None = None
        for text, why in asked.unread:
            self._leave_out(text, why)
        if asked.targets is not None:
            with lines_of(asked.targets) as lines:
                self._read(lines, asked.targets, asked.port)
        if not self.wanted:
            raise Unusable("no host to ping")

    @property
    def failed(self) -> bool:
        """Tell whether something was wrong that still is."""
        return bool(self._without)

    def tell(self, naming: Naming) -> None:
        """Say what became of a host's name, and have the view hear of it."""
        from udpecho.ping import Unresolved

        if isinstance(naming, Unresolved):
            key = naming.name, naming.port
            self._without.add(key)
            place = self._places.get(key)
            self._say((place or "") + naming.reason + ("" if place else _a_file(naming.name)))
        else:
            key = naming.name, naming.new[1]
            if naming.old is not None:
                old, new = naming.old[0], naming.new[0]
                self._say(f"{short(naming.name)} has moved from {old} to {new}")
            elif key in self._without:
                self._say(
                    f"{short(naming.name)} is at {format_peer(naming.new)}, and probed from now on"
                )
            self._without.discard(key)
        if self._view is None:
            self._told.append(naming)
        else:
            self._view.named(naming)

    def show(self, view: View) -> None:
        """Have a view, which has begun, hear of what was told, and of all that will be."""
        self._view = view
        self._complain = view.beside(self._complain)
        for naming in self._told:
            view.named(naming)

    def _read(self, lines: Iterable[str], file: str, port: int) -> None:
        """Read a file: a host a line, empty lines and what follows a # left out."""
        read = target(port)
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if not text:
                continue
            place = f"{short(file)}:{number}: "
            try:
                host = read(text)
            except ValueError as error:
                self._leave_out(text, f"{place}{error}")
                continue
            self._places.setdefault((host[2], host[1]), place)
            self.wanted.append(host)

    def _leave_out(self, text: str, why: str) -> None:
        from udpecho.ping import Unresolved

        self.tell(Unresolved(0, text, None, why))

    def _say(self, line: str) -> None:
        self._complain(f"udpecho: {line}")


def _a_file(name: str) -> str:
    """Word what was most likely meant by a host that is the name of a file here."""
    return f"; for the hosts of that file, --targets={short(name)}" if isfile(name) else ""
