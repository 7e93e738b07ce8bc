"""Who can reach what is served where: loopback alone, or what the file says in so many words."""

from __future__ import annotations

from inspect import signature

import pytest
from twisted.internet import endpoints
from twisted.internet.testing import MemoryReactor

from tests.examples import given, st
from udpecho.watch.configuring.access import KINDS, check_access, check_endpoint, is_local
from udpecho.watch.configuring.settings import WebSettings


def access(*listens: str, **said: object) -> None:
    listen = tuple(check_endpoint("listen", each) for each in listens)
    check_access(WebSettings(listen, **said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("listen", "local"),
    [
        ("tcp:80:interface=127.0.0.1", True), ("tcp:80:interface=127.9.8.7", True),
        ("tcp:port=80:interface=127.0.0.1", True), ("tcp:80:backlog=5:interface=127.0.0.1", True),
        (r"tcp:80:interface=\:\:1", True), ("tcp:80:interface=[::1]", True),
        ("tcp:interface=127.0.0.1:port=80", True), ("unix:address=/run/x", True),
        (r"ssl:443:interface=[0:0::1]:privateKey=a\:b", True), ("unix:/run/x.sock:mode=660", True),
        ("tcp:80", False), ("tcp:80:interface=0.0.0.0", False), ("tcp:80:interface=[::]", False),
        (r"tcp:80:interface=\:\:", False), ("tcp:80:interface=192.0.2.1", False),
        ("tcp:80:interface=[::ffff:192.0.2.1]", False),
        ("tcp:80:interface=[::ffff:127.0.0.1]", False), ("tcp:80:interface=[fe80::1]", False),
    ],
)  # fmt: skip
def test_who_can_reach_an_endpoint(listen: str, local: bool) -> None:
    assert is_local(check_endpoint("listen", listen)) is local


def test_an_address_in_brackets_is_written_as_twisted_reads_it() -> None:
    read = check_endpoint("listen", r"ssl:443:interface=[0:0::1]:privateKey=a\:b")
    assert read == r"ssl:443:interface=\:\:1:privateKey=a\:b"


@pytest.mark.parametrize(
    "listen",
    [
        "tcp", "tcp:", "udp:80", "80", "", "systemd:domain=INET:index=0", "fd:3",
        "tcp:80:127.0.0.1", "tcp:80:interface=127.0.0.1:interface=0.0.0.0",
        r"tcp:80:interface=127.0.0.1:inter\face=0.0.0.0", "tcp:80:interface=127.0.0.1\\",
        "tcp:80:interface=", "tcp:80:interface=localhost", "tcp:80:interface=fra-1.example",
        "tcp:80:interface=127.1", "tcp:80:interface=[127.0.0.1", "tcp6:80", "haproxy:tcp:80", 80,
        "tcp:interface=127.0.0.1", "tcp:interface=127.0.0.1:port=80:interface=0.0.0.0",
        r"ssl:443:interface=127.0.0.1:privateKey=a\\:interface=0.0.0.0",
        "unix:", "unix:mode=660", "unix:/run/a=b", "unix:/run/a:interface=127.0.0.1",
        "tcp:80:port=81:interface=127.0.0.1", "tcp:port=", "tcp:80:backlog=",
    ],
)  # fmt: skip
def test_an_endpoint_of_which_that_can_not_be_told_is_refused(listen: object) -> None:
    with pytest.raises(ValueError, match=r"^listen(?: \w+=?)?: expected ") as caught:
        print(check_endpoint("listen", listen))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("tcp:99999:interface=[::1]", " port=: expected a whole number from 0 to 65535, got '9"),
        ("tcp:-1", " port=: expected a whole number from 0 to 65535, got '-1'"),
        ("tcp:port=abc", " port=: expected a whole number from 0 to 65535, got 'abc'"),
        ("ssl:99999:privateKey=k", " port=: expected a whole number from 0 to 65535, got '99999'"),
        ("tcp:" + 4000 * "9", " port=: expected a whole number from 0 to 65535, got '999"),
        ("tcp:٣", r" port=: expected a whole number from 0 to 65535, got '\u0663'"),
        ("tcp:1:backlog=99999999999", " backlog=: expected a whole number from 0 to 2147483647"),
        ("unix:/x:mode=999", " mode=: expected three octal digits, as 660, got '999'"),
        ("unix:/x:lockfile=yes", " lockfile=: expected a whole number from 0 to 1, got 'yes'"),
        ("tcp:80:interfac=127.0.0.1", " tcp: expected one of port, interface, backlog, got"
         " 'interfac'; did you mean interface?"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_endpoint_is_said_before_any_listens(listen: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]{1,200}$") as caught:
        check_endpoint("listen", listen)
    assert str(caught.value).startswith(f"listen{said}")


@pytest.mark.parametrize("kind", KINDS)
def test_it_knows_what_twisted_s_own_parsers_do(kind: str) -> None:
    """There is no other way to know beforehand what they would refuse."""
    parser = getattr(endpoints, f"_parse{kind.upper()}")
    first, *others = list(signature(parser).parameters)[1:]
    assert KINDS[kind][0] == first
    assert {*KINDS[kind][1:]} == {*others}


_NAMES = st.sampled_from(sorted({name for names in KINDS.values() for name in names}))
_CONTENTS = st.sampled_from(["1", "127.0.0.1", "[::1]", "0.0.0.0", r"a\:b", "[a", "b]", ""])
_FIELDS = st.tuples(_NAMES, _CONTENTS).map("=".join) | _CONTENTS | st.text(r"a\:=[]1", max_size=6)


@given(st.sampled_from([*KINDS]), st.lists(_FIELDS, max_size=5))
def test_what_it_takes_twisted_takes_and_reads_alike(kind: str, fields: list[str]) -> None:
    try:
        read = check_endpoint("listen", ":".join([kind, *fields]))
    except ValueError:
        return
    assert check_endpoint("listen", read) == read
    _, named = endpoints._parse(read)
    if kind != "unix":
        host = named.get("interface", "0.0.0.0")
        assert is_local(read) is (host in ("127.0.0.1", "::1"))
    if kind != "ssl":  # which reads files
        endpoints.serverFromString(MemoryReactor(), read)


def test_what_is_told_beyond_loopback_is_asked_for() -> None:
    near, far, safe = "tcp:80:interface=127.0.0.1", "tcp:81", "ssl:443:privateKey=k"
    access(near)
    access(near, password_file="p")
    access(safe, public=True)
    access(near, safe, password_file="p")
    access(far, insecure=True, public=True)
    access(far, safe, insecure=True, password_file="p")
    for listens, said, expected in (
        (
            (far,),
            {},
            r"\[web\] listen: expected interface=127.0.0.1, or beyond loopback ssl:… or ins",
        ),
        ((near, safe, far), {"public": True}, "beyond loopback ssl:… or insecure"),
        ((far,), {"insecure": True}, r"\[web\]: expected password_file or public = true beyond"),
        ((safe,), {}, "expected password_file or public"),
        ((near, safe), {"insecure": True}, "expected password_file or public"),
        ((near,), {"public": True, "password_file": "p"}, "expected password_file or public = tr"),
    ):
        with pytest.raises(ValueError, match=expected):
            access(*listens, **said)
