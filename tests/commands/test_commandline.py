"""A command line's words: which are options, which are values, and what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.commands.commandline import WrongUsage, did_you_mean, split_words

TAKES = {
    "-c": True, "--count": True, "-n": False, "--numeric": False, "-q": False, "--interval": True,
    "-4": False,
}  # fmt: skip

GOOD = [
    ("nothing", "", [], []),
    ("a value of its own", "-c 3 h", [("-c", "3")], ["h"]),
    ("a value in one word", "-c3 h", [("-c", "3")], ["h"]),
    ("behind =", "--count=3", [("--count", "3")], []),
    ("a long one's next word", "--count 3", [("--count", "3")], []),
    ("letters together", "-nqc 3", [("-n", None), ("-q", None), ("-c", "3")], []),
    ("behind the arguments", "h -n i -c3 j", [("-n", None), ("-c", "3")], ["h", "i", "j"]),
    ("a negative value", "-c -3", [("-c", "-3")], []),
    ("a value like an option", "-c -n", [("-c", "-n")], []),
    ("an option like a number", "-4", [("-4", None)], []),
    ("no option", "- h", [], ["-", "h"]),
    ("no more options", "-n -- -c --count", [("-n", None)], ["-c", "--count"]),
    ("once", "-- -- x", [], ["--", "x"]),
    ("as a value", "-c -- h", [("-c", "--")], ["h"]),
    ("= in a value", "--count=a=b", [("--count", "a=b")], []),
    ("= behind a letter", "-c=3", [("-c", "=3")], []),
]


@pytest.mark.parametrize(
    ("reason", "line", "options", "arguments"), GOOD, ids=[row[1] or "nothing" for row in GOOD]
)
def test_words(
    reason: str, line: str, options: list[tuple[str, str | None]], arguments: list[str]
) -> None:
    assert split_words(line.split(), TAKES) == (options, arguments), reason


@pytest.mark.parametrize("words", [["-c", ""], ["--count", ""], ["--count="]])
def test_an_empty_value_is_one(words: list[str]) -> None:
    assert split_words([*words, "h"], TAKES) == ([(words[0].rstrip("="), "")], ["h"])


BAD = [
    ("--fast", "expected an option, got '--fast'"),
    ("-z", "expected an option, got '-z'"),
    ("-nz", "expected an option, got '-z'"),
    ("--coutn=3", "expected an option, got '--coutn'; did you mean --count?"),
    ("--num", "expected an option, got '--num'; did you mean --numeric?"),
    ("-c", "-c: expected a value, got nothing"),
    ("-nc", "-c: expected a value, got nothing"),
    ("--count", "--count: expected a value, got nothing"),
    ("--numeric=yes", "--numeric: expected no value, got 'yes'"),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_wrong_words(line: str, message: str) -> None:
    """A long option's name is to be written out: what it begins may be another's tomorrow."""
    with pytest.raises(WrongUsage) as caught:
        split_words(line.split(), TAKES)
    assert str(caught.value) == message


@pytest.mark.parametrize("words", [["-f"], ["-f", "3"], ["-f3"], ["-nf", "h"], ["h", "-nf3"]])
def test_a_letter_of_a_program_like_ours_is_refused_with_what_is_said_of_it(
    words: list[str],
) -> None:
    """Whether or not a value follows it there."""
    with pytest.raises(WrongUsage, match=r"^-f: a flood$"):
        split_words(words, TAKES, {"-f": "a flood"})
    assert split_words(["-c", "-f", "--", "-f"], TAKES, {"-f": "a flood"}) == (
        [("-c", "-f")],
        ["-f"],
    )


@given(st.lists(st.one_of(st.text(), st.sampled_from([*TAKES, "--", "-", "--count=", "-nq"]))))
def test_any_words(words: list[str]) -> None:
    """Whatever is typed is told apart, nothing of it lost, or refused in one line."""
    try:
        options, arguments = split_words(words, TAKES)
    except WrongUsage as error:
        line = str(error)
        assert len(line.splitlines()) == 1
        assert line.isprintable()
    else:
        assert {name for name, _ in options} <= set(TAKES)
        assert all((value is not None) == TAKES[name] for name, value in options)
        assert len(arguments) <= len(words)


def test_a_suggestion_is_what_is_most_like_or_nothing() -> None:
    commands = ["send", "talk", "ping", "report"]
    assert did_you_mean("pign", commands) == "; did you mean ping?"
    assert did_you_mean("rep", commands) == "; did you mean report?"
    assert did_you_mean("127.0.0.1", commands) == ""
    assert did_you_mean("", commands) == ""
