"""A change that a test must notice can be made: the code that it changes is still there."""

from __future__ import annotations

import pytest

from tests.mutants import ROOT, Mutant, table


@pytest.mark.parametrize("mutant", table(), ids=lambda row: f"{row.file}: {row.was.strip()[:40]}")
def test_a_row_is_of_the_code_as_it_is(mutant: Mutant) -> None:
    mutant.change((ROOT / "udpecho" / mutant.file).read_text(encoding="utf-8"))
    if mutant.test:
        file, _, name = mutant.test.partition("::")
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {name.rpartition('::')[2].partition('[')[0]}(" in text
