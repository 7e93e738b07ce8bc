"""udpecho report of a long record: the memory that it takes is that of a short one."""

from __future__ import annotations

import pytest

from tests.bench.report import report

MOST_MIB = 120
"""Of 10,000,000 probes, which python -m tests.bench.report measures."""


@pytest.mark.parametrize("arguments", [[], ["--from", "1", "--csv"]])
def test_memory_does_not_grow_with_the_record(arguments: list[str]) -> None:
    short, long = (report(probes, *arguments) for probes in (20_000, 100_000))
    assert (short.status, long.status) == (0, 0)
    assert long.rss_mib < MOST_MIB
    assert long.rss_mib < short.rss_mib + 8
    assert "100000 packets transmitted" in long.text or long.text.startswith("run,")


def test_nor_does_that_of_its_picture(tmp_path_factory: pytest.TempPathFactory) -> None:
    picture = tmp_path_factory.mktemp("pictures") / "run.png"
    short, long = (report(probes, "--plot", str(picture)) for probes in (50_000, 100_000))
    assert long.rss_mib < short.rss_mib + 20
    assert picture.read_bytes().startswith(b"\x89PNG")
