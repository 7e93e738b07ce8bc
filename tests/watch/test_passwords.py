"""Names and hashes, as htpasswd -B writes them, and what who asks says of himself."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.examples import given, st
from udpecho.watch.web.passwords import Credentials, read_authorization, read_passwords

HASH = "$2y$05$" + "a" * 53
OTHER = "$2b$12$" + "b" * 53


def test_lines_of_users_and_hashes() -> None:
    text = f"# who may look\n\nalice:{HASH}\r\n  bob smith:{OTHER} \n"
    assert read_passwords(text).hashes == {"alice": HASH.encode(), "bob smith": OTHER.encode()}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "expected users, 1000 at most, got 0"),
        ("# none\n", "expected users, 1000 at most, got 0"),
        (f"a:{HASH}\na:{OTHER}", "line 2: expected each user once, got 'a' again"),
        (f"\n:{HASH}", "line 2: expected USER:HASH, with a hash of bcrypt as htpasswd -B writes"),
        ("alice:secret", "line 1: expected USER:HASH, with a hash of bcrypt as htpasswd -B writes"),
        ("alice:$apr1$abc$def", "line 1: expected USER:HASH, with a hash of bcrypt"),
        ("basic_auth_users:", "line 1: expected USER:HASH, with a hash of bcrypt"),
        (f"alice:{HASH}x", "line 1: expected USER:HASH, with a hash of bcrypt"),
        (f"a\x1bb:{HASH}", "line 1: expected USER:HASH, with a hash of bcrypt"),
        (f"alice:{HASH.replace('05', '31')}", "line 1: expected a cost from 4 to 14, got 31"),
        ("\n".join(f"user{n}:{HASH}" for n in range(1001)), "expected users, 1000 at most, got 10"),
    ],
)
def test_what_is_no_list_is_one_line_that_has_no_hash(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=r"^(?:line|expected)") as caught:
        read_passwords(text)
    assert str(caught.value).startswith(what)
    assert "\n" not in str(caught.value)
    assert "$" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nobody_waits_for_less_than_others_as_he_is_not_known() -> None:
    """And always for as long, or to ask twice would tell."""
    passwords = read_passwords(f"alice:{HASH}\nbob:{OTHER}")
    assert passwords.hash_for("alice", b"key") == HASH.encode()
    found = {passwords.hash_for(f"user{n}", b"key") for n in range(64)}
    assert found == {HASH.encode(), OTHER.encode()}
    assert passwords.hash_for("mallory", b"key") == passwords.hash_for("mallory", b"key")


def basic(user_and_password: bytes) -> str:
    return f"Basic {b64encode(user_and_password).decode()}"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (basic(b"alice:secret"), Credentials("alice", b"secret")),
        (basic(b"alice:a:b:").replace("Basic", "bAsIc"), Credentials("alice", b"a:b:")),
        (basic("zoë:pässword".encode()), Credentials("zoë", "pässword".encode())),
        (basic(b":"), Credentials("", b"")),
        (basic(b"alice"), None), (basic(b"a:b\0c"), None), (basic(b"\xff:x"), None),
        ("", None), ("Basic", None), ("Basic !!!", None), ("Bearer abc", None),
        (f"{basic(b'a:b')},{basic(b'c:d')}", None), ("Basic YTpi\u0100", None),
    ],
)  # fmt: skip
def test_what_a_header_says(header: str, said: Credentials | None) -> None:
    assert read_authorization(header) == said


@given(st.text())
def test_no_header_does_harm(header: str) -> None:
    read_authorization(header)
    read_authorization(f"Basic {header}")
