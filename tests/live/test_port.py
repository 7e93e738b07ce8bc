"""The faults of Twisted's UDP port, each shown on it and survived by ours; and what ours adds.

Each test plays a scenario (see scenarios.py) in a process and a network namespace of its own.
That the stock port fails is part of the claim: where it does, its test must fail.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from errno import ECONNREFUSED, EINVAL, EPERM, errorcode
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import needs_our_port
from tests.live.deadline import in_time
from tests.live.program import environment, python

ROOT = Path(__file__).parents[2]
REACTORS = ("epoll", "poll", "select", "asyncio")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root on Linux, for raw sockets and network namespaces",
)

Outcome = dict[str, Any]

ENDS = 5.0
"""Seconds from SIGTERM to the end of a process: 0.4 were seen on a busy machine."""

LATE = 0.25
"""Seconds that a timer may be late under a flood: 0.02 were seen on a busy machine, and 1, the
length of the flood, of a port that reads on until there is nothing more."""


def play(scenario: str, port: str = "ours", reactor: str = "epoll", *before: str) -> Outcome:
    """Play a scenario and return its outcome, and how long its process took to end after it."""
    command = ["unshare", "--net", "--", *before, *python("-m", "tests.live.scenarios")]
    with subprocess.Popen(
        [*command, scenario, port, reactor],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            printed = time.monotonic()
            _, errors = process.communicate(timeout=20)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert line, f"no outcome: {errors}"
    outcome: Outcome = json.loads(line)
    assert "error" not in outcome, f"{outcome}\n{errors}"
    return outcome | {"ended_after": time.monotonic() - printed}


def both(fault: str, *, mended_by_the_socket: bool = False) -> pytest.MarkDecorator:
    """Try ours, and the stock port, which has this fault, if not over a socket that we open."""
    ours = pytest.param("ours", marks=() if mended_by_the_socket else needs_our_port(fault))
    stock = pytest.param("stock", marks=pytest.mark.xfail(strict=True, reason=fault))
    return pytest.mark.parametrize("port", [ours, stock])


@both("fault 1: doRead loops for ever over an empty datagram from the port itself")
def test_one_packet_does_not_hang_it(port: str) -> None:
    outcome = play("self_source", port)
    assert outcome.get("alive"), outcome
    in_time(outcome["ended_after"], ENDS)


@both("fault 2: doRead reads on until there is nothing more to read")
def test_a_flood_of_empty_datagrams_does_not_hold_up_a_timer(port: str) -> None:
    worst_ms = play("flood", port)["worst_ms"]
    in_time(worst_ms / 1000, LATE)


@needs_our_port("it tells an unconnected socket of no refusal")
def test_icmp_without_end_holds_up_no_timer_and_fails_no_request() -> None:
    """What anyone can send costs a bounded part of each turn, and no reply its place."""
    outcome = play("icmp")
    in_time(outcome["worst_ms"] / 1000, LATE)
    assert outcome["refused"] > 1000
    assert outcome["replied"] > 100
    assert "failed" not in outcome


ICMP = {
    "refused": "fault 3: a refusal closes the port",
    "forged_port_unreachable": "fault 3: so does a forged one",
    "forged_host_prohibited": "fault 3: ICMP 3/10 closes the port",
    "forged_prohibited": "fault 3: ICMP 3/13 closes the port",
}


@needs_our_port("fault 3: ICMP closes the port")
@pytest.mark.parametrize("reactor", REACTORS)
@pytest.mark.parametrize("message", ICMP)
def test_icmp_is_told_once_and_closes_nothing(message: str, reactor: str) -> None:
    outcome = play(message, "ours", reactor)
    assert (outcome["stopped"], outcome["refused"], outcome["heard"]) == (False, 1, 1)


SURVIVED_BY_STOCK = {
    (message, reactor)
    for message in ("refused", "forged_port_unreachable")
    for reactor in ("select", "asyncio")
}


@pytest.mark.parametrize("reactor", REACTORS)
@pytest.mark.parametrize("message", ICMP)
def test_icmp_closes_the_stock_port(message: str, reactor: str) -> None:
    """All but port unreachable on two reactors, which is why it went unseen for long."""
    outcome = play(message, "stock", reactor)
    assert outcome["stopped"] is ((message, reactor) not in SURVIVED_BY_STOCK), ICMP[message]


@needs_our_port("fault 4: every second datagram is never sent")
@pytest.mark.parametrize("reactor", REACTORS)
def test_each_of_ten_writes_to_a_dead_peer_is_sent_and_refused_outside_of_write(
    reactor: str,
) -> None:
    outcome = play("ten_to_a_dead_peer", "ours", reactor)
    told = outcome["sent"], outcome["refused"], outcome["refused_in_write"], outcome["stopped"]
    assert told == (10, 10, 0, False)


@pytest.mark.xfail(strict=True, reason="fault 4: every second datagram is never sent")
def test_the_stock_port_sends_every_second_one() -> None:
    assert play("ten_to_a_dead_peer", "stock")["sent"] == 10


@both("fault 5: a traceback for each datagram")
@pytest.mark.parametrize(
    ("scenario", "errno"),
    [("source_port_0", EINVAL), ("firewalled", EPERM)],
    ids=["an answer to port 0", "an answer that a firewall stops"],
)
def test_send_errors_are_counted_and_not_logged(scenario: str, errno: int, port: str) -> None:
    if scenario == "firewalled" and shutil.which("nft") is None:
        pytest.skip("needs nft")
    outcome = play(scenario, port)
    assert outcome["alive"]
    assert outcome["logged"] == 0
    assert outcome["not_sent"] == {errorcode[errno]: 50}


@both("fault 5: write() raises")
def test_a_write_to_where_no_route_leads_is_counted(port: str) -> None:
    outcome = play("no_route", port)
    assert (outcome["raised"], outcome["not_sent"]) == (0, {"ENETUNREACH": 20})


@needs_our_port("fault 5: a full queue is tried once")
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(
    ("which", "answered", "not_sent"),
    [
        # The first call of all asks whether the kernel has it.
        pytest.param("when=2", True, {}, id="once: it is tried again"),
        pytest.param("when=2..3", False, {"ENOBUFS": 1}, id="twice: it is dropped"),
    ],
)
def test_a_full_queue_is_tried_once_more(
    which: str, answered: bool, not_sent: dict[str, int]
) -> None:
    inject = ("-f", "-qq", "-e", "trace=sendmmsg", "-e", f"inject=sendmmsg:error=ENOBUFS:{which}")
    outcome = play("one_request", "ours", "epoll", "strace", *inject)
    assert (outcome["answered"], outcome["not_sent"]) == (answered, not_sent)


@needs_our_port("it looks away from nothing")
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("number", range(6, 20))
def test_an_epoll_that_has_no_room_once_costs_nothing(number: int) -> None:
    """Whichever call it is: all bursts are answered, and it stops as ever.

    The first five are the reactor's own, and those of listening, which raises for them.
    """
    inject = f"inject=epoll_ctl:error=ENOSPC:when={number}..{number}"
    strace = ("strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=epoll_ctl", "-e", inject)
    outcome = play("bursts", "ours", "epoll", *strace)
    assert (outcome["heard"], outcome["failures"], outcome["connected"]) == (194, [], False)


@both("fault 6: truncation is silent")
def test_nothing_is_delivered_cut(port: str) -> None:
    outcome = play("too_long", port)
    assert outcome["heard"] == [8192, 3]
    assert outcome["dropped"] == 2


@both("fault 7: a wildcard socket answers from the address that the route prefers")
def test_the_address_that_was_asked_answers(port: str) -> None:
    outcome = play("asked_address", port)
    assert (outcome["ipv4"], outcome["ipv6"], outcome["ipv6_other"]) == (True, True, True)


@both("fault 7: likewise towards another host")
def test_it_answers_another_host_also_later_and_through_the_right_scope(port: str) -> None:
    outcome = play("later_and_from_elsewhere", port)
    hosts = ("198.51.100.2", "fd01::1", "fd01::2", "fe80::1%there")
    assert [outcome[host] for host in hosts] == [True] * 4


@both("fault 8: a protocol can't know that it was asked by broadcast")
def test_a_protocol_can_tell_a_broadcast(port: str) -> None:
    outcome = play("broadcast", port)
    assert outcome["alive"]
    assert not outcome["answered"]


@both(
    "fault 9: a dual-stack socket reflects from the IPv6 wire into IPv4's loopback",
    mended_by_the_socket=True,
)
def test_nothing_is_reflected_into_another_family(port: str) -> None:
    outcome = play("mapped_source", port)
    assert (outcome["reflected"], outcome["answers_ipv4"]) == (False, False)


@both("fault 10: what was queued before connect() is delivered after it")
def test_a_connected_port_hears_its_peer_alone(port: str) -> None:
    outcome = play("queued_before_connect", port)
    assert (outcome["strangers"], outcome["peer"]) == (0, 1)


@both("fault 11: a failed connect() poisons the port, a second one raises RuntimeError")
def test_it_can_be_connected_again(port: str) -> None:
    outcome = play("connect_again", port)
    assert outcome["failed"] == "OSError"
    assert [outcome[name] for name in ("first", "one", "two", "same_port")] == [True] * 4
    assert outcome["heard"] == ["second"], "the first peer is a stranger now"


@needs_our_port("fault 11: it can be connected once")
def test_a_second_peer_is_reached_by_the_route_to_it() -> None:
    outcome = play("connect_by_another_route")
    assert outcome["hosts"] == ["127.0.0.1", "198.51.100.1", "127.0.0.1"]
    assert outcome["same_port"]


@needs_our_port("fault 11: misuse has no names")
def test_misuse_has_names() -> None:
    """Fault 11: OverflowError, gaierror, AttributeError and assertions, on the stock port."""
    outcome = play("misuse")
    del outcome["ended_after"]
    assert outcome == {
        "hostname": "BadAddress",
        "port": "BadAddress",
        "family": "WrongFamily",
        "write_port": "BadAddress",
        "write_family": "WrongFamily",
        "nowhere": "BadAddress",
        "length": "DatagramTooLong",
        "other": "BadAddress",
        "closed": "PortClosed",
        "twice": None,
    }


@both("fault 13: what is queued when a port stops is lost")
@pytest.mark.parametrize("how", ["stop_listening_under_load", "reactor_stopped_under_load"])
def test_what_was_queued_when_it_stopped_is_answered(how: str, port: str) -> None:
    assert play(how, port)["answers"] == 200


def test_a_socket_that_is_passed_on_loses_nothing_between() -> None:
    outcome = play("adopted")
    assert outcome["answers"] == outcome["sent"]


@needs_our_port("an unconnected port hears of no refusal")
@pytest.mark.parametrize("reactor", REACTORS)
def test_an_unconnected_port_tells_which_peer_refused_what(reactor: str) -> None:
    outcome = play("unconnected_refusals", "ours", reactor)
    expected = [[peer, f"{turn} to {peer}", ECONNREFUSED] for peer in range(3) for turn in (0, 1)]
    assert outcome["who"] == expected
    assert outcome["heard"] == 6, "no datagram is skipped because an earlier one was refused"
    assert outcome["in_write"] == 0


@needs_our_port("it drops the scope of a link-local address")
def test_link_local_addresses_work_everywhere() -> None:
    outcome = play("link_local")
    assert outcome["host"] == "fe80::1%here"
    assert outcome["heard"] == ["connected", "unconnected"]


@needs_our_port("it counts no drops")
def test_the_drops_are_those_that_the_kernel_counts() -> None:
    outcome = play("overrun")
    assert outcome["ours"] == outcome["kernel"] > 0


@needs_our_port("it knows no trains")
@pytest.mark.parametrize("reactor", REACTORS)
def test_trains_keep_their_boundaries(reactor: str) -> None:
    outcome = play("trains", "ours", reactor)
    for host in ("127.0.0.1", "::1"):
        assert outcome[host] == {"right": True, "items": 3}, "the trains came as trains"


@needs_our_port("it knows no batches")
@pytest.mark.parametrize("reactor", REACTORS)
def test_what_arrives_while_a_burst_is_handed_over_is_heard(reactor: str) -> None:
    outcome = play("many_at_once", "ours", reactor)
    assert outcome["sizes"] == [64, 64, 1, 64, 1, 64, 1], "after a failure, and a stop, too"
    assert outcome["heard"] == 3 * (64 + 1), "all but the burst that it failed on"
    assert outcome["failed"] == 1


def test_a_protocol_that_knows_no_batches_gets_each_datagram() -> None:
    assert play("trains_one_by_one")["heard"] == ["aaa", "bbb", "c"]


def test_two_processes_share_a_port_and_neither_loses_a_datagram() -> None:
    outcome = play("shared")
    assert outcome["lost"] == 0
    assert min(outcome["served"]) > 0


def test_its_memory_is_bounded() -> None:
    """A listening port: under 2 MiB until large datagrams come, and under 20 MiB ever."""
    outcome = play("memory")
    assert outcome["small"] < 2 * 1024
    assert outcome["large"] < 20 * 1024
