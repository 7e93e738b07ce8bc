"""The options of udpecho talk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from udpecho.client import RETRIES, TIMEOUT
from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import Parser, readable
from udpecho.commands.patience import add_patience
from udpecho.hosts import DEFAULT_PORT
from udpecho.shown import quoted
from udpecho.values import port_number


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """What is asked of talk; timeout is in seconds."""

    port: int = DEFAULT_PORT
    timeout: float = TIMEOUT
    retries: int = RETRIES


class TalkOptions(Parser):
    """Many servers, by hand."""

    def __init__(self) -> None:
        super().__init__(
            "talk",
            "[options]",
            "Reads lines of HOST[:PORT] MESSAGE, sends each at once, and prints replies and "
            "strangers as they come. An empty line shows who still owes a reply. At the end of "
            "input it waits for what is outstanding. Exit status: 0 if every request was answered, "
            "1 if one was not, 2 if a line could not be sent.",
        )
        asking = self.add_argument_group("Asking")
        asking.add_argument(
            "-p", "--port", metavar="PORT", default=DEFAULT_PORT,
            type=readable(port_number("--port")),
            help="Port where a line names none; %(default)s unless said.",
        )  # fmt: skip
        add_patience(asking)
        self.add_general()

    def settings(self, words: Iterable[str]) -> TalkSettings:
        """Say what was asked for; raises WrongUsage."""
        said, arguments = self.read(words)
        if arguments:
            raise WrongUsage(f"expected options only, got {quoted(arguments[0])}")
        return TalkSettings(said.port, said.timeout, said.retries)
