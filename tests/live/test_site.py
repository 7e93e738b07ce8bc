"""The HTML site of docs/ is built without a warning, and has all that is public."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import udpecho
import udpecho.path
import udpecho.ping
import udpecho.testing
from tests.live.pages import PAGES, ROOT
from tests.live.program import python, run
from udpecho import ConnectedEchoClient, EchoClient, MatchingEchoClient


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, of which every warning is an error."""
    pytest.importorskip("sphinx", reason="Sphinx is missing")
    pytest.importorskip("myst_parser", reason="myst-parser is missing")
    out = tmp_path_factory.mktemp("site")
    arguments = ["-W", "-q", "-b", "html", "-d", f"{out}/doctrees", str(ROOT / "docs"), str(out)]
    built = run(python("-m", "sphinx", *arguments), out)
    assert built.returncode == 0, built.stderr
    return out


def test_every_page(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").exists()


@pytest.mark.parametrize("module", [udpecho, udpecho.ping, udpecho.path, udpecho.testing])
def test_every_public_name(module: ModuleType, site: Path) -> None:
    """What can be imported from a public door is described, not merely mentioned."""
    page = module.__name__.removeprefix("udpecho.")
    text = (site / "api" / f"{page}.html").read_text()
    told_in_words = {"IBatchProtocol", "Peer"}  # a class as it stands in its file; a type's name
    described = set(re.findall(r'<dt class="sig[^>]* id="[\w.]*\.(\w+)"', text)) | told_in_words
    assert [name for name in module.__all__ if name not in described] == []


@pytest.mark.parametrize("client", [EchoClient, ConnectedEchoClient, MatchingEchoClient])
def test_what_is_called_on_a_client(client: type, site: Path) -> None:
    """Calls that a client inherits are described, too."""
    text = (site / "api" / "udpecho.html").read_text()
    calls = ("open", "request", "close", "counters", "local_addresses")
    assert [n for n in calls if f'id="udpecho.{client.__name__}.{n}"' not in text] == []


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda page: page.name
)
def test_links(page: Path) -> None:
    """What a page links to within the repository is there."""
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    gone = [each for each in targets if "://" not in each and not (page.parent / each).exists()]
    assert gone == []
