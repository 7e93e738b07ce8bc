"""Who can reach what is served where: loopback alone, or what the file says in so many words."""

from __future__ import annotations

import pytest

from udpecho.watch.configuring.access import check_access, check_endpoint, is_local
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
    ],
)  # fmt: skip
def test_an_endpoint_of_which_that_can_not_be_told_is_refused(listen: object) -> None:
    with pytest.raises(ValueError, match=r"^listen(?: interface=)?: expected ") as caught:
        print(check_endpoint("listen", listen))
    assert "\n" not in str(caught.value)


def test_what_is_told_beyond_loopback_is_asked_for() -> None:
    near, far, safe = "tcp:80:interface=127.0.0.1", "tcp:81", "ssl:443:privateKey=k"
    access(near)
    access(near, password_file="p")
    access(safe, public=True)
    access(near, safe, password_file="p")
    access(far, insecure=True, public=True)
    access(far, safe, insecure=True, password_file="p")
    for listens, said, expected in (
        ((far,), {}, r"\[web\] listen: expected ssl:… or insecure = true beyond loopback, got"),
        ((near, safe, far), {"public": True}, "expected ssl:… or insecure"),
        ((far,), {"insecure": True}, r"\[web\]: expected password_file or public = true beyond"),
        ((safe,), {}, "expected password_file or public"),
        ((near, safe), {"insecure": True}, "expected password_file or public"),
        ((near,), {"public": True, "password_file": "p"}, "expected password_file or public = tr"),
    ):
        with pytest.raises(ValueError, match=expected):
            access(*listens, **said)
