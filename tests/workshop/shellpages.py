"""Man pages and shells' completions, made from the parser of the udpecho command.

python -m tests.workshop.shellpages, or nox -s pages, writes them to share/; a test finds them
current.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import shtab

from udpecho import __version__
from udpecho.commands.main import COMMANDS, every_command
from udpecho.commands.options import Parser

ROOT = Path(__file__).resolve().parents[2]
SHELLS = {
    "bash": "share/bash-completion/completions/udpecho",
    "zsh": "share/zsh/site-functions/_udpecho",
    "fish": "share/fish/vendor_completions.d/udpecho.fish",
}
ABOUT = "UDP done carefully"


def pages() -> dict[str, str]:
    """Make every file, by its path below the repository's root."""
    made = {
        file: shtab.complete(_for_shells(), shell).rstrip() + "\n" for shell, file in SHELLS.items()
    }
    made["share/man/man1/udpecho.1"] = _man(every_command(), "udpecho", ABOUT)
    for name, (parser_of, does) in COMMANDS.items():
        page = _man(parser_of(), f"udpecho-{name}", does.rstrip("."))
        made[f"share/man/man1/udpecho-{name}.1"] = page
    return made


def _for_shells() -> Parser:
    """Give the whole parser with what shtab wants: a line about each command, and who is a file."""
    whole = every_command()
    parsers: list[argparse.ArgumentParser] = [whole]
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, parser in action.choices.items():
                parser.description = COMMANDS[name][1]
                parsers.append(parser)
    for parser in parsers:
        for action in parser._actions:
            if action.metavar == "FILE":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return whole


def _man(parser: Parser, name: str, about: str) -> str:
    """Write a page, as man(7) has it."""
    usage = re.sub(r"\s+", " ", parser.format_usage()).removeprefix("usage: ").strip()
    lines = [
        f'.TH {name.upper()} 1 "" "udpecho {__version__}" "User Commands"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(about[0].lower() + about[1:])}",
        ".SH SYNOPSIS",
        f".B {_roff(usage)}",
        ".SH DESCRIPTION",
        _roff(parser.description or ""),
        *_groups(parser),
        ".SH SEE ALSO",
        _others(name),
    ]
    return "\n".join(lines) + "\n"


def _others(name: str) -> str:
    names = ["udpecho", *(f"udpecho-{each}" for each in COMMANDS)]
    others = [_roff(each) for each in names if each != name]
    return "\n".join(f".BR {each} (1)" for each in others)


def _groups(parser: Parser) -> Iterator[str]:
    for group in parser._action_groups:
        if not group._group_actions:
            continue
        yield f".SH {_roff((group.title or 'options').upper())}"
        for action in group._group_actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, (_, does) in COMMANDS.items():
                    yield from (".TP", f".B {_roff(name)}", _roff(does))
                continue
            told = action.help or ""
            yield from (".TP", f".B {_roff(_invocation(action))}", _roff(told % vars(action)))


def _invocation(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    value = str(action.metavar or action.dest) if action.nargs != 0 else ""
    return f"{names} {value}".strip()


def _roff(text: str) -> str:
    """Write text so that roff takes none of it for its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main() -> None:
    """Write them."""
    for file, text in pages().items():
        path = ROOT / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
