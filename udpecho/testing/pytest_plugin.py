"""Fixtures for pytest, which finds them by itself: memory_network and no_udp_leaks.

None is used unless a test names it. Loading this room imports neither Twisted nor a reactor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from twisted.logger import LogEvent

    from udpecho.testing.network import MemoryNetwork

SEED = 0


def pytest_configure(config: pytest.Config) -> None:
    """Give the fixtures to pytest."""
    config.pluginmanager.register(_fixtures(), "udpecho-fixtures")


def _fixtures() -> object:
    import pytest

    class Fixtures:
        """A plugin that has the fixtures."""

        @pytest.fixture
        def memory_network(self, request: pytest.FixtureRequest) -> Iterator[MemoryNetwork]:
            """Make a MemoryNetwork of the test's own; a test that fails shows its record.

            Its seed is 0, or what an indirect parameter says.
            """
            yield from _memory_network(request)

        @pytest.fixture
        def no_udp_leaks(self) -> Iterator[list[LogEvent]]:
            """Fail a test that leaves a delayed call, an open port, a failure or a logged error.

            A test that expects errors in the log takes them from the list.
            """
            yield from _no_udp_leaks()

    return Fixtures()


def _memory_network(request: pytest.FixtureRequest) -> Iterator[MemoryNetwork]:
    from udpecho.testing.network import MemoryNetwork
    from udpecho.testing.record import last_lines

    network = MemoryNetwork(getattr(request, "param", SEED))
    yield network
    if network.record:
        request.node.add_report_section("teardown", "memory network", last_lines(network.record))


def _no_udp_leaks() -> Iterator[list[LogEvent]]:
    import pytest

    from udpecho.testing.leaks import LeakCatcher

    catcher = LeakCatcher()
    try:
        yield catcher.errors
    finally:
        left = catcher.stop()
    if left:
        pytest.fail("\n".join(left), pytrace=False)
