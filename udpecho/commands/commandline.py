"""A command line's words, told apart as GNU's getopt does it. Pure; what is wrong is one line.

Options may stand anywhere before a "--". One that takes a value takes whatever comes next, be it
empty or a negative number. The name of a long option is to be written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from udpecho.shown import quoted, short

Said = tuple[str, str | None]
"""An option as it was typed, -c or --count, and its value, if it takes one."""


NONE: Mapping[str, str] = MappingProxyType({})


class WrongUsage(Exception):
    """What was typed can't be; the text says, in one line, what was expected and what came."""


def split_words(
    words: Iterable[str], takes: Mapping[str, bool], others: Mapping[str, str] = NONE
) -> tuple[list[Said], list[str]]:
    """Tell the options from the arguments; takes has every option, and whether a value follows.

    others has letters that mean something in a program like ours, and what to say of them.
    Raises WrongUsage.
    """
    options: list[Said] = []
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments += rest
        elif word.startswith("--"):
            options.append(_long(word, takes, rest))
        elif word.startswith("-") and word != "-":
            options += _letters(word[1:], takes, others, rest)
        else:
            arguments.append(word)
    return options, arguments


def _long(word: str, takes: Mapping[str, bool], rest: Iterator[str]) -> Said:
    name, equals, value = word.partition("=")
    if _takes_value(name, takes):
        return name, value if equals else _next(name, rest)
    if equals:
        raise WrongUsage(f"{short(name)}: expected no value, got {quoted(value)}")
    return name, None


def _letters(
    letters: str, takes: Mapping[str, bool], others: Mapping[str, str], rest: Iterator[str]
) -> Iterator[Said]:
    """Read -nc5 or -nc 5: the first option that takes a value takes what is left of the word."""
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        if name in others:
            raise WrongUsage(f"{name}: {others[name]}")
        if _takes_value(name, takes):
            yield name, letters or _next(name, rest)
            return
        yield name, None


def _takes_value(name: str, takes: Mapping[str, bool]) -> bool:
    if name not in takes:
        raise WrongUsage(f"expected an option, got {quoted(name)}{did_you_mean(name, takes)}")
    return takes[name]


def _next(name: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise WrongUsage(f"{name}: expected a value, got nothing")
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Word a suggestion of what was meant: what it begins, or what it is most like; or nothing."""
    from difflib import get_close_matches

    bare, names = word.lstrip("-"), {name.lstrip("-"): name for name in known}
    if len(bare) < MIN_LETTERS:
        return ""
    begun = [name for name in names if name.startswith(bare)]
    like = begun or get_close_matches(bare, names, n=1)
    return f"; did you mean {' or '.join(names[each] for each in like)}?" if like else ""


MIN_LETTERS = 3
"""Of what a suggestion is made for: one letter is as like to any other."""
