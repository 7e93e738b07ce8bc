"""A peer's paths on its page: as a picture, with what is blamed apart, and in words."""

from __future__ import annotations

from html import unescape

from tests.routers import TARGET, FourWays
from tests.watch.test_pages import Read
from tests.watch.test_tracing import BEHIND, PEER, Watched
from udpecho.watch.pages.html import pair
from udpecho.watch.pages.pairs import pair_of
from udpecho.watch.pages.views import drawn


def page_of(here: Watched) -> str:
    return "".join(drawn(pair("here", PEER, pair_of(here.node, here.peer()))))


def test_nothing_is_drawn_of_what_is_not_known() -> None:
    here = Watched(FourWays(1))
    here.run(0.5)
    assert '<div id="paths"></div>' in page_of(here)
    here.stop()


def test_paths_are_drawn_with_the_segment_that_is_blamed_and_the_verdict_in_words() -> None:
    four = FourWays(1)
    here = Watched(four)
    here.run(60)
    calm = page_of(here)
    assert "16 flows on" in Read(calm).text
    assert "edge bad" not in calm
    four.members[1].drop(0.3, to=BEHIND)
    here.run(240)
    verdict = here.peer().paths.verdict
    assert verdict is not None
    text = page_of(here)
    assert verdict.why in Read(text).text
    assert 'class="edge bad"' in text
    assert str(four.members[1].address(four.r1)) in unescape(text)
    assert TARGET in text
    for path, flows in here.peer().paths.by_id().items():
        assert f'<th scope="row">{path}</th><td>{", ".join(map(str, flows))}</td>' in text
    here.stop()
