"""What all tests share: that they leave nothing behind, hypothesis's profile, the census."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from twisted.internet import base
from twisted.internet.defer import setDebugging
from twisted.logger import LogEvent

import tests.examples  # noqa: F401 (hypothesis's profile)
from tests.workshop import census
from udpecho.testing import pytest_plugin

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
    if not config.pluginmanager.is_registered(pytest_plugin):
        config.pluginmanager.register(pytest_plugin)  # with -p no:udpecho, or without an install


@pytest.fixture
def kept_out_of_collections() -> Iterator[None]:
    """Leave what survived a test out of the collections of later ones, which so take no time."""
    yield
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks(kept_out_of_collections: None, no_udp_leaks: list[LogEvent]) -> list[LogEvent]:
    """Hold each test of ours to what no_udp_leaks holds those of others who name it."""
    return no_udp_leaks
