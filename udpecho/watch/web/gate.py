"""Who may look: by a user's name and password where there is a file of them, else whoever asks.

A password that was right is not hashed again for ten minutes after it was last given, and until the
file says something else: Prometheus gives its own with each scrape.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from os import urandom
from pathlib import Path
from typing import NamedTuple, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from udpecho.watch.configuring.settings import WebSettings
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.peers.files import ChangingFile, read_text, why_unread
from udpecho.watch.web.answers import Route, header_of, said
from udpecho.watch.web.hashing import CantCheck, why_no_bcrypt
from udpecho.watch.web.passwords import Credentials, Passwords, read_authorization, read_passwords

MOST_WAITING = 8
"""Passwords that are checked or wait for it: at a tenth of a second and more each."""

REMEMBERED_SECONDS = 600.0
MOST_REMEMBERED = 256

Check: TypeAlias = Callable[[bytes, bytes], Deferred[bool]]
"""Tells whether a password is that of a hash; may be cancelled."""


class PasswordFile(NamedTuple):
    """A file, and what it has."""

    file: ChangingFile
    passwords: Passwords


def read_password_file(web: WebSettings, base: Path) -> PasswordFile | None:
    """Read the file of passwords, if one is named; a path is within base. Raises BadConfig."""
    if web.password_file is None:
        return None
    path = base / web.password_file
    file = ChangingFile(path)
    file.has_changed()
    try:
        if (missing := why_no_bcrypt()) is not None:
            raise ValueError(missing)
        return PasswordFile(file, read_passwords(read_text(path)))
    except (OSError, ValueError) as error:
        why = why_unread(path, error)
        raise BadConfig(f"{web.where}: [web] password_file: {why}") from None


class Gate:
    """Lets those through who may look."""

    def __init__(
        self,
        listed: PasswordFile | None,
        check: Check,
        seconds: Callable[[], float],
        log: Logger,
    ) -> None:
        """Let those through who are listed, all if there is no list.

        seconds is a clock that never jumps.
        """
        self._listed = listed
        self._file = None if listed is None else listed.file
        self._check = check
        self._seconds = seconds
        self._log = log
        self._key = urandom(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._waiting = 0

    def put(self, listed: PasswordFile | None) -> bool:
        """Let those through who are listed now; tell whether that is others than before."""
        before, self._listed = self._passwords, listed
        self._file = None if listed is None else listed.file
        if before == self._passwords:
            return False
        self._right.clear()
        return True

    def read(self, web: WebSettings, base: Path) -> PasswordFile | None:
        """Read the file that is to be in force, and look at it from now on, be it there or not.

        Raises BadConfig, as read_password_file.
        """
        if web.password_file is not None:
            self._file = ChangingFile(base / web.password_file)
            self._file.has_changed()
        return read_password_file(web, base)

    def has_changed(self) -> bool:
        """Tell whether the file of passwords is another than when this was last asked."""
        return self._file is not None and self._file.has_changed()

    @property
    def _passwords(self) -> Passwords | None:
        return None if self._listed is None else self._listed.passwords

    def let_through(self, request: Request, route: Route) -> bytes | int:
        """Answer who may look, by a route; others are told that they may not."""
        passwords = self._passwords
        if passwords is None:
            return route(request)
        given = read_authorization(header_of(request, b"authorization"))
        if given is None:
            return _refuse(request)
        mark = self._mark(given)
        if self._is_remembered(mark):
            return route(request)
        if self._waiting >= MOST_WAITING:
            request.setHeader("Retry-After", "2")
            return said(request, 503, "too many passwords are checked at once")
        self._waiting += 1
        hashed = passwords.hash_for(given.user, self._key)
        checked = self._check(given.password, hashed).addBoth(self._checked)
        checked.addCallback(self._judge, given, mark, passwords)
        request.notifyFinish().addErrback(lambda _: checked.cancel())
        checked.addCallback(lambda may: route(request) if may else _refuse(request))
        checked.addErrback(_cant, request, self._log)
        checked.addCallback(_finish, request)
        return NOT_DONE_YET

    def _checked(self, result: bool | Failure) -> bool | Failure:
        self._waiting -= 1
        return result

    def _judge(self, is_right: bool, given: Credentials, mark: bytes, by: Passwords) -> bool:
        """Tell whether who gave a password may look, by what was in force when he did."""
        may = is_right and given.user in by.hashes
        if may and by == self._passwords:
            self._remember(mark)
        return may

    def _mark(self, given: Credentials) -> bytes:
        """Know credentials again without keeping them."""
        user = given.user.encode()
        size = len(user).to_bytes(8, "big")
        return blake2b(size + user + given.password, key=self._key).digest()

    def _is_remembered(self, mark: bytes) -> bool:
        until = self._right.get(mark, 0.0)
        if until <= self._seconds():
            self._right.pop(mark, None)
            return False
        self._remember(mark)
        return True

    def _remember(self, mark: bytes) -> None:
        self._right[mark] = self._seconds() + REMEMBERED_SECONDS
        self._right.move_to_end(mark)
        if len(self._right) > MOST_REMEMBERED:
            self._right.popitem(last=False)


def _refuse(request: Request) -> bytes:
    request.setHeader("WWW-Authenticate", 'Basic realm="udpecho", charset="UTF-8"')
    return said(request, 401, "expected a user and a password")


def _cant(failure: Failure, request: Request, log: Logger) -> bytes | int:
    if failure.check(CancelledError):  # who asked has gone
        return NOT_DONE_YET
    if not failure.check(CantCheck):
        log.failure("a page could not be made", failure)
        return said(request, 500, "it is in the log why")
    log.error("[web] password_file: no password can be checked now")
    return said(request, 503, "no password can be checked now")


def _finish(body: bytes | int, request: Request) -> None:
    """Send what a route has given later than usual."""
    if isinstance(body, bytes):
        request.setHeader("Content-Length", str(len(body)))
        request.write(body)
        request.finish()
