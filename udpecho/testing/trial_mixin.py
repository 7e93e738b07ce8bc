"""For trial's TestCase, what the fixtures are for pytest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udpecho.testing.network import MemoryNetwork


class UdpMixin:
    """Beside trial's TestCase: class MyTest(UdpMixin, TestCase)."""

    @cached_property
    def memory_network(self) -> MemoryNetwork:
        """A MemoryNetwork of the test's own, made when it is first asked for; its seed is 0."""
        from udpecho.testing.network import MemoryNetwork

        return MemoryNetwork()

    def no_udp_leaks(self) -> None:
        """Fail this test if it leaves a delayed call or an open port: call it first.

        Errors in the log and unhandled failures are trial's to find (see its flushLoggedErrors).
        """
        from udpecho.testing.leaks import LeakCatcher

        case: Any = self  # a TestCase, too
        catcher = LeakCatcher(log=False)

        def check() -> None:
            if left := catcher.stop():
                case.fail("\n".join(left))

        case.addCleanup(check)
