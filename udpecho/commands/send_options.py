"""The options of udpecho send."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from udpecho.client import RETRIES, TIMEOUT
from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import (
    Parser,
    add_families,
    chosen_family,
    readable,
)
from udpecho.commands.patience import add_patience
from udpecho.hosts import host_and_port
from udpecho.shown import short
from udpecho.values import one_of

WHOSE = ("any", "connected", "matching")
"""Whose reply to believe. As argparse's choices shells complete them; what is none, one_of says."""


@dataclass(frozen=True, slots=True)
class SendSettings:
    """What is asked of send; timeout is in seconds."""

    host: str
    port: int
    message: bytes
    accept: Literal["any", "connected", "matching"] = "matching"
    ipv6: bool | None = None
    timeout: float = TIMEOUT
    retries: int = RETRIES


class SendOptions(Parser):
    """One request."""

    def __init__(self) -> None:
        super().__init__(
            "send",
            "[options] HOST[:PORT] MESSAGE",
            "Sends one datagram and prints who answered. An IPv6 address is [ADDRESS]:PORT. Before "
            "a MESSAGE that begins with - put --. Exit status: 0 with a reply, 1 with none, 2 for "
            "errors.",
        )
        asked = self.add_argument_group("Arguments")
        asked.add_argument("host", metavar="HOST[:PORT]", nargs="*", help="A name or an address.")
        asked.add_argument("message", metavar="MESSAGE", nargs="*", help="What is sent.")
        sending = self.add_argument_group("Sending")
        sending.add_argument(
            "-a", "--accept", metavar="WHOSE", default="matching",
            choices=WHOSE, type=readable(one_of("--accept", WHOSE)),
            help="Whose reply to believe: any (anyone's), connected (the kernel drops strangers) "
            "or matching (the peer's, with the bytes that were sent), which is the default.",
        )  # fmt: skip
        add_patience(sending)
        add_families(sending)
        self.add_general()

    def settings(self, words: Iterable[str]) -> SendSettings:
        """Say what was asked for; raises WrongUsage."""
        said, arguments = self.read(words)
        if len(arguments) != 2:
            got = short(" ".join(map(repr, arguments))) or "nothing"
            raise WrongUsage(f"expected HOST[:PORT] MESSAGE, got {got}")
        where, message = arguments
        host, port = readable(host_and_port)(where)
        return SendSettings(
            host,
            port,
            message=os.fsencode(message),
            accept=said.accept,
            ipv6=chosen_family(said),
            timeout=said.timeout,
            retries=said.retries,
        )
