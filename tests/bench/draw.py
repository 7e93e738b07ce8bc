"""Make the pictures of udpecho ping anew: python -m tests.bench.draw, as root.

Two are what a terminal shows, to the colour: tmux tells. The table is of a network that loses,
doubles, damages and delays one probe in twenty each (tests/live/impairing_echo.py), and every reply
to one source port; the plot is drawn of a run through that network, too.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.arguments import Arguments
from tests.live.tmux import Tmux

PICTURES = Path(__file__).resolve().parent / "pictures"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PICTURES.parents[2])}

COLUMNS = 80
SERVER = "198.18.1.7:7"
LOSING_PORT = 40011

# A picture that fetches nothing: whoever looks at it has a font of fixed width.
_WITHOUT_FONTS = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def udpecho(*arguments: str) -> list[str]:
    """Write a command line of the udpecho command."""
    return [sys.executable, "-P", "-m", "udpecho", *arguments]


def save(file: Path, arguments: Sequence[str], shown: list[str]) -> None:
    """Save what a terminal shows of a command, with the line that was typed."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    console.print(Text(f"$ udpecho {' '.join(arguments)}"), highlight=False)
    console.print(Text.from_ansi("\n".join(shown)), highlight=False)
    svg = console.export_svg(title=f"udpecho {arguments[0]}", code_format=_WITHOUT_FONTS)
    file.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def screenshot(file: Path, *arguments: str) -> None:
    """Run a command and save what there is on the terminal at its end."""
    with Tmux(udpecho(*arguments), COLUMNS, 40) as tmux:
        tmux.wait_for_the_end()
        save(file, arguments, tmux.screen("-e")[:-1])


def snapshot(file: Path, inside: Sequence[str], *arguments: str, seconds: float) -> None:
    """Run a command in a namespace and save what there is on the terminal meanwhile."""
    with Tmux([*inside, *udpecho(*arguments)], COLUMNS, 40) as tmux:
        tmux.wait_for(lambda shown: any("latest" in line for line in shown))
        time.sleep(seconds)
        save(file, arguments, tmux.screen("-e"))
        tmux.keys("C-c")
        tmux.wait_for_the_end()


@contextmanager
def impairing_network() -> Iterator[list[str]]:
    """Have the network that impairs, in a namespace: give the words that enter it."""
    name = f"pictures-{os.getpid()}"
    inside = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    impairing = subprocess.Popen(
        [*inside, sys.executable, "-P", "-m", "tests.live.impairing_echo", "4"], env=ENVIRONMENT
    )
    try:
        time.sleep(1)
        yield inside
    finally:
        impairing.send_signal(signal.SIGTERM)
        impairing.wait()
        subprocess.run(["ip", "netns", "del", name], check=True)


def lose_what_comes_to(port: int, inside: Sequence[str]) -> None:
    """Have a namespace drop what comes to a port."""
    rules = (
        "table inet t { chain input { type filter hook input priority 0; "
        f"udp dport {port} drop; }}; }}"
    )
    subprocess.run([*inside, "nft", rules], check=True)


if __name__ == "__main__":
    arguments = Arguments("tests.bench.draw", __doc__)
    arguments.parse_args()
    arguments.want("ip", "nft", "tmux", root=True)  # before a picture is written over
    screenshot(PICTURES / "ping.svg", "ping", "-c", "10")
    screenshot(PICTURES / "path.svg", "path", "--demo")
    with impairing_network() as inside:
        plot = ["-q", "--plot", str(PICTURES / "ping-plot.svg"), "-c600", "-i0.01", "--flows=3"]
        subprocess.run([*inside, *udpecho("ping", *plot, SERVER)], env=ENVIRONMENT, check=True)
        lose_what_comes_to(LOSING_PORT, inside)
        flows = ["--flows=8", f"--sport={LOSING_PORT - 5}-{LOSING_PORT + 2}"]
        table = PICTURES / "ping-table.svg"
        snapshot(table, inside, "ping", "-i0.02", *flows, SERVER, seconds=6)
