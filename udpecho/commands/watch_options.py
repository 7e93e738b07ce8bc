"""The options of udpecho watch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import Once, Parser


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is asked of watch: the file to look at."""

    check: str


class WatchOptions(Parser):
    """A node's configuration, looked at."""

    def __init__(self) -> None:
        super().__init__(
            "watch",
            "--check FILE",
            "Reads the configuration of a node of a mesh, and says what would be probed, how "
            "often, and what the peers' guards must allow; what is wrong is one line. Names and "
            "servers are not asked. The node itself is run by twistd -n udpecho --watch=FILE. "
            "Exit status: 0, or 2 for a file that can't be.",
        )
        asked = self.add_argument_group("Asked")
        asked.add_argument(
            "--check", metavar="FILE", action=Once, help="Look at this configuration, in TOML."
        )
        self.add_general()

    def settings(self, words: Iterable[str]) -> WatchSettings:
        """Say what was asked for; raises WrongUsage."""
        said, arguments = self.read(words)
        if arguments:
            raise WrongUsage(f"expected options only, got {arguments[0]!r}")
        if said.check is None:
            raise WrongUsage("expected --check FILE, as a node is run by twistd, got nothing")
        return WatchSettings(said.check)
