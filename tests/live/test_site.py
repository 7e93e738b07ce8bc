"""The HTML site of docs/ is built without a warning, and has all that is public."""

from __future__ import annotations

from pathlib import Path

import pytest

import udpecho
from tests.live.pages import ROOT
from tests.live.program import python, run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, of which every warning is an error."""
    pytest.importorskip("sphinx", reason="Sphinx is missing")
    pytest.importorskip("myst_parser", reason="myst-parser is missing")
    out = tmp_path_factory.mktemp("site")
    arguments = ["-W", "-q", "-b", "html", "-d", f"{out}/doctrees", str(ROOT / "docs"), str(out)]
    built = run(python("-m", "sphinx", *arguments), out)
    assert (built.returncode, built.stderr) == (0, "")
    return out


def test_every_page(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").exists()


def test_every_public_name(site: Path) -> None:
    """What `from udpecho import` gives is described."""
    text = (site / "api" / "udpecho.html").read_text()
    missing = [name for name in udpecho.__all__ if f">{name}<" not in text]
    assert missing == []
