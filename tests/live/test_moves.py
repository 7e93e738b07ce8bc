"""A datagram's way through the house is short: see tests/bench/moves.py."""

from __future__ import annotations

import sys

import pytest

from tests.bench.moves import walk


@pytest.mark.skipif(sys.platform != "linux", reason="our own port needs Linux")
def test_a_warm_datagram_visits_few_rooms() -> None:
    """What answers it stands in seven rooms, of which few are entered again."""
    walked = walk()
    assert walked.stays[0] == "port.reader"
    assert {"server.server", "guard.guard", "port.echo"} < walked.rooms
    assert len(walked.rooms) <= 7, walked.stays
    assert walked.returns <= 4, walked.stays
