"""udpecho watch: a node's configuration, looked at."""

from __future__ import annotations

import socket
from pathlib import Path

from udpecho.commands.extras import Unusable, wanting
from udpecho.commands.watch_options import WatchSettings
from udpecho.commands.wording import Say


def watch_command(asked: WatchSettings, say: Say) -> int:
    """Say what a file would have a node do; raises Unusable for one that can't be."""
    with wanting("watch"):
        from udpecho.watch import BadConfig, check_file
    try:
        for line in check_file(Path(asked.check), socket.gethostname()):
            say(line)
    except BadConfig as error:
        raise Unusable(str(error)) from None
    return 0
