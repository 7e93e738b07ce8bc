"""What all tests share: the leak-catching fixture, hypothesis's profile, the census.

The fixture sees what trial's TestCase notices and pytest alone lets pass.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from twisted.internet import base
from twisted.internet.defer import setDebugging
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

import tests.examples  # noqa: F401 (hypothesis's profile)
from tests.workshop import census

pytest.register_assert_rewrite("tests.rules")
setDebugging(False)
base.DelayedCall.debug = True


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the census's options."""
    census.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Count the tests by wing."""
    config.pluginmanager.register(
        census.Plugin(config.getoption("census"), config.getoption("renew_census"))
    )


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[list[LogEvent]]:
    """Fail a test that leaves a delayed call, a port, an unhandled failure or a logged error.

    A test that expects errors in the log takes them from the list.
    """
    from twisted.internet import reactor

    errors: list[LogEvent] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if "log_failure" in event or event.get("isError"):
            errors.append(event)

    readers = set(reactor.getReaders())
    calls = set(map(id, reactor.getDelayedCalls()))
    globalLogPublisher.addObserver(observe)
    try:
        yield errors
        gc.collect()  # an unhandled failure is logged when its Deferred is collected
        gc.freeze()  # the next collection need not look at what survived this one
    finally:
        globalLogPublisher.removeObserver(observe)
    leaks = [f"logged error: {event.get('log_failure') or event}" for event in errors]
    for call in reactor.getDelayedCalls():
        if id(call) not in calls:
            leaks.append(f"delayed call: {call}")
            call.cancel()
    own: set[object] = getattr(
        reactor, "_internalReaders", set()
    )  # its wakers, made when it first runs
    for reader in set(reactor.getReaders()) - readers - own:
        leaks.append(f"open port or reader: {reader}")
        reactor.removeReader(reader)
    assert not leaks, "\n".join(leaks)
