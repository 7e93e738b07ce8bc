"""Path MTUs and DSCPs of flows over Linux's own routers: four equal ways, one of them narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import families, needs
from tests.live.ecmp import Ecmp
from tests.live.test_path import HOSTS, PORTS, member_of, pytestmark, serving, udpecho

__all__ = ["pytestmark"]

BY_R1 = {"ipv4": "10.9.0.2", "ipv6": "fd09::2"}


def looked(fabric: Ecmp, family: str, *options: str) -> list[dict[str, Any]]:
    """Look for the paths, as far as the members; all four are passed."""
    asked = ["path", "--json", "-n", "-m2", f"--sport={PORTS}", *options, HOSTS[family]]
    paths = udpecho(fabric, *asked)
    assert len(paths) == 16
    assert {member_of(path) for path in paths} == {*"abcd"}
    return paths


@needs("setpriv")
@families
@pytest.mark.parametrize("silent", [False, True], ids=["with ICMP", "filtered"])
def test_exactly_the_flows_of_a_narrow_member_are_named(
    silent: bool, family: str, tmp_path: Path
) -> None:
    with serving(tmp_path) as fabric:
        fabric.narrow("d", 1400, silent=silent)
        paths = looked(fabric, family, "--mtu")
    for path in paths:
        narrow = member_of(path) == "d"
        assert path["mtu"] == {
            "bytes": 1400 if narrow else 1500,
            "told_by": BY_R1[family] if narrow and not silent else None,
            "uncertain": False,
        }, path


@needs("setpriv")
@families
def test_exactly_the_flows_of_a_bleaching_member_are_named(family: str, tmp_path: Path) -> None:
    with serving(tmp_path) as fabric:
        fabric.bleach("d")
        paths = looked(fabric, family, "--dscp=EF")
    for path in paths:
        assert path["dscp"] == 46
        assert path["dscp_back"] == ([0] if member_of(path) == "d" else [46]), path
