"""twistd's plugin: its options, the service it makes, and one line for each error."""

from __future__ import annotations

from errno import EMFILE, ENOSPC
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.python.systemd import ListenFDs

from udpecho import __version__
from udpecho.errors import PortUnavailable
from udpecho.guard.policy import Policy
from udpecho.server.addresses import LOOPBACK, InheritedSocket, UdpAddress, everywhere
from udpecho.server.service import EchoService
from udpecho.tap import Options, makeService
from udpecho.testing.host import MemoryHost
from udpecho.testing.network import MemoryNetwork

GOOD: list[tuple[str, str, list[object]]] = [
    ("loopback alone, unless told otherwise", "", [*LOOPBACK]),
    (
        "another port, of loopback",
        "--port=7",
        [UdpAddress(7, "127.0.0.1"), UdpAddress(7, "::1", optional=True)],
    ),
    ("another address", "--interface=192.0.2.1", [UdpAddress(1060, "192.0.2.1")]),
    ("both, in short", "-p 7 -i ::", [UdpAddress(7, "::")]),
    ("any port", "--port=0 --interface=::1", [UdpAddress(0, "::1")]),
    ("all of both families", "--listen=udp:7", [*everywhere(7)]),
    (
        "several, in order",
        "--listen=udp:7:interface=127.0.0.1 -l systemd:index=1",
        [UdpAddress(7, "127.0.0.1"), InheritedSocket(4)],
    ),
]

BAD: list[tuple[str, str, str]] = [
    ("a port", "--port=65536", "--port: expected a port from 0 to 65535, got '65536'"),
    (
        "an address",
        "--interface=localhost",
        "--interface: expected an IPv4 or IPv6 address, got 'localhost'",
    ),
    (
        "a listen",
        "--listen=udp:x",
        "--listen udp:PORT: expected a port from 0 to 65535, got 'x'",
    ),
    (
        "short and long",
        "--port=7 --listen=udp:7",
        "expected --listen, or --port and --interface, got both",
    ),
    (
        "long and short",
        "--listen=udp:7 --interface=::1",
        "expected --listen, or --port and --interface, got both",
    ),
    ("a slip", "--slip=256", "--slip: expected a whole number from 0 to 255, got '256'"),
    ("an argument", "7", "expected options only, got '7'"),
    ("an unknown option", "--prot=7", "option --prot not recognized"),
    ("an option without its value", "--port", "option --port requires argument"),
    (
        "paths told on a port that others share",
        "--tell-paths --listen=udp:7:reusePort=yes",
        "expected --tell-paths or --listen reusePort=yes, got both: a question may come to another"
        " process than the probe",
    ),
    (
        "a network on both lists",
        "--allow=192.0.2.0/24 --deny=192.0.2.0/24",
        "expected a network to be allowed or denied, got both for 192.0.2.0/24",
    ),
]


@pytest.fixture(autouse=True)
def inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sockets, as if from systemd."""
    fds = ListenFDs([3, 4], ("a", "b"))
    monkeypatch.setattr("udpecho.tap.inherited_sockets", lambda: fds)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> MemoryHost:
    """Put a host in memory in the reactor's place."""
    memory = MemoryNetwork().host("192.0.2.1")
    monkeypatch.setattr("twisted.internet.reactor", memory)
    return memory


def parsed(line: str) -> Options:
    options = Options()
    options.parseOptions(line.split())
    return options


@pytest.mark.parametrize(("reason", "line", "listens"), GOOD, ids=[row[0] for row in GOOD])
def test_listens(reason: str, line: str, listens: list[object]) -> None:
    assert parsed(line)["listens"] == listens, reason


@pytest.mark.parametrize(("reason", "line", "text"), BAD, ids=[row[0] for row in BAD])
def test_wrong(reason: str, line: str, text: str) -> None:
    """One line ends the program: what was expected, and what came."""
    with pytest.raises(SystemExit) as caught:
        parsed(line)
    assert caught.value.code == f"udpecho: {text}", reason


def test_policy() -> None:
    """Without options the policy is the library's own; each option changes what it names."""
    assert parsed("")["policy"] == Policy()
    line = "--rate=0 --burst=5 --slip=0 --keep-ttl --discard"
    ports = " --allow-source-port=53 --allow-source-port=123"
    assert parsed(line + ports)["policy"] == Policy(
        rate=0,
        burst=5,
        slip=0,
        keep_ttl=True,
        discard=True,
        allow_source_ports=frozenset({53, 123}),
    )


def test_options_do_not_share_what_they_read() -> None:
    """A second command line begins with nothing of the first."""
    parsed("--listen=udp:7 --exempt=192.0.2.0/24")
    assert parsed("")["listens"] == [*LOOPBACK]
    assert parsed("")["policy"] == Policy()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"udpecho {__version__}\n"


def test_help_names_every_option() -> None:
    """Each option is in one of the groups of --help, and is explained."""
    options = Options()
    text = options.getUsage(80)
    for name in (option.rstrip("=") for option in options.longOpt):
        assert f"--{name}" in text
    assert options.getUsage(80) == text


