"""The udpecho command: which command is meant, and what is said where none is.

Loads what a command runs with only once its options have been read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from udpecho.commands.commandline import WrongUsage, did_you_mean
from udpecho.commands.options import Parser
from udpecho.commands.status import FAILED
from udpecho.shown import quoted, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _send() -> Parser:
    from udpecho.commands.send_options import SendOptions

    return SendOptions()


def _talk() -> Parser:
    from udpecho.commands.talk_options import TalkOptions

    return TalkOptions()


def _ping() -> Parser:
    from udpecho.commands.ping_options import PingOptions

    return PingOptions()


def _report() -> Parser:
    from udpecho.commands.report_options import ReportOptions

    return ReportOptions()


def _path() -> Parser:
    from udpecho.commands.path_options import PathOptions

    return PathOptions()


def _watch() -> Parser:
    from udpecho.commands.watch_options import WatchOptions

    return WatchOptions()


COMMANDS: dict[str, tuple[Callable[[], Parser], str]] = {
    "send": (_send, "Send one datagram and print who answered."),
    "talk": (_talk, "Ask many servers, line by line."),
    "ping": (_ping, "Measure loss, delay, jitter and reordering."),
    "path": (_path, "Show all paths to a host, hop by hop."),
    "report": (_report, "Show a saved ping again."),
    "watch": (_watch, "Probe hosts without end, and show a page of it."),
}
"""Each command: what reads its options, and what it does."""


class Commands(Parser):
    """The program's own options, and the list of its commands."""

    def __init__(self, parser_of: Callable[[str], Parser]) -> None:
        about = "UDP done carefully. udpecho COMMAND --help tells of each command."
        super().__init__("", "COMMAND [options]", about)
        made: Any = lambda prog, **_: parser_of(prog)  # noqa: E731 (whatever makes one will do)
        listed = self.add_subparsers(title="Commands", metavar="COMMAND", parser_class=made)
        for name, (_, does) in COMMANDS.items():
            listed.add_parser(name, prog=name, help=does)
        self.add_general()


def every_command() -> Commands:
    """Give the whole parser, with the options of all commands, to who describes or completes it."""
    return Commands(lambda name: COMMANDS[name][0]())


def run_command(argv: Sequence[str] | None = None) -> None:
    """Run the udpecho command; leaves by SystemExit with its status."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        asked = _asked(words)
    except WrongUsage as error:
        from udpecho.commands.saying import complain

        complain(f"udpecho: {error}")
        raise SystemExit(FAILED) from None
    from udpecho.commands.running import run

    run(words[0], asked)


def _asked(words: list[str]) -> object:
    """Read the command line as the settings of one command; raises WrongUsage."""
    if words and words[0] in COMMANDS:
        parser_of, _ = COMMANDS[words[0]]
        return parser_of().settings(words[1:])
    front = Commands(lambda name: Parser(name, "", ""))  # lists them, and so needs no options
    _, arguments = front.read(words)
    if not arguments:  # as git and ping do: what to type, and a status that is not success
        front.print_help(sys.stderr)
        raise SystemExit(FAILED)
    *names, last = COMMANDS
    known, got = f"{', '.join(names)} or {last}", arguments[0]
    raise WrongUsage(f"expected a command, {known}, got {quoted(got)}{_meant(got)}")


def _meant(word: str) -> str:
    """Word what was most likely meant by what is no command."""
    if word == "help":
        return "; did you mean --help?"
    if any(mark in word for mark in ".:"):
        return f"; did you mean udpecho ping {short(word)}?"
    return did_you_mean(word, COMMANDS)
