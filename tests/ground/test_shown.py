"""How what came is worded: whoever wrote it, no terminal does what it says."""

from __future__ import annotations

import sys
from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st

from udpecho.shown import harmless


def test_a_file_from_elsewhere_does_not_steer_the_terminal() -> None:
    """A saved ping names its hosts as it likes."""
    assert harmless("64 bytes from \x1b[2Jé\x9b\udcff\t:\n") == (
        "64 bytes from \\x1b[2Jé\\x9b\\udcff\\t:\n"
    )


@given(st.text())
def test_no_text_is_anything_but_lines_of_text(text: str) -> None:
    assert all(ord(each) >= 32 or each == "\n" for each in harmless(text))
    harmless(text).encode()


def test_what_can_not_be_seen_is_spelt() -> None:
    """Controls, format characters (bidi's too), ends of lines and halves of surrogates: each."""
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    for character in map(chr, range(sys.maxunicode + 1)):
        if category(character) in hidden and character != "\n":
            shown = harmless(character)
            assert shown.isascii(), hex(ord(character))
            assert shown.isprintable(), hex(ord(character))
    assert harmless("\u202egnp.exe\u2028\ufeff") == "\\u202egnp.exe\\u2028\\ufeff"
