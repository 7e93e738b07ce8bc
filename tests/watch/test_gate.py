"""Who may look: passwords that are checked elsewhere, and what is remembered of them."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from tests.examples import given, st
from tests.watch.test_passwords import HASH, OTHER
from tests.watch.test_web import LOCAL, Bench, nothing_logged
from udpecho.reactors import monotonic_clock
from udpecho.watch import BadConfig
from udpecho.watch.configuring.settings import WebSettings
from udpecho.watch.web import gate
from udpecho.watch.web.gate import (
    MOST_REMEMBERED,
    MOST_WAITING,
    REMEMBERED_SECONDS,
    Gate,
    PasswordFile,
    read_password_file,
)
from udpecho.watch.web.hashing import CantCheck


def authorization(user: str, password: str) -> str:
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


ALICE = authorization("alice", "secret")


class Guarded(Bench):
    """A node whose pages want a password; what is checked is answered by hand."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.checks: list[tuple[bytes, bytes, Deferred[bool]]] = []
        self.put(f"alice:{HASH}\nbob:{OTHER}\n")
        super().__init__(gated=self.gated)

    def gated(self, host: Any, log: Logger) -> Gate:
        self.gate = Gate(self.listed, self.check, monotonic_clock(host), log)
        return self.gate

    def put(self, text: str) -> None:
        self.file.write_text(text)
        listed = read_password_file(WebSettings(password_file=self.file.name), self.file.parent)
        assert listed is not None
        self.listed = listed

    def check(self, password: bytes, hashed: bytes) -> Deferred[bool]:
        answer: Deferred[bool] = Deferred()
        self.checks.append((password, hashed, answer))
        return answer

    def begin(self, *headers: str, path: str = "/") -> Any:
        """Ask, and give the connection; not all that is asked is answered at once."""
        channel, transport = self.connect()
        lines = [f"GET {path} HTTP/1.1", LOCAL, *headers, "", ""]
        channel.dataReceived("\r\n".join(lines).encode())
        self.nodes.net.advance(0)
        return transport

    def end(self, transport: Any) -> int:
        """Give the status that has come on a connection."""
        self.nodes.net.advance(0.5)
        status = int(transport.value().split()[1])
        transport.loseConnection()
        return status

    def answer(self, is_right: bool) -> None:
        self.checks.pop(0)[2].callback(is_right)


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path / "passwords")


def test_who_says_nothing_of_himself_is_asked(guarded: Guarded) -> None:
    for header in ("X: y", "Authorization: Bearer x", "Authorization: Basic !"):
        for path in ("/", "/metrics", "/nowhere"):
            status, headers, body = guarded.ask(f"GET {path} HTTP/1.1", LOCAL, header)
            assert (status, body) == (401, b"expected a user and a password\n")
            assert headers["www-authenticate"] == 'basic realm="udpecho", charset="utf-8"'
    assert guarded.ask("GET / HTTP/1.1", "Host: evil.example", ALICE)[0] == 421
    assert guarded.ask("POST / HTTP/1.1", LOCAL, ALICE)[0] == 405
    for path in ("/-/healthy", "/-/ready"):
        assert guarded.ask(f"GET {path} HTTP/1.0")[::2] == (200, b"yes\n")
    assert guarded.checks == []
    guarded.stop()


def test_whatever_stands_for_a_password_is_refused(guarded: Guarded) -> None:
    asked = f"GET / HTTP/1.0\r\n{LOCAL}\r\nAuthorization: ".encode()

    @given(st.binary())
    def ask(value: bytes) -> None:
        for each in (value, b"\xff", b"Basic " + value, b"Basic \xff"):
            line = re.sub(rb"[\r\n]", b"", each)
            with nothing_logged():
                status = guarded.ask_in_bytes(asked + line + b"\r\n\r\n")[0]
            assert status in (400, 401)

    ask()
    guarded.stop()


def test_a_right_password_is_checked_once(guarded: Guarded) -> None:
    asking = guarded.begin(ALICE, path="/metrics")
    guarded.nodes.net.advance(1)
    assert asking.value() == b""
    assert guarded.checks[0][:2] == (b"secret", HASH.encode())
    guarded.answer(True)
    assert guarded.end(asking) == 200
    for _ in range(3):  # each time it is given it is remembered for as long again
        guarded.nodes.net.advance(REMEMBERED_SECONDS - 2)
        assert guarded.ask("GET / HTTP/1.1", LOCAL, ALICE)[0] == 200
    status, _, body = guarded.ask("HEAD /metrics HTTP/1.1", LOCAL, ALICE)
    assert (status, body) == (200, b"")
    assert guarded.checks == []
    guarded.nodes.net.advance(REMEMBERED_SECONDS + 1)
    asking = guarded.begin(ALICE)
    guarded.answer(True)
    assert guarded.end(asking) == 200
    guarded.stop()