@pytest.mark.parametrize("line", ["", " --tell-paths"])
def test_paths_are_told_if_that_is_asked_for(line: str, host: MemoryHost) -> None:
    service = makeService(parsed("--listen=udp:7:interface=192.0.2.1" + line))
    assert isinstance(service, EchoService)
    service.startService()
    [server] = service._servers.values()
    assert (server.errorsReceived is not None) == bool(line)


def test_makes_a_service(host: MemoryHost) -> None:
    """The service serves where the options say."""
    service = makeService(parsed("--listen=udp:7:interface=192.0.2.1"))
    assert isinstance(service, EchoService)
    service.startService()
    assert service.addresses() == [("192.0.2.1", 7)]


@pytest.mark.parametrize(
    ("interface", "port", "line"),
    [
        ("192.0.2.1", 7, "udpecho: can't listen on 192.0.2.1:7: in use"),
        ("::1", 7, "udpecho: can't listen on [::1]:7: in use"),
        ("", 7, "udpecho: can't listen on *:7: in use"),
        ("inherited descriptor", 3, "udpecho: can't listen on inherited descriptor 3: in use"),
    ],
)
def test_an_address_that_cannot_be_had(
    host: MemoryHost, monkeypatch: pytest.MonkeyPatch, interface: str, port: int, line: str
) -> None:
    """One line ends the program, before it is a daemon."""

    def bind(self: Any) -> None:
        raise CannotListenError(interface, port, OSError(98, "in use"))

    monkeypatch.setattr(EchoService, "bind", bind)
    with pytest.raises(SystemExit) as caught:
        makeService(parsed(""))
    assert caught.value.code == line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            CannotListenError("::1", 7, OSError(ENOSPC, "No space left on device")),
            "udpecho: can't listen on [::1]:7: no room in an epoll for another socket"
            " (sysctl fs.epoll.max_user_watches)",
        ),
        (OSError(EMFILE, "Too many open files"), "udpecho: can't listen: Too many open files"),
        (PortUnavailable("not here"), "udpecho: not here"),
    ],
)
@pytest.mark.parametrize("start", ["privilegedStartService", "startService"])
def test_a_start_that_fails(
    host: MemoryHost, monkeypatch: pytest.MonkeyPatch, start: str, error: Exception, line: str
) -> None:
    """One line ends the program, with status 1; twistd, which wants an Exception, tidies up."""

    def fail(self: Any) -> None:
        raise error

    service = makeService(parsed(""))
    monkeypatch.setattr(EchoService, start, fail)
    with pytest.raises(SystemExit) as caught:
        getattr(service, start)()
    assert caught.value.code == line
    assert isinstance(caught.value, Exception)


def test_a_node_of_a_mesh_is_made_from_its_file(host: MemoryHost, tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text("[reflect]\nlisten = 'udp:7:interface=192.0.2.1'\n[web]\nlisten = []\n")
    service = makeService(parsed(f"--watch={file}"))
    service.privilegedStartService()
    service.startService()
    service.stopService()
    host.callLater(0, list)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--watch=FILE --rate=5", "expected --watch alone, got '--rate=5': it stands in [reflect]"),
        ("-p 7 --watch FILE", "expected --watch alone, got '-p': it stands in [reflect] of that"),
        ("--watch", "option --watch requires argument"),
    ],
)
def test_beside_a_node_s_file_there_is_no_option(line: str, text: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(line)
    assert str(caught.value.code).startswith(f"udpecho: {text}")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[probe]\nflows = 0", ":2: [probe] flows: expected a whole number from 1 to 256, got 0"),
        ("[reflect]\nlisten = 'x'", ":1: [reflect] listen: expected udp:PORT[:interface=ADDRESS]"),
        ("[web]\nlisten = 'tcp:x:interface=127.0.0.1'", ":2: [web] listen port=: expected a whole"),
        ("[web]\npassword_file = 'x'", ":1: [web] password_file: can't read "),
    ],
)
def test_a_node_s_file_that_can_not_be_is_one_line(
    host: MemoryHost, tmp_path: Path, content: str, text: str
) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(content)
    with pytest.raises(SystemExit) as caught:
        makeService(parsed(f"--watch={file}"))
    assert str(caught.value.code).startswith(f"udpecho: {file}{text}")
    assert "\n" not in str(caught.value.code)
    assert isinstance(caught.value, Exception)


def test_events_are_asked_for_beside_watch() -> None:
    for arguments, file in (
        (["--watch=a", "--events"], "-"),
        (["--events=b", "--watch=a"], "b"),
        (["--watch=a"], None),
    ):
        options = Options()
        options.parseOptions(arguments)
        assert options["events"] == file
    with pytest.raises(
        SystemExit, match=r"^udpecho: expected --events beside --watch, got it alon"
    ):
        Options().parseOptions(["--events"])
