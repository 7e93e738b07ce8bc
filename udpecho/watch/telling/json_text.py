"""JSON that is written a short text at a time, one of a list's items on each line. Pure.

So that whoever reads a long list can do it line by line, too; NaN and infinity are an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

VERSION = 1
"""Of the records of /api/v1: another if a key goes, or means something else."""

Record = Mapping[str, object]


def written(value: object) -> str:
    """Write a value, in ASCII and on one line."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def with_list(head: Record, name: str, items: Iterable[Record]) -> Iterator[str]:
    """Write an object, and in it a list as its last key: a text for each item."""
    begun = written(dict(head))[:-1]
    yield f"{begun}{',' if head else ''}{written(name)}:["
    yield from items_of(items)
    yield "\n]}\n"


def items_of(items: Iterable[Record]) -> Iterator[str]:
    """Write the items of a list, each on a line of its own, without the brackets."""
    before = "\n"
    for item in items:
        yield before + written(item)
        before = ",\n"