@pytest.mark.parametrize("path", ["/", "/nowhere", "/watch.css"])
def test_what_is_answered_after_a_check_is_whole(guarded: Guarded, path: str) -> None:
    first = guarded.begin(ALICE, "Connection: close", path=path)
    guarded.answer(True)
    guarded.nodes.net.advance(1)
    second = guarded.begin(ALICE, "Connection: close", path=path)
    guarded.nodes.net.advance(1)

    def parts(transport: Any) -> tuple[bytes, bytes]:
        head, _, body = transport.value().partition(b"\r\n\r\n")
        return b"\r\n".join(line for line in head.splitlines() if b"Date:" not in line), body

    assert parts(first)[1] == parts(second)[1] != b""
    assert sorted(parts(first)[0].lower().splitlines()) == sorted(
        parts(second)[0].lower().splitlines()
    )
    assert not first.connected
    guarded.stop()


def test_a_wrong_password_and_an_unknown_user_are_refused_alike(guarded: Guarded) -> None:
    answers = []
    for header in (authorization("alice", "wrong"), authorization("mallory", "secret")):
        asking = guarded.begin(header)
        [(_, hashed, _)] = guarded.checks
        assert hashed in (HASH.encode(), OTHER.encode())
        guarded.answer("mallory" in header)
        guarded.nodes.net.advance(1)
        answers.append(asking.value())
    assert answers[0].startswith(b"HTTP/1.1 401 ")
    # An unknown user is no less refused if his password is that of the hash which he waited for.
    asking = guarded.begin(authorization("mallory", "secret"))
    guarded.answer(True)
    assert guarded.end(asking) == 401
    asking = guarded.begin(authorization("alice", "wrong"))
    assert len(guarded.checks) == 1  # nothing is remembered of what was wrong
    guarded.answer(False)
    assert guarded.end(asking) == 401
    guarded.stop()


def test_not_too_many_wait_and_who_leaves_is_not_waited_for(guarded: Guarded) -> None:
    asking = [guarded.begin(authorization("alice", f"{n}")) for n in range(MOST_WAITING)]
    status, headers, _ = guarded.ask("GET / HTTP/1.1", LOCAL, ALICE)
    assert (status, headers["retry-after"]) == (503, "2")
    asking[0].loseConnection()
    left = guarded.checks.pop(0)[2]
    assert left.called
    last = guarded.begin(ALICE)
    assert len(guarded.checks) == MOST_WAITING
    for _ in range(MOST_WAITING - 1):
        guarded.answer(False)
    assert {guarded.end(each) for each in asking[1:]} == {401}
    guarded.answer(True)
    assert guarded.end(last) == 200
    guarded.stop()


def test_another_file_is_heeded_at_once(guarded: Guarded) -> None:
    asking = guarded.begin(ALICE)
    guarded.answer(True)
    assert guarded.end(asking) == 200
    assert not guarded.gate.has_changed()
    late = guarded.begin(authorization("bob", "secret"))
    guarded.put(f"bob:{HASH}\nalice:{OTHER}\n# another")
    assert guarded.gate.has_changed()
    assert guarded.gate.put(guarded.listed)
    assert not guarded.gate.put(guarded.listed)
    assert not guarded.gate.has_changed()
    guarded.answer(True)  # by what was in force when he gave it: this once
    assert guarded.end(late) == 200
    for header in (ALICE, authorization("bob", "secret")):
        asking = guarded.begin(header)
        guarded.answer(False)
        assert guarded.end(asking) == 401
    guarded.gate.put(None)
    assert guarded.ask("GET / HTTP/1.1", LOCAL)[0] == 200
    guarded.stop()


def test_what_can_not_be_checked_is_told(guarded: Guarded) -> None:
    asking = guarded.begin(ALICE)
    guarded.checks.pop(0)[2].errback(CantCheck("no"))
    assert guarded.end(asking) == 503
    assert guarded.nodes.events[-1]["log_level"].name == "error"
    guarded.stop()


def test_what_is_remembered_is_bounded(guarded: Guarded) -> None:
    users = "".join(f"user{n}:{HASH}\n" for n in range(MOST_REMEMBERED + 1))
    guarded.put(users)
    guarded.gate.put(guarded.listed)
    for n in range(MOST_REMEMBERED + 1):
        asking = guarded.begin(authorization(f"user{n}", "x"))
        guarded.answer(True)
        assert guarded.end(asking) == 200
    asking = guarded.begin(authorization("user0", "x"))
    guarded.answer(True)
    assert guarded.end(asking) == 200
    assert guarded.ask("GET / HTTP/1.1", LOCAL, authorization("user256", "x"))[0] == 200
    guarded.stop()


def test_a_file_that_can_not_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(text: str | None) -> str:
        file = tmp_path / "passwords"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        web = WebSettings(password_file="passwords", where="watch.toml:7")
        with pytest.raises(BadConfig) as caught:
            read_password_file(web, tmp_path)
        return str(caught.value).replace(str(tmp_path), "…")

    assert read_password_file(WebSettings(), tmp_path) is None
    start = "watch.toml:7: [web] password_file: "
    assert why(None) == f"{start}can't read …/passwords: No such file or directory"
    assert why("x").startswith(f"{start}…/passwords: line 1: expected USER:HASH, with")
    monkeypatch.setattr(gate, "why_no_bcrypt", lambda: "bcrypt is missing")
    assert why(f"a:{HASH}").endswith("/passwords: bcrypt is missing")


def test_a_list_is_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(f"a:{HASH}")
    listed = read_password_file(WebSettings(password_file="p"), tmp_path)
    assert isinstance(listed, PasswordFile)
    assert list(listed.passwords.hashes) == ["a"]
