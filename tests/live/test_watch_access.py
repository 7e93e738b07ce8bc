"""Who may look at a node: TLS, users and passwords, for curl and for who scrapes."""

from __future__ import annotations

import gzip
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import bcrypt
import pytest

from tests.live.certificates import make_certificate
from tests.live.conftest import free_port
from tests.live.program import PATIENCE, Program, environment, python, run, twistd, udpecho
from tests.live.test_watch import until

CONFIG = """
[reflect]
listen = "udp:0:interface=127.0.0.1"
[web]
listen = "{listen}"
{more}
"""

SECRET = "sésame, ouvre-toi: {}".format("x" * 90)
"""Longer than bcrypt hears."""


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()


class Shown:
    """A node's process, and who asks it over TLS."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.certificate, key = make_certificate(folder)
        self.passwords = folder / "passwords"
        self.put(f"alice:{hashed(SECRET)}\n")
        self.file = folder / "watch.toml"
        listen = f"ssl:{self.port}:interface=127.0.0.1:privateKey={key}:certKey={self.certificate}"
        text = CONFIG.format(listen=listen, more='password_file = "passwords"')
        self.file.write_text(text)
        self.program = Program(twistd("udpecho", f"--watch={self.file}"), folder)
        self.context = ssl.create_default_context(cafile=str(self.certificate))

    def put(self, text: str) -> None:
        new = self.passwords.with_suffix(".new")
        new.write_text(text)
        new.replace(self.passwords)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=self.context, timeout=PATIENCE
        )

    def get(self, path: str, user: str = "", password: str = "") -> tuple[int, str]:
        connection = self.connect()
        headers = authorization(user, password) if user else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


def authorization(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    node = Shown(tmp_path)
    with node.program:
        node.program.wait_for("pages and metrics are at")
        until(lambda: node.get("/-/ready") == (200, "yes\n"))
        yield node


def test_a_user_and_a_password_over_tls(shown: Shown) -> None:
    assert shown.get("/metrics")[0] == 401
    assert shown.get("/metrics", "alice", "wrong")[0] == 401
    assert shown.get("/metrics", "mallory", SECRET)[0] == 401
    status, text = shown.get("/metrics", "alice", SECRET)
    assert (status, text[:6]) == (200, "# HELP")
    assert shown.get("/nowhere", "alice", SECRET)[0] == 404
    connection = shown.connect()  # as Prometheus scrapes
    for _ in range(3):
        accept = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
        connection.request("GET", "/metrics", headers=accept | authorization("alice", SECRET))
        answer = connection.getresponse()
        assert gzip.decompress(answer.read()).endswith(b"# EOF\n")
    connection.close()
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", shown.port)) as skt:
        ssl.create_default_context().wrap_socket(skt, server_hostname="127.0.0.1")
    shown.program.stop()
    log = shown.program.output + shown.program.errors
    assert "Traceback" not in log
    assert SECRET not in log


def test_tls_speaks_what_is_served_and_nothing_old(shown: Shown) -> None:
    shown.context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", shown.port)) as skt,
        shown.context.wrap_socket(skt, server_hostname="127.0.0.1") as tls,
    ):
        assert tls.selected_alpn_protocol() == "http/1.1"
        assert tls.version() in ("TLSv1.2", "TLSv1.3")
    until(lambda: shown.get("/-/healthy")[0] == 200)


def test_a_file_of_passwords_that_changes_is_heeded_and_one_that_is_none_is_not(
    shown: Shown,
) -> None:
    assert shown.get("/", "alice", SECRET)[0] == 200
    looking = shown.connect()
    looking.request("GET", "/events/", headers=authorization("alice", SECRET))
    stream = looking.getresponse()
    assert stream.status == 200
    shown.put(f"bob:{hashed('other')}\n")
    until(lambda: shown.get("/", "bob", "other")[0] == 200)
    assert shown.get("/", "alice", SECRET)[0] == 401
    with suppress(http.client.IncompleteRead):
        stream.read()  # to its end: she is told no more
    looking.close()
    shown.put("bob:other\n")
    shown.program.wait_for("the old configuration stays in force: .*passwords: line 1: expected U")
    assert shown.get("/", "bob", "other")[0] == 200
    shown.put(f"alice:{hashed(SECRET)}\n")
    shown.program.signal(signal.SIGHUP)
    until(lambda: shown.get("/", "alice", SECRET)[0] == 200)


def test_a_child_that_dies_is_replaced(shown: Shown) -> None:
    assert shown.get("/", "alice", "wrong")[0] == 401
    children = Path(f"/proc/{shown.program.process.pid}/task/{shown.program.process.pid}/children")
    if not children.exists():
        pytest.skip("this kernel does not list children (CONFIG_PROC_CHILDREN)")
    [child] = children.read_text().split()
    os.kill(int(child), signal.SIGKILL)
    until(lambda: shown.get("/", "alice", SECRET)[0] == 200)
    [other] = children.read_text().split()
    shown.program.stop()
    until(lambda: has_ended(Path("/proc", other, "stat")))


def has_ended(stat: Path) -> bool:
    """Tell by proc(5) whether a process has ended, be there anybody or not who waits for it."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(shown: Shown) -> None:
    url = f"https://127.0.0.1:{shown.port}/metrics"
    cacert = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--compressed", "--cacert"]

    def status(*more: str) -> str:
        done = subprocess.run(
            [*cacert, str(shown.certificate), *more, url], capture_output=True, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip
        return done.stdout

    assert status() == "401"
    assert status("-u", f"alice:{SECRET}") == "200"
    assert status("-u", "alice:wrong") == "401"
    assert status("-u", f"alice:{SECRET}", "-H", "Host: evil.example") == "421"


@pytest.mark.parametrize(
    ("listen", "more", "line"),
    [
        ("tcp:{port}", "", "5: [web] listen: expected interface=127.0.0.1, or beyond"),
        ("tcp:{port}:interface=0.0.0.0", "public = true", "5: [web] listen: expected interface="),
        ("tcp:{port}", "insecure = true", "5: [web]: expected password_file or public = true"),
        ("ssl:{port}:privateKey=k.pem", "", "5: [web]: expected password_file or public = tr"),
        (
            "ssl:{port}:privateKey=k.pem",
            "public = true",
            "4: [web] listen: 'ssl:{port}:privateKey=k.pem': can't read k.pem: No such file",
        ),
        (
            "tcp:{port}:interface=127.0.0.1",
            "password_file = 'none'",
            "4: [web] password_file: can't read {folder}/none: No such file or directory",
        ),
    ],
)  # fmt: skip
def test_what_would_tell_too_much_does_not_start(
    tmp_path: Path, listen: str, more: str, line: str
) -> None:
    port = free_port()
    file = tmp_path / "watch.toml"
    file.write_text(CONFIG.format(listen=listen.format(port=port), more=more))
    done = run(twistd("udpecho", f"--watch={file}"), tmp_path)
    assert done.returncode == 1
    expected = f"{file}:{line}".format(port=port, folder=tmp_path)
    assert done.stderr.splitlines()[-1].startswith(f"udpecho: {expected}")
    assert "Traceback" not in done.stderr + done.stdout
    checked = run(udpecho("watch", "--check", str(file)), tmp_path)
    assert checked.returncode == 2
    assert checked.stderr.startswith(f"udpecho: {expected}")
    assert checked.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("missing", "more", "listen"),
    [
        ("bcrypt", "password_file = 'passwords'", "tcp:8060:interface=127.0.0.1"),
        ("OpenSSL", "public = true", "ssl:8443:privateKey=k.pem"),
    ],
)
def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, missing: str, more: str, listen: str
) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(CONFIG.format(listen=listen, more=more))
    text = (
        f"import sys; sys.modules[{missing!r}] = None; from udpecho.commands import run_command; "
        f"run_command(['watch', '--check', {str(file)!r}])"
    )
    done = subprocess.run(
        python("-c", text), env=environment(), cwd=tmp_path, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{missing} is missing, which comes with: pip install 'udpecho[watch-access]'" in (
        done.stderr
    )
    assert done.stderr.count("\n") == 1
