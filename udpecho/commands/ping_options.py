"""The options of udpecho ping: iputils' letters where ping has the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import (
    Group,
    Parser,
    add_families,
    chosen_family,
    plot_file,
    readable,
)
from udpecho.commands.view_options import add_view, chosen_view
from udpecho.hosts import DEFAULT_PORT, canonical_host, host_and_port
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
    view: Literal["lines", "table"] | None = None
    """What is seen meanwhile; None: a table where lines would say less, and it can be drawn."""

    numeric: bool = False
    timestamps: bool = False
    outstanding: bool = False


class PingOptions(Parser):
    """Loss, delay, jitter, reordering, duplicates."""

    def __init__(self) -> None:
        super().__init__(
            "ping",
            "[options] [HOST[:PORT] ...]",
            f"Probes echo servers (RFC 862; port {DEFAULT_PORT} unless said) and sums up what came "
            "back. With no host it starts an echo server of its own on loopback and probes that. "
            "SIGINT ends with the summary, SIGQUIT shows an interim line. Exit status: 0 with a "
            "reply, 1 with none, 2 for errors.",
        )
        _add_hosts(self)
        _add_times(self.add_argument_group("When"))
        _add_packets(self.add_argument_group("Packets"))
        _add_sockets(self.add_argument_group("Sockets"))
        _add_views(self.add_argument_group("Output"))
        _add_results(self.add_argument_group("Exit status"))
        self.add_general()

    def settings(self, words: Iterable[str]) -> PingSettings:
        """Settle what depends on more than one option; raises WrongUsage."""
        said, hosts = self.read(words)
        source, device = _source_or_device(said.interface)
        own_server = not hosts and said.targets is None
        count, interval = said.count, said.interval
        if own_server:
            count = count or (None if said.deadline else OWN_COUNT)
            interval = interval or OWN_INTERVAL
        return PingSettings(
            hosts=tuple(map(readable(host_and_port), hosts)),
            targets=said.targets,
            own_server=own_server,
            count=count,
            interval=interval or INTERVAL,
            deadline=said.deadline,
            timeout=said.timeout,
            size=said.size,
            ttl=said.ttl,
            dscp=said.dscp,
            interface=said.interface,
            source=source,
            device=device,
            connected=said.accept == "connected",
            flows=said.flows,
            clock=said.clock,
            ipv6=chosen_family(said),
            max_loss=said.max_loss,
            plot=said.plot,
            json=said.json,
            quiet=said.quiet,
            view=chosen_view(said),
            numeric=said.numeric,
            timestamps=said.timestamps,
            outstanding=said.outstanding,
        )


def _add_hosts(parser: Parser) -> None:
    hosts = parser.add_argument_group("Hosts")
    hosts.add_argument(
        "hosts",
        metavar="HOST[:PORT]",
        nargs="*",
        help="A name or an address; with a port an IPv6 address is [ADDRESS]:PORT.",
    )
    hosts.add_argument(
        "--targets", metavar="FILE", help="A file of more hosts, one a line; - is standard input."
    )
    add_families(hosts)


def _add_times(group: Group) -> None:
    group.add_argument(
        "-c",
        "--count",
        metavar="N",
        type=readable(whole_number("-c", 1, 10**12)),
        help="Probes to each host.",
    )
    group.add_argument(
        "-i",
        "--interval",
        metavar="SECONDS",
        type=readable(number("-i", 0.0001, 86400)),
        help=f"Between two probes to a host, 0.0001 to 86400; {INTERVAL:g} unless said.",
    )
    group.add_argument(
        "-w",
        "--deadline",
        metavar="SECONDS",
        type=readable(number("-w", 0.001, 1e9)),
        help="Seconds after which no more is sent.",
    )
    group.add_argument(
        "-W",
        "--timeout",
        metavar="SECONDS",
        default=TIMEOUT,
        type=readable(number("-W", 0.001, 3600)),
        help="Seconds after which a reply is late, and to wait for the last ones; %(default)g "
        "unless said.",
    )


def _add_packets(group: Group) -> None:
    group.add_argument(
        "-s",
        "--size",
        metavar="BYTES",
        default=SIZE,
        type=readable(whole_number("-s", MIN_SIZE, MAX_SIZE)),
        help=f"Bytes of payload, {MIN_SIZE} to {MAX_SIZE}; %(default)s unless said. {MIN_SIZE} "
        "hold what tells a reply from a forgery.",
    )
    group.add_argument(
        "-t",
        "--ttl",
        metavar="N",
        type=readable(whole_number("-t", 1, 255)),
        help="TTL, or hop limit.",
    )
    group.add_argument(
        "-Q",
        "--dscp",
        metavar="DSCP",
        type=readable(dscp),
        help="DSCP, 0 to 63 or by name: EF, AF41, CS1.",
    )


def _add_sockets(group: Group) -> None:
    group.add_argument(
        "-f",
        "--flows",
        metavar="N",
        default=1,
        type=readable(whole_number("--flows", 1, 1024)),
        help="Source ports to probe each host from, in turn: as many paths of a load-balanced "
        "network; %(default)s unless said.",
    )
    group.add_argument(
        "-I",
        "--interface",
        metavar="ADDRESS|NAME",
        help="Source address, or network interface.",
    )
    group.add_argument(
        "-a",
        "--accept",
        metavar="WHOSE",
        default="matching",
        type=readable(one_of("--accept", ("connected", "matching"))),
        help="One socket for all hosts that checks who replies with what (matching, the default), "
        "or one for each, connected.",
    )
    group.add_argument(
        "--clock",
        metavar="WHOSE",
        default="kernel",
        type=readable(one_of("--clock", ("kernel", "user"))),
        help="Whose timestamps tell the round trips: kernel (the default) or user.",
    )


def _add_views(group: Group) -> None:
    group.add_argument("-q", "--quiet", action="store_true", help="Print the summary only.")
    add_view(group)
    group.add_argument("-n", "--numeric", action="store_true", help="Print addresses, not names.")
    group.add_argument(
        "-D", "--timestamps", action="store_true", help="Print the time before each line."
    )
    group.add_argument(
        "-O",
        "--outstanding",
        action="store_true",
        help="Print a line for each probe whose reply is overdue.",
    )
    group.add_argument(
        "--json", action="store_true", help="Print a JSON object a line (ping.schema.json)."
    )
    group.add_argument(
        "--plot",
        metavar="FILE",
        type=readable(plot_file),
        help="Draw the run: FILE.svg or FILE.png.",
    )


def _add_results(group: Group) -> None:
    group.add_argument(
        "--max-loss",
        metavar="PERCENT",
        type=readable(percentage),
        help="Loss beyond which the exit status is 1.",
    )


def _source_or_device(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    address = canonical_host(text)
    if address is None and not re.fullmatch(r"[^\s/]{1,15}", text):
        raise WrongUsage(f"-I: expected an address or a network interface, got {text!r}")
    return (address, None) if address is not None else (None, text)
