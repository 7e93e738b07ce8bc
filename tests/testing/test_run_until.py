"""Moving time on until there is a result."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater

from udpecho.testing import MemoryNetwork, timeline


@pytest.fixture
def net(memory_network: MemoryNetwork) -> MemoryNetwork:
    """Take the network that any test can have."""
    return memory_network


def test_a_result(net: MemoryNetwork) -> None:
    """Time stands at the instant of the result, and who asks next gets it, too."""
    host = net.host()
    deferred = deferLater(host, 2.5, lambda: "done")
    later: list[str] = []
    host.callLater(3, later.append, "later")
    assert net.run_until(deferred) == "done"
    assert (host.seconds(), later) == (2.5, [])
    assert net.run_until(deferred) == "done"
    net.advance(0.5)
    assert later == ["later"]


def test_a_failure(net: MemoryNetwork) -> None:
    """It is raised, and so is no unhandled one."""
    with pytest.raises(KeyError, match="lost"):
        net.run_until(fail(KeyError("lost")))


def test_no_result(net: MemoryNetwork) -> None:
    """The error names the limit, at which time then stands."""
    host = net.host()
    never: Deferred[None] = Deferred()
    with pytest.raises(
        TimeoutError, match=r"^<Deferred at \w+> has no result after 5 s, the limit"
    ):
        net.run_until(never, limit=5)
    assert host.seconds() == 5
    host.callLater(1, never.callback, None)
    assert net.run_until(never, limit=1) is None
    assert host.seconds() == 6


def test_a_result_that_is_there(net: MemoryNetwork) -> None:
    """Nothing happens, not even what is due now."""
    host = net.host()
    made: list[int] = []
    host.callLater(0, made.append, 1)
    assert net.run_until(succeed(7), limit=0) == 7
    assert made == []


def test_a_coroutine(net: MemoryNetwork) -> None:
    """It is begun, and has the result that it returns."""
    host = net.host()

    async def twice() -> float:
        await deferLater(host, 1, list)
        await deferLater(host, 2, list)
        return host.seconds()

    assert net.run_until(twice()) == 3.0


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "3", None])
def test_a_limit_that_is_none(net: MemoryNetwork, limit: Any) -> None:
    with pytest.raises(ValueError, match="limit is 0 seconds or more, not"):
        net.run_until(succeed(None), limit=limit)


@pytest.mark.parametrize("wrong", [None, 7, list])
def test_what_is_no_deferred(net: MemoryNetwork, wrong: object) -> None:
    with pytest.raises(TypeError, match="expected a Deferred or a coroutine, got"):
        net.run_until(wrong)  # type: ignore[arg-type]


def test_a_loop_without_delay_ends(net: MemoryNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_EVENTS_AT_ONCE", 1000)  # to spare seconds
    host = net.host()

    def again() -> None:
        host.callLater(0, again)

    again()
    with pytest.raises(RuntimeError, match="a loop without delay"):
        net.run_until(Deferred(), limit=1)
