"""Whether exactly the flows are named that a narrow member cuts, or whose DSCP it clears.

python -m tests.bench.packets [runs of each kind, 10 unless said]

Over four equal ways in namespaces (tests/live/ecmp.py), 16 flows to our own server, IPv4 and IPv6;
needs root, nft and Linux 6.11, but udpecho itself runs without a capability.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from tests.live.ecmp import Ecmp
from tests.live.test_path import HOSTS, PORTS, member_of, serving, udpecho

MEMBER, MTU, LINK = "d", 1400, 1500
DSCP = 46

Kind = Literal["with ICMP", "ICMP filtered", "DSCP cleared"]
KINDS: tuple[Kind, ...] = ("with ICMP", "ICMP filtered", "DSCP cleared")


def harm(fabric: Ecmp, kind: Kind) -> None:
    """Make a member what it is to be."""
    if kind == "DSCP cleared":
        fabric.bleach(MEMBER)
    else:
        fabric.narrow(MEMBER, MTU, silent=kind == "ICMP filtered")


def is_right(path: dict[str, Any], kind: Kind) -> bool:
    """Tell whether what is said of a flow is what its member makes of it."""
    met, bleached = member_of(path) == MEMBER, kind == "DSCP cleared"
    mtu = MTU if met and not bleached else LINK
    told = met and kind == "with ICMP"
    return (path["mtu"]["bytes"], path["mtu"]["told_by"] is not None, path["dscp_back"]) == (
        mtu, told, [0 if met and bleached else DSCP],
    )  # fmt: skip


def main() -> None:
    """Look, and print what was wrong, and how long the whole command took."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 10
    for kind in KINDS:
        for family, host in HOSTS.items():
            wrong, took = 0, []
            for _ in range(runs):
                with TemporaryDirectory() as directory, serving(Path(directory)) as fabric:
                    harm(fabric, kind)
                    began = time.monotonic()
                    options = ["--mtu", f"--dscp={DSCP}", f"--sport={PORTS}"]
                    paths = udpecho(fabric, "path", "--json", *options, host)
                    took.append(time.monotonic() - began)
                    wrong += len(paths) != 16 or not all(is_right(each, kind) for each in paths)
            spent = f"{min(took):.1f} to {max(took):.1f} s"
            print(f"{kind}, {family}: {wrong} of {runs} runs wrong, {spent}", flush=True)


if __name__ == "__main__":
    main()
