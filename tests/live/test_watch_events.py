"""What a node tells as it happens: into a file, to standard output, to a server."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jsonschema import Draft202012Validator

from tests.live.certificates import make_certificate
from tests.live.conftest import free_port
from tests.live.program import run, twistd
from tests.live.watching import (
    Watching,
    events_of,
    hook_server,
    kinds_of,
    reflector,
    until,
)

SCHEMA = json.loads(
    resources.files("udpecho.watch.events").joinpath("events.schema.json").read_text()
)


def test_a_peer_killed_and_back_is_told_once_everywhere(tmp_path: Path) -> None:
    port = free_port()
    peer = f"127.0.0.1:{port}"
    events = tmp_path / "events"
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with hook_server() as server:
        more = (
            f"[events]\nwebhook = '{server.url}'\ncredentials_file = '{token.name}'\n"
            f"[[peers]]\nhosts = ['{peer}']\n"
        )
        with (
            reflector(tmp_path, port) as echo,
            Watching(tmp_path, more, options=[f"--events={events}"]) as node,
        ):
            until(lambda: node.is_probing(peer))
            echo.signal(signal.SIGKILL)
            echo.wait()
            until(lambda: kinds_of(events_of(events)) == ["peer_silent"])
            with reflector(tmp_path, port):
                until(lambda: kinds_of(events_of(events)) == ["peer_silent", "peer_back"])
                until(lambda: len(server.events()) == 2)
            values = node.values()
            log = node.log
    found = events_of(events)
    assert server.events()[: len(found)] == found[: len(server.events())]
    for each in found:
        Draft202012Validator(SCHEMA).validate(each)
        assert (each["node"], each["peer"]) == ("node", peer)
    assert {headers["Authorization"] for _, headers in server.asked} == {"Bearer s3cret"}
    assert {headers["Content-Type"] for _, headers in server.asked} == {"application/json"}
    assert log.count(f"{peer} is silent: nothing came from it for") == 1
    assert log.count(f"{peer} is back: it was silent for") == 1
    assert values['udpecho_events_total{kind="peer_silent"}'] == 1
    assert values['udpecho_events_sent_total{outlet="webhook"}'] == 2
    assert values['udpecho_events_failures_total{outlet="webhook"}'] == 0


def test_a_server_that_hangs_or_sends_elsewhere_gets_it_in_the_end(tmp_path: Path) -> None:
    dead = f"127.0.0.1:{free_port()}"
    failures = 'udpecho_events_failures_total{outlet="webhook"}'
    with hook_server() as server:
        server.hangs.set()
        more = f"[events]\nwebhook = '{server.url}'\n[[peers]]\nhosts = ['{dead}']\n"
        with Watching(tmp_path, more) as node:
            until(lambda: node.value(failures) == 1)
            server.hangs.clear()
            server.status = 302
            until(lambda: node.value(failures) >= 2)
            server.status = 200
            until(lambda: kinds_of(server.events())[:1] == ["peer_silent"])
            log = node.log
    assert {path for path, _ in server.asked} == {"/hook"}
    where = f"events can't be posted to 127.0.0.1:{server.server_address[1]}"
    assert log.count(f"{where}: no answer within 5 s") == 1
    assert log.count(f"{where}: it answers 302") <= 1


def test_standard_output_and_what_can_not_be_had(tmp_path: Path) -> None:
    dead = f"127.0.0.1:{free_port()}"
    with Watching(tmp_path, f"[[peers]]\nhosts = ['{dead}']\n", options=["--events"]) as node:
        node.program.wait_for(r'^\{"type":"peer_silent","schema":1,')
    ended = run(twistd("udpecho", f"--watch={node.file}", "--events=/nowhere/events"), tmp_path)
    assert ended.returncode == 1
    assert "can't open /nowhere/events: No such file or directory" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_over_tls_to_a_server_whose_certificate_is_known(tmp_path: Path) -> None:
    dead = f"127.0.0.1:{free_port()}"
    failures = 'udpecho_events_failures_total{outlet="webhook"}'
    certificate, key = make_certificate(tmp_path)
    with hook_server(certificate, key) as server:
        peers = f"[[peers]]\nhosts = ['{dead}']\n"
        with Watching(tmp_path, f"[events]\nwebhook = '{server.url}'\n{peers}") as node:
            until(lambda: node.value(failures) >= 1)
            assert "certificate verify failed" in node.log
            assert server.bodies == []
            ca = f"[events]\nwebhook = '{server.url}'\nca_file = '{certificate.name}'\n"
            node.put(ca + peers)
            until(lambda: kinds_of(server.events()) == ["peer_silent"])
            assert node.log.count("events can't be posted to") == 1


def test_standard_output_whose_reader_went_away(tmp_path: Path) -> None:
    """The log is there, too: the node goes on without both."""
    silent = 'udpecho_events_total{kind="peer_silent"}'
    failures = 'udpecho_events_failures_total{outlet="file"}'
    script = 'exec "$@" > >(head -n 1)'
    dead = f"[[peers]]\nhosts = ['127.0.0.1:{free_port()}']\n"

    def within(command: Sequence[str]) -> list[str]:
        return ["bash", "-c", script, "bash", *command]

    with Watching(tmp_path, dead, options=["--events"], within=within) as node:
        node.log_file = Path(os.devnull)
        until(lambda: node.value(silent) == 1)
        until(lambda: node.value(failures) >= 1)
        assert node.get("/-/healthy") == "yes\n"
