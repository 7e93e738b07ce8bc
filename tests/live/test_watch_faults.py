"""What breaks about a node that runs: it goes on, loses what could not be had, and says it once."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.live.conftest import free_port, needs_root
from tests.live.netns import _join as join
from tests.live.netns import address, why_not
from tests.live.program import python, twistd
from tests.live.test_watch_kubernetes import SHORT, Cluster
from tests.live.watching import (
    PATIENCE,
    Watching,
    events_of,
    kinds_of,
    reflector,
    series_of_peers,
    until,
)

RELOADS = 'udpecho_config_reloads_total{result="%s"}'


def of_peer(values: dict[str, float], peer: str) -> dict[str, float]:
    """Give what became of the probes to a peer, without what there was none of."""
    fates = ("replied", "late", "lost", "refused", "corrupt")
    found = {
        fate: values[f'udpecho_probes_total{{peer="{peer}",outcome="{fate}"}}'] for fate in fates
    }
    return {fate: times for fate, times in found.items() if times}


def hosts(*peers: str) -> str:
    """Write peers as a node's file has them."""
    return f"[[peers]]\nhosts = {list(peers)}\n"


def test_a_hundred_reloads_and_nonsense_between_them(tmp_path: Path) -> None:
    """Peers that stay lose no probe, and no counter goes back."""
    port, dead = free_port(), f"127.0.0.1:{free_port()}"
    peer = f"127.0.0.1:{port}"
    events = tmp_path / "events"
    with (
        reflector(tmp_path, port),
        Watching(tmp_path, hosts(peer), options=[f"--events={events}"]) as node,
    ):
        until(lambda: node.is_probing(peer))
        before = node.values()
        for number in range(100):
            node.put(hosts(peer, dead) if number % 2 else hosts(peer))
            taken = before[RELOADS % "taken"]
            node.hang_up()
            until(lambda taken=taken: node.value(RELOADS % "taken") > taken)  # type: ignore[misc]
            after = node.values()
            counted = series_of_peers(before)
            back = [each for each in counted if peer in each and after[each] < counted[each]]
            assert back == []
            before = after
        node.put("[probe]\ninterval = 'fast'\n")
        until(lambda: node.value(RELOADS % "refused") >= 1)
        assert node.value("udpecho_config_last_reload_successful") == 0
        node.put(hosts(peer))
        until(lambda: node.value("udpecho_config_last_reload_successful") == 1)
        replied = of_peer(node.values(), peer)["replied"]
        until(lambda: of_peer(node.values(), peer)["replied"] > replied + 48)
        assert list(of_peer(node.values(), peer)) == ["replied"]
        told = [each for each in events_of(events) if each.get("peer") != dead]
        assert kinds_of(told) == ["reload_refused"]


def test_who_scrapes_and_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """More of them than pages are made at once: each is hung up on after half a minute."""
    port = free_port()
    peer = f"127.0.0.1:{port}"
    dead = [f"127.0.0.2:{number}" for number in range(2000, 2090)]
    with (
        reflector(tmp_path, port),
        Watching(tmp_path, hosts(peer, *dead)) as node,
        ExitStack() as stack,
    ):
        until(lambda: node.is_probing(peer))
        before = sockets_of(node)
        hanging = [stack.enter_context(socket.socket()) for _ in range(12)]
        for each in hanging:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            each.connect(("127.0.0.1", node.web))
            # More than the kernel takes for who doesn't read, a page after the other.
            each.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 40)
        until(lambda: sockets_of(node) >= before + len(hanging) - 1)
        assert node.get("/-/ready") == "yes\n"
        until(lambda: node.is_probing(peer, 100))
        until(lambda: list(of_peer(node.values(), peer)) == ["replied"])
        until(lambda: sockets_of(node) <= before + 3, 2 * PATIENCE)


