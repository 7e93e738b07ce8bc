"""Make the README's pictures of udpecho ping anew: python -m tests.bench.draw, as root.

The first is what the command prints; the second is drawn of a run through a network that loses,
doubles, damages and delays one probe in twenty each (tests/live/impairing_echo.py).
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.arguments import Arguments

PICTURES = Path(__file__).resolve().parent / "pictures"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PICTURES.parents[2])}


# A picture that fetches nothing: whoever looks at it has a font of fixed width.
_WITHOUT_FONTS = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def udpecho(*arguments: str) -> list[str]:
    """Write a command line of the udpecho command."""
    return [sys.executable, "-P", "-m", "udpecho", *arguments]


def screenshot(file: Path, *arguments: str) -> None:
    """Run a command and save what it prints."""
    console = Console(record=True, width=88, file=io.StringIO())
    console.print(Text(f"$ udpecho {' '.join(arguments)}", style="bold"))
    done = subprocess.run(
        udpecho(*arguments), env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    console.print(done.stdout.rstrip())
    svg = console.export_svg(title="udpecho ping", code_format=_WITHOUT_FONTS)
    file.write_text(svg, encoding="utf-8")


def plot(file: Path, *arguments: str) -> None:
    """Draw a run through the network that impairs, in a namespace of its own."""
    name = f"pictures-{os.getpid()}"
    inside = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    impairing = subprocess.Popen(
        [*inside, sys.executable, "-P", "-m", "tests.live.impairing_echo", "4"], env=ENVIRONMENT
    )
    try:
        time.sleep(1)
        ping = udpecho("ping", "-q", "--plot", str(file), *arguments, "198.18.1.7:7")
        subprocess.run([*inside, *ping], env=ENVIRONMENT, check=True)
    finally:
        impairing.send_signal(signal.SIGTERM)
        impairing.wait()
        subprocess.run(["ip", "netns", "del", name], check=True)


if __name__ == "__main__":
    arguments = Arguments("tests.bench.draw", __doc__)
    arguments.parse_args()
    arguments.want("ip", root=True)  # before a picture is written over
    screenshot(PICTURES / "ping.svg", "ping")
    plot(PICTURES / "ping-plot.svg", "-c", "600", "-i", "0.01", "--flows", "3")
