"""The options of how long and how often a request is tried, which send and talk have."""

from __future__ import annotations

from udpecho.client import RETRIES, TIMEOUT
from udpecho.commands.options import Group, readable
from udpecho.values import seconds, whole_number


def add_patience(group: Group) -> None:
    """Add how long and how often a request is tried."""
    group.add_argument(
        "-t", "--timeout", metavar="SECONDS", default=TIMEOUT, type=readable(seconds("--timeout")),
        help="How long to wait, doubled at each retry; %(default)g unless said.",
    )  # fmt: skip
    group.add_argument(
        "-r", "--retries", metavar="N", default=RETRIES,
        type=readable(whole_number("--retries", 0, 1000)),
        help="Attempts after the first; %(default)s unless said.",
    )  # fmt: skip
