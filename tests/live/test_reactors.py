"""The clients and the server over real sockets, on each of Twisted's reactors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.live.program import environment, python, run
from udpecho.port.listen import STOCK_PORT

REACTORS = ("epoll", "select", "poll", "asyncio")


@pytest.mark.parametrize("reactor", REACTORS)
@pytest.mark.parametrize("stock", ["0", "1"], ids=["our port", "Twisted's port"])
def test_clients_on(reactor: str, stock: str, tmp_path: Path) -> None:
    """What holds for the clients holds on this reactor, over either port."""
    have = run(python("-m", "twisted.trial", "--help-reactors"), tmp_path)
    if not re.search(rf"^\s+{reactor}\s", have.stdout, re.MULTILINE):
        pytest.skip(f"no {reactor} reactor on this platform")
    command = ["-m", "twisted.trial", f"--reactor={reactor}", "tests.live.clients_on_reactor"]
    ended = run(python(*command), tmp_path, env=environment(**{STOCK_PORT: stock}))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"PASSED \(.*successes=[0-9]{2}", ended.stdout), ended.stdout
