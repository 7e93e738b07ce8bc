"""EchoServer over whole batches: what goes back, and what of the kernel's record with it."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger, formatEvent

from tests.kernelbytes import ipv4_control, ipv4_name
from tests.port.test_batch import Item, Kernel, a_train, ipv4
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.guard.reasons import Reason
from udpecho.server.server import EchoServer
from udpecho.testing.network import MemoryNetwork


def served(*items: Item, policy: Policy | None = None) -> tuple[list[Item], EchoServer]:
    """Give a server a batch; return what it sent, and the server."""
    kernel = Kernel()
    server = EchoServer(lambda: 0.0, guard=Guard(policy or Policy(), key=b"key"))
    server.batchReceived(kernel.gives(*items))
    return kernel.sent, server


@pytest.mark.parametrize(
    ("keep_ttl", "ttl", "leaves_with"),
    [(False, 64, 63), (False, 2, 1), (True, 64, 64), (True, 1, 1)],
)
def test_a_reply_has_one_hop_fewer_left(keep_ttl: bool, ttl: int, leaves_with: int) -> None:
    ((name, control, data),), _ = served(ipv4(b"hi", ttl=ttl), policy=Policy(keep_ttl=keep_ttl))
    assert (name, data) == (ipv4_name("198.51.100.9", 40000), b"hi")
    assert control == ipv4_control("192.0.2.7", interface=0, ttl=leaves_with)


def test_without_a_hop_left_there_is_no_reply() -> None:
    """So that two servers that one forged packet joined fall silent."""
    sent, server = served(ipv4(b"hi", ttl=1))
    assert not sent
    assert server.counters().unanswered == {Reason.TTL_SPENT: 1}


def test_the_class_of_service_goes_back_but_not_the_congestion() -> None:
    expedited, congested = 46 << 2, 3
    ((_, control, _),), _ = served(ipv4(b"", tos=expedited | congested))
    assert control == ipv4_control("192.0.2.7", interface=0, ttl=63, tos=expedited)


def test_only_what_is_refused_is_left_out_and_trains_count_in_full() -> None:
    sent, server = served(
        ipv4(b"a"),
        a_train(b"b" * 100, 10, port=53),
        ipv4(b"c", asked="192.0.2.255", local="192.0.2.7"),
        a_train(b"d" * 100, 10),
    )
    assert [data for _, _, data in sent] == [b"a", b"d" * 100]
    counters = server.counters()
    assert (counters.received, counters.echoed, counters.bytes_echoed) == (22, 11, 101)
    assert counters.unanswered == {Reason.SERVICE_PORT: 10, Reason.BROADCAST: 1}
    assert counters.bytes_received == 1 + 100 + 1 + 100


def test_what_the_port_dropped_and_the_guard_refuses_is_counted_in_one_place() -> None:
    batch = Kernel().gives(ipv4(b"a"), ipv4(b"b", port=53))
    batch.drop([1])
    server = EchoServer(lambda: 0.0)
    server.batchReceived(batch)
    counters = server.counters()
    assert (counters.received, counters.echoed, counters.bytes_received) == (2, 1, 2)
    assert counters.unanswered == {Reason.SERVICE_PORT: 1}


def test_what_could_not_be_received_whole_is_counted_with_its_sender() -> None:
    """Once, though the guard has something against some of it, too."""
    batch = Kernel().gives(ipv4(b"a"), a_train(b"b" * 100, 10), ipv4(b"c", port=53), ipv4(b"d"))
    assert batch.drop_cut([1, 2]) == 11
    lines: list[str] = []
    log = Logger(observer=lambda event: lines.append(formatEvent(event)))  # type: ignore[arg-type]
    server = EchoServer(lambda: 0.0, log)
    server.batchReceived(batch)
    counters = server.counters()
    assert (counters.received, counters.echoed, counters.bytes_received) == (13, 2, 103)
    assert counters.unanswered == {Reason.SERVICE_PORT: 1, Reason.NOT_WHOLE: 10}
    assert lines[0] == (
        "not answered: not received whole: 10 datagrams; top sources: 198.51.100.9 (10)"
    )


@pytest.mark.parametrize("hook", ["batchReceived", "datagramReceived"])
def test_a_long_datagram_costs_as_many_tokens_as_it_has_1500_bytes_begun(hook: str) -> None:
    """Whichever port it comes through; a train as its datagrams."""
    clock, kernel, net = Clock(), Kernel(), MemoryNetwork()
    server = EchoServer(clock.seconds, guard=Guard(Policy(rate=1, burst=1, slip=0), key=b"key"))
    net.host("192.0.2.7").listenUDP(7, server)

    def answered(data: bytes) -> bool:
        before = server.counters().echoed
        if hook == "batchReceived":
            server.batchReceived(kernel.gives(ipv4(data)))
        else:
            server.datagramReceived(data, ("198.51.100.9", 40000))
        return server.counters().echoed > before

    assert answered(bytes(65507))
    rows = ((43.9, False), (0.1, True), (0.9, False), (0.1, True), (0.9, False))
    for wait, passes in rows:
        clock.advance(wait)
        assert answered(b"") == passes, clock.seconds()


def test_a_batch_of_a_flood_passes_the_burst_and_one_in_four() -> None:
    policy = Policy(rate=1, burst=16)
    sent, server = served(*[ipv4(b"")] * 64, policy=policy)
    assert len(sent) == 16 + 48 // 4
    assert server.counters().unanswered == {Reason.OVER_RATE: 36}
