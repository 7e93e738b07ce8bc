"""A node as a process runs it: what it shows, where it listens, and its file."""

from __future__ import annotations

from os import mkfifo
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger, formatEvent
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.watch.test_passwords import HASH
from tests.watch.test_sources import told_to
from udpecho.testing import MemoryNetwork
from udpecho.watch import BadConfig
from udpecho.watch.configuring.access import check_endpoint
from udpecho.watch.configuring.settings import WebSettings
from udpecho.watch.peers.files import LOOK_SECONDS
from udpecho.watch.serving import WebService, node_service

SITE: Any = Site(Resource())


def test_it_listens_at_all_its_endpoints_once() -> None:
    reactor: Any = MemoryReactorClock()
    listens = ("tcp:8060:interface=127.0.0.1", "unix:/run/udpecho.sock")
    told: list[Any] = []
    service = WebService(reactor, WebSettings(listens), SITE, told_to(told))
    service.privilegedStartService()
    service.startService()
    assert [formatEvent(event) for event in told] == [
        "pages and metrics are at http://0.0.0.0:8060/",  # as the reactor in memory has it
        "pages and metrics are at unix:/run/udpecho.sock",
    ]
    assert [(port, interface) for port, _, _, interface in reactor.tcpServers] == [
        (8060, "127.0.0.1")
    ]
    assert [server[0] for server in reactor.unixServers] == ["/run/udpecho.sock"]
    assert len(service.addresses()) == 2
    service.stopService()
    assert service.addresses() == []


@pytest.mark.parametrize(
    "listen",
    ["tcp:x", "tcp:8060:nonsense=1", "ssl:443:privateKey=/no/such/file", "tcp:80:80:80:80"],
)
def test_an_endpoint_that_is_none_is_one_line(listen: str) -> None:
    reactor: Any = MemoryReactorClock()
    with pytest.raises(BadConfig, match=r"^watch.toml:3: \[web\] listen: ") as caught:
        WebService(reactor, WebSettings((listen,), where="watch.toml:3"), SITE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["privateKey", "certKey", "extraCertChain", "dhParameters"])
def test_a_file_of_a_key_s_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    key, pipe = tmp_path / "key:=.pem", tmp_path / "pipe"
    key.write_text("what is none")
    mkfifo(pipe)
    for file, said in (
        (tmp_path / "none", f"can't read {tmp_path}/none: No such file or directory"),
        (tmp_path, f"{tmp_path}: expected a file, got what is none"),
        (pipe, f"{pipe}: expected a file, got what is none"),
    ):
        written = str(key).replace(":", "\\:").replace("=", "\\=")
        fields = {"privateKey": written, name: str(file)}
        endpoint = ":".join(["ssl:443", *map("=".join, fields.items())])
        web = WebSettings((check_endpoint("listen", endpoint),), where="watch.toml:3")
        with pytest.raises(BadConfig) as caught:
            WebService(MemoryReactorClock(), web, SITE)
        assert str(caught.value).startswith("watch.toml:3: [web] listen: ")
        assert str(caught.value).endswith(said)


def test_one_that_can_not_be_had_is_told_to_who_starts_it() -> None:
    reactor: Any = MemoryReactorClock()

    def taken(*_: Any, **__: Any) -> Any:
        raise CannotListenError("127.0.0.1", 8060, OSError(98, "in use"))

    reactor.listenTCP = taken
    service = WebService(reactor, WebSettings(), SITE)
    with pytest.raises(CannotListenError):
        service.startService()


def test_a_file_that_changes_is_put_in_force_and_one_that_can_not_be_is_not(
    tmp_path: Path,
) -> None:
    net = MemoryNetwork()
    host = net.host("192.0.2.1")
    file = tmp_path / "watch.toml"
    reflect = "[reflect]\nlisten = 'udp:7:interface=192.0.2.1'\n[web]\nlisten = []\n"

    def put(text: str) -> None:
        file.with_suffix(".new").write_text(reflect + text)
        file.with_suffix(".new").replace(file)
        net.advance(LOOK_SECONDS)

    put("")
    service = MultiService()
    node, reading = node_service(service, host, file, "host", None, Logger())
    service.privilegedStartService()
    service.startService()
    assert node.is_ready()
    put("[[peers]]\nhosts = ['198.51.100.1', '198.51.100.2']")
    assert sorted(node.roll) == ["198.51.100.1", "198.51.100.2"]
    put("[node]\nname = 'other'")
    assert node.config.node.name == "host"
    assert (node.reloads.taken, node.reloads.refused, node.reloads.is_good) == (1, 1, False)
    assert sorted(node.roll) == ["198.51.100.1", "198.51.100.2"]
    reading.read_again()
    assert node.reloads.refused == 2
    file.write_text(reflect + "[node]\nname = 'a third'")
    reading.read_again()  # as at a SIGHUP, before the file is looked at
    net.advance(2 * LOOK_SECONDS)
    assert node.reloads.refused == 3, "it is told once"
    service.stopService()
    net.advance(10)
    assert not host.getDelayedCalls()


def test_a_file_that_was_refused_is_tried_again_when_its_passwords_are_there(
    tmp_path: Path,
) -> None:
    net = MemoryNetwork()
    host = net.host("192.0.2.1")
    file, passwords = tmp_path / "watch.toml", tmp_path / "passwords"
    text = "[reflect]\nlisten = 'udp:7:interface=192.0.2.1'\n[web]\nlisten = []\n"
    file.write_text(text)
    service = MultiService()
    node, _ = node_service(service, host, file, "host", None, Logger())
    service.startService()

    def look() -> tuple[int, int]:
        net.advance(2 * LOOK_SECONDS)
        return node.reloads.taken, node.reloads.refused

    file.write_text(f"{text}password_file = 'passwords'\n")
    assert [look(), look()] == [(0, 1), (0, 1)]
    passwords.write_text("nonsense\n")
    assert [look(), look()] == [(0, 2), (0, 2)]
    passwords.write_text(f"alice:{HASH}\n")
    assert [look(), look()] == [(1, 2), (1, 2)]
    passwords.write_text(f"bob:{HASH}\n")
    assert [look(), look()] == [(2, 2), (2, 2)]
    passwords.unlink()
    assert [look(), look()] == [(2, 3), (2, 3)]
    file.write_text(text)
    assert [look(), look()] == [(3, 3), (3, 3)]
    service.stopService()
    net.advance(5)
