"""A node's pages in a real browser: quiet, light, wide enough for no telephone, and for everybody.

tests.bench.pages looks longer, at a grid of 100 nodes, and with axe-core.
"""

from __future__ import annotations

import pytest

from tests.bench.browser import PATIENCE, chromium
from tests.bench.pages import looked_at, made_up


@pytest.mark.extra
@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
def test_pages_in_a_browser() -> None:
    with made_up(peers=12, rows=5) as address:
        check = looked_at(address, first_paint_ms=1000 * PATIENCE)
    assert check.wrong == []
    assert list(check.figures) == ["front", "pair", "reflector"]
