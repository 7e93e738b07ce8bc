"""The options of udpecho ping: iputils' letters where ping has the same thing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from twisted.python import usage

from udpecho.commands.options import Interspersed, chosen_family, plot_file
from udpecho.names import DEFAULT_PORT, canonical_host, host_and_port
from udpecho.ping.ledger import MAX_SIZE, MIN_SIZE
from udpecho.ping.plan import INTERVAL, SIZE, TIMEOUT
from udpecho.values import number, one_of, whole_number

OWN_COUNT, OWN_INTERVAL = 10, 0.2
"""What a ping without a host does: enough to see, and it ends by itself."""

_ASSURED = {"EF": 46, "VA": 44, "LE": 1} | {f"CS{n}": 8 * n for n in range(8)}
_CLASSES = _ASSURED | {f"AF{c}{d}": 8 * c + 2 * d for c in range(1, 5) for d in range(1, 4)}
"""The names of DSCP's values (RFC 2474, 2597, 3246, 5865, 8622)."""


def dscp(text: str) -> int:
    """Read a DSCP by name or as a number, 0x for hexadecimal."""
    value = _CLASSES.get(text.upper())
    if value is None and re.fullmatch(r"[0-9]+|0x[0-9a-fA-F]+", text):
        value = int(text, 0 if text.startswith("0x") else 10)
    if value is None or value > 63:
        raise ValueError(f"-Q: expected a DSCP from 0 to 63 or by name (EF, AF41), got {text!r}")
    return value


def percentage(text: str) -> float:
    """Read a percentage, with its sign or without."""
    return number("--max-loss", 0, 100)(text.removesuffix("%"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSettings:
    """What is asked of a ping. Durations are in seconds; None is what was not said."""

    hosts: tuple[tuple[str, int], ...] = ()
    targets: str | None = None
    """A file of more hosts."""

    own_server: bool = False
    """Whether there is no host but a server of its own."""

    count: int | None = None
    interval: float = INTERVAL
    deadline: float | None = None
    timeout: float = TIMEOUT
    size: int = SIZE
    ttl: int | None = None
    dscp: int | None = None
    interface: str | None = None
    """What -I said: an address (source) or a network interface (device)."""

    source: str | None = None
    device: str | None = None
    connected: bool = False
    flows: int = 1
    clock: Literal["kernel", "user"] = "kernel"
    ipv6: bool | None = None
    max_loss: float | None = None
    plot: str | None = None
    json: bool = False
    quiet: bool = False
    numeric: bool = False
    timestamps: bool = False
    outstanding: bool = False


class PingOptions(Interspersed):
    """Loss, delay, jitter, reordering, duplicates."""

    synopsis = "[options] [HOST[:PORT] ...]"
    longdesc = (
        f"Probes echo servers (RFC 862; port {DEFAULT_PORT} unless said) and sums up what came "
        "back. With no host it starts an echo server of its own on loopback and probes that. "
        "SIGINT ends with the summary, SIGQUIT shows an interim line. Exit status: 0 with a "
        "reply, 1 with none, 2 for errors."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["count", "c", None, "Probes to each host.", whole_number("-c", 1, 10**12)],
        ["interval", "i", None, "Seconds between two probes to a host, 0.0001 to 86400; 1 unless "
         "said.", number("-i", 0.0001, 86400)],
        ["deadline", "w", None, "Seconds after which no more is sent.", number("-w", 0.001, 1e9)],
        ["timeout", "W", TIMEOUT, "Seconds after which a reply is late, and to wait for the last "
         "ones.", number("-W", 0.001, 3600)],
        ["size", "s", SIZE, f"Bytes of payload, {MIN_SIZE} to {MAX_SIZE}: 16 hold what tells a "
         "reply from a forgery.", whole_number("-s", MIN_SIZE, MAX_SIZE)],
        ["ttl", "t", None, "TTL, or hop limit.", whole_number("-t", 1, 255)],
        ["dscp", "Q", None, "DSCP, 0 to 63 or by name: EF, AF41, CS1.", dscp],
        ["interface", "I", None, "Source address, or network interface."],
        ["accept", "a", "matching", "One socket for all hosts that checks who replies with what "
         "(matching), or one for each, connected.", one_of("--accept", ("connected", "matching"))],
        ["flows", "f", 1, "Source ports to probe each host from, in turn: as many paths of a "
         "load-balanced network.", whole_number("--flows", 1, 1024)],
        ["clock", None, "kernel", "Whose timestamps tell the round trips: kernel or user.",
         one_of("--clock", ("kernel", "user"))],
        ["targets", None, None, "A file of more hosts, one a line; - is standard input."],
        ["max-loss", None, None, "Percent of loss beyond which the exit status is 1.", percentage],
        ["plot", None, None, "Draw the run: FILE.svg or FILE.png.", plot_file],
    ]  # fmt: skip
    optFlags: ClassVar[list[list[str | None]]] = [
        ["ipv4", "4", "Use IPv4 only."],
        ["ipv6", "6", "Use IPv6 only."],
        ["quiet", "q", "Print the summary only."],
        ["numeric", "n", "Print addresses, not names."],
        ["timestamps", "D", "Print the time before each line."],
        ["outstanding", "O", "Print a line for each probe whose reply is overdue."],
        ["json", None, "Print a JSON object a line (ping.schema.json)."],
    ]

    def parseArgs(self, *hosts: str) -> None:
        """Read the hosts."""
        self["hosts"] = [_host(text) for text in hosts]

    def settings(self) -> PingSettings:
        """Settle what depends on more than one option; raises UsageError."""
        source, device = _source_or_device(self["interface"])
        own_server = not self["hosts"] and self["targets"] is None
        count, interval = self["count"], self["interval"]
        if own_server:
            count = count or (None if self["deadline"] else OWN_COUNT)
            interval = interval or OWN_INTERVAL
        return PingSettings(
            hosts=tuple(self["hosts"]),
            targets=self["targets"],
            own_server=own_server,
            count=count,
            interval=interval or INTERVAL,
            deadline=self["deadline"],
            timeout=self["timeout"],
            size=self["size"],
            ttl=self["ttl"],
            dscp=self["dscp"],
            interface=self["interface"],
            source=source,
            device=device,
            connected=self["accept"] == "connected",
            flows=self["flows"],
            clock=self["clock"],
            ipv6=chosen_family(self),
            max_loss=self["max-loss"],
            plot=self["plot"],
            json=bool(self["json"]),
            quiet=bool(self["quiet"]),
            numeric=bool(self["numeric"]),
            timestamps=bool(self["timestamps"]),
            outstanding=bool(self["outstanding"]),
        )


def _host(text: str) -> tuple[str, int]:
    try:
        return host_and_port(text)
    except ValueError as error:
        raise usage.UsageError(str(error)) from error


def _source_or_device(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    address = canonical_host(text)
    if address is None and not re.fullmatch(r"[^\s/]{1,15}", text):
        raise usage.UsageError(f"-I: expected an address or a network interface, got {text!r}")
    return (address, None) if address is not None else (None, text)
