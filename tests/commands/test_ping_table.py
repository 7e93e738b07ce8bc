"""The table of iputils' options in docs/ping.md has each, and says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.ping_options import PingOptions
from udpecho.commands.report_options import ReportOptions

PAGE = Path(__file__).parents[2] / "docs" / "ping.md"

TAKES_NOTHING = "346aAbBCdDfhHjLnOqrRUvV"
TAKES_A_VALUE = "ceFiIlmMNpQsStTwW"
"""What man ping lists (iputils, doc/ping.xml of 2026)."""


def rows() -> dict[str, tuple[str, str]]:
    """Read the table: by each option's letter, how it is here, and what is said of it."""
    text = PAGE.read_text()
    table = text[text.index("| `man ping` |") :].split("\n\n", 1)[0]
    found = {}
    for line in table.splitlines()[2:]:
        names, how, why = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        for letter in re.findall(r"`-(.)", names):
            found[letter] = how, why
    return found


def test_it_has_every_option_once() -> None:
    assert sorted(rows()) == sorted(TAKES_NOTHING + TAKES_A_VALUE)


def test_every_difference_is_explained() -> None:
    unexplained = [letter for letter, (how, why) in rows().items() if how == "differs" and not why]
    assert unexplained == []
    assert {how for how, _ in rows().values()} == {"same", "differs", "absent"}


@pytest.mark.parametrize("letter", TAKES_NOTHING + TAKES_A_VALUE)
def test_it_says_what_the_command_does(letter: str) -> None:
    """What is the same is taken, with a value or without; what is absent is refused by its name."""
    how, why = rows()[letter]
    takes = {name: each.nargs != 0 for name, each in PingOptions()._option_string_actions.items()}
    name = f"-{letter}"
    if name in takes:
        assert how in ("same", "differs")
        assert takes[name] == (letter in TAKES_A_VALUE)
        return
    assert how == "absent" or re.search(r"`--[a-z]+", why), "under another name"
    with pytest.raises(WrongUsage, match=rf"^({name}: |expected an option, got '{name}')"):
        PingOptions().settings([name, "1", "host"])


@pytest.mark.parametrize("option", re.findall(r"`(--[a-z-]+)", PAGE.read_text()))
def test_every_long_option_that_the_page_names_is_one(option: str) -> None:
    ours = {**PingOptions()._option_string_actions, **ReportOptions()._option_string_actions}
    assert option in ours or option in ("--rate", "--exempt", "--plot")
