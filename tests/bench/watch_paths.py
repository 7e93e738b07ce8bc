"""How soon a node says where flows die: python -m tests.bench.watch_paths part|all [--runs N].

Run as root. A node of 16 flows, a probe of each a second, and a peer behind four equal ways of
Linux's routers in namespaces (icmp_ratelimit=1000); one of the four drops a tenth, or all. A line
for each run: after how many seconds there is a verdict, what it names, how many flows lost.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.arguments import Arguments, at_least
from tests.live.test_watch_paths import CLEAN, CONFIG, PEER, watching

PATIENCE = 150.0
DROPS = {"part": "numgen random mod 10 == 0 drop", "all": "drop"}


def run(how: str) -> str:
    """Have a member drop something once all paths are known, and wait for the verdict."""
    config = CONFIG.replace("flows = 64", "flows = 16")
    with (
        tempfile.TemporaryDirectory() as directory,
        watching(Path(directory), PEER, CLEAN, config=config, icmp_ratelimit=1000) as here,
    ):
        time.sleep(15)
        here.fabric.drop("d", DROPS[how])
        began = time.monotonic()
        while not (named := here.values("udpecho_verdict", PEER)):
            if time.monotonic() - began > PATIENCE:
                return "none"
            time.sleep(0.5)
        took = time.monotonic() - began
        lost = here.values("udpecho_flow_probes_total", PEER).items()
        losing = sum('"lost"' in labels and times > 0 for labels, times in lost)
        return f"{took:.0f} s: {', '.join(named)}; {losing} flows lost"


def main() -> None:
    """Read the arguments, and run."""
    arguments = Arguments("tests.bench.watch_paths", __doc__)
    arguments.add_argument("how", choices=DROPS)
    arguments.add_argument("--runs", type=at_least(1), default=5)
    asked = arguments.parse_args()
    for _ in range(asked.runs):
        print(run(asked.how), flush=True)


if __name__ == "__main__":
    main()