def sockets_of(node: Watching) -> int:
    """Count the sockets that a node has open."""
    found = 0
    for each in Path(f"/proc/{node.program.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(each.readlink()).startswith("socket:")
    return found


def test_a_wall_clock_that_is_an_hour_off_and_set_as_it_runs(tmp_path: Path) -> None:
    port = free_port()
    peer = f"127.0.0.1:{port}"
    off, events = tmp_path / "off", tmp_path / "events"
    off.write_text("3600")
    command = python("-m", "tests.live.wrong_clock", str(off))
    with (
        reflector(tmp_path, port) as echo,
        Watching(tmp_path, hosts(peer), command=command, options=[f"--events={events}"]) as node,
    ):
        for seconds in ("3600", "-3600", "0", "86400"):
            off.write_text(seconds)
            replied = node_replied(node, peer)
            until(lambda replied=replied: node_replied(node, peer) > replied + 32)  # type: ignore[misc]
        values = node.values()
        assert list(of_peer(values, peer)) == ["replied"]
        rtt = f'udpecho_probe_rtt_seconds_%s{{peer="{peer}"}}'
        assert 0 < values[rtt % "sum"] / values[rtt % "count"] < 0.5
        assert (
            0 <= values["udpecho_lateness_seconds_sum"] < values["udpecho_lateness_seconds_count"]
        )
        assert events_of(events) == []
        echo.signal(signal.SIGKILL)
        until(lambda: kinds_of(events_of(events)) == ["peer_silent"])
        day = time.strftime("%Y-%m-%dT", time.gmtime(time.time() + 86400))
        assert events_of(events)[0]["at"].startswith(day)
        assert events_of(events)[0]["silent_seconds"] < 60


def node_replied(node: Watching, peer: str) -> float:
    """Tell how many probes to a peer were answered; 0 as long as it is not asked."""
    with suppress(OSError):
        return node.values().get(f'udpecho_probes_total{{peer="{peer}",outcome="replied"}}', 0.0)
    return 0.0


@needs_root
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Of events and of the log: both go on when there is room, and nothing else minds."""
    port = free_port()
    peer = f"127.0.0.1:{port}"
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"'
    mounting = ["unshare", "-m", "sh", "-c", script, "sh"]
    options = [f"--events={disk}/events"]
    with ExitStack() as stack:
        echo = stack.enter_context(reflector(tmp_path, port))
        node = Watching(
            tmp_path,
            hosts(peer),
            options=options,
            command=twistd(f"--logfile={disk}/log"),
            within=lambda command: [*mounting, str(disk), *command],
        )
        seen = Path(f"/proc/{node.program.process.pid}/root{disk}")
        node.log_file = seen / "log"
        stack.enter_context(node)
        until(lambda: node.is_probing(peer))
        with suppress(OSError), (seen / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(512))
        echo.signal(signal.SIGKILL)
        until(lambda: node.value('udpecho_events_failures_total{outlet="file"}') >= 1)
        node.put(hosts(peer, "127.0.0.1:9"))
        until(lambda: node.value(RELOADS % "taken") == 1)
        assert node.value('udpecho_events_waiting{outlet="file"}') >= 1
        (seen / "filler").unlink()
        until(lambda: "peer_silent" in kinds_of(events_of(seen / "events")))
        node.put(hosts(peer))
        until(lambda: node.value(RELOADS % "taken") == 2)
        until(lambda: "configuration has been read again" in (seen / "log").read_text())


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_an_interface_that_is_gone_and_back(tmp_path: Path) -> None:
    """With it go peers and DNS: each is said once."""
    with ExitStack() as stack:
        cluster = Cluster(tmp_path, stack)
        one, _ = cluster.pod(1)
        cluster.says([one])
        node = cluster.watch(SHORT)
        peer = f"{one}:1060"
        until(lambda: node.is_probing(peer))
        cluster.here.ip("link", "delete", cluster.here.interface)
        until(lambda: kinds_of(events_of(node.events)) == ["peer_silent"])
        until(lambda: node.failures() >= 2)
        join(cluster.beyond, cluster.here)
        for each in (cluster.beyond, cluster.here):
            each.ip("link", "set", each.interface, "up")
            address(each)
        cluster.beyond.ip("address", "add", f"{one}/24", "dev", cluster.beyond.interface)
        until(lambda: kinds_of(events_of(node.events)) == ["peer_silent", "peer_back"])
        until(node.is_up)
        fates = of_peer(node.values(), peer)
        assert {"replied", "refused"} <= set(fates) <= {"replied", "refused", "lost"}
        said = node.log.splitlines()
        about = [line for line in said if "peers: DNS" in line]
        assert len(about) == len({line.partition("peers: ")[2] for line in about})
        assert len(said) < 40, "\n".join(said)
