"""A page as sections: all of it at once for who loads it, what has changed for who looks on. Pure.

A section is an element with an id, and what is in it. It is drawn in short texts, so that whoever
draws can let the reactor go on between them; None and "" are steps of which nothing is to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

Piece: TypeAlias = tuple[str, str]
"""A section's id, and the HTML that is in it now."""


class Section(NamedTuple):
    """A part of a page that changes as one."""

    id: str
    """Empty for what never changes, and is part of no element of its own."""

    texts: Iterable[str]
    tag: str = "div"


class PageView(NamedTuple):
    """A page: its title, what stands above, and its sections, of which None is a step."""

    title: str
    above: str
    sections: Iterator[Section | None]
    below: str = ""


def drawn(view: PageView) -> Iterator[str]:
    """Draw all of a page."""
    yield view.above
    for section in view.sections:
        if section is None:
            yield ""
            continue
        if section.id:
            yield f'<{section.tag} id="{section.id}">'
        yield from section.texts
        if section.id:
            yield f"</{section.tag}>"
    yield view.below


def pieces(view: PageView) -> Iterator[Piece | None]:
    """Draw the sections, each as a piece; None in between."""
    for section in view.sections:
        if section is None or not section.id:
            yield None
            continue
        texts: list[str] = []
        for text in section.texts:
            texts.append(text)
            yield None
        yield section.id, "".join(texts)
