"""For trial's TestCase, what the fixtures are for pytest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from zope.interface import directlyProvides, providedBy

if TYPE_CHECKING:
    from udpecho.testing.network import MemoryNetwork


class UdpMixin:
    """Beside trial's TestCase: class MyTest(UdpMixin, TestCase)."""

    memory_network_seed = 0
    """The seed of memory_network: another one stands in the class, or is set in setUp."""

    @cached_property
    def memory_network(self) -> MemoryNetwork:
        """A MemoryNetwork of the test's own, made when it is first asked for.

        A test that fails has its record printed.
        """
        from udpecho.testing.network import MemoryNetwork

        return MemoryNetwork(self.memory_network_seed)

    def run(self, result: Any = None) -> Any:
        """Run the test, and print the network's record if it fails: for whoever runs tests."""
        from udpecho.testing.record import last_lines

        case: Any = super()  # a TestCase's
        if result is None:
            return case.run()  # unittest's own then makes one
        noting = _Noting(result)
        ended = case.run(noting)
        network = vars(self).get("memory_network")
        if noting.failed and network is not None and network.record:
            print(f"memory network of {self}:\n{last_lines(network.record)}")
        return ended

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


class _Noting:
    """A test's result, whosever it is, that notes whether the test failed."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self.failed = False
        directlyProvides(self, providedBy(result))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def addError(self, *told: Any) -> None:
        """Pass an error on."""
        self.failed = True
        self._result.addError(*told)

    def addFailure(self, *told: Any) -> None:
        """Pass a failure on."""
        self.failed = True
        self._result.addFailure(*told)
