"""The options of udpecho ping: iputils' letters where ping has the same thing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import (
    Group,
    Once,
    Parser,
    add_families,
    chosen_family,
    plot_file,
    readable,
    record_file,
)
from udpecho.commands.ping_probes import OTHERS_LETTERS, add_packets, add_sockets
from udpecho.commands.ping_settings import PingSettings
from udpecho.commands.ping_values import (
    Target,
    default_port,
    percentage,
    resolve,
    source_or_device,
    target,
)
from udpecho.commands.view_options import add_view, chosen_view
from udpecho.hosts import DEFAULT_PORT
from udpecho.ping.lookup_times import RESOLVE
from udpecho.ping.plan import INTERVAL, TIMEOUT
from udpecho.values import number, whole_number

OWN_COUNT, OWN_INTERVAL = 10, 0.2
"""What a ping without a host does: enough to see, and it ends by itself."""


class PingOptions(Parser):
    """Loss, delay, jitter, reordering, duplicates."""

    others = OTHERS_LETTERS

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
        add_packets(self.add_argument_group("Packets"))
        add_sockets(self.add_argument_group("Sockets"))
        _add_views(self.add_argument_group("Output"))
        _add_traces(self.add_argument_group("Paths"))
        _add_results(self.add_argument_group("Exit status"))
        self.add_general()

    def settings(self, words: Iterable[str]) -> PingSettings:
        """Settle what depends on more than one option; raises WrongUsage."""
        said, hosts = self.read(words)
        source, device = readable(source_or_device)(said.interface)
        own_server = _wants_own_server(said, len(hosts))
        port = said.port or DEFAULT_PORT
        read, unread = _read_hosts(port, hosts)
        count, interval = _pace(said, own_server)
        return PingSettings(
            hosts=read,
            unread=unread,
            targets=said.targets,
            resolve=said.resolve,
            port=port,
            own_server=own_server,
            count=count,
            interval=interval,
            deadline=said.deadline,
            timeout=said.timeout,
            size=said.size,
            ttl=said.ttl,
            dscp=said.dscp,
            tos=said.tos,
            mtu_discovery=said.mtu_discovery,
            interface=said.interface,
            source=source,
            device=device,
            connected=said.accept == "connected",
            flows=said.flows or len(said.source_ports) or 1,
            source_ports=said.source_ports,
            clock=said.clock,
            ipv6=chosen_family(said),
            max_loss=said.max_loss,
            every_host=said.every_host,
            plot=said.plot,
            record=said.record,
            every=said.every,
            json=said.json,
            quiet=said.quiet,
            view=chosen_view(said),
            numeric=said.numeric,
            timestamps=said.timestamps,
            outstanding=said.outstanding,
            trace=said.trace,
        )


def _pace(said: Namespace, own_server: bool) -> tuple[int | None, float]:
    """Settle how many probes there are to be, and how often."""
    if not own_server:
        return said.count, said.interval or INTERVAL
    return said.count or (None if said.deadline else OWN_COUNT), said.interval or OWN_INTERVAL


def _read_hosts(
    port: int, texts: Sequence[str]
) -> tuple[tuple[Target, ...], tuple[tuple[str, str], ...]]:
    """Read hosts, and tell what is wrong with those that are none: it costs the others nothing.

    Raises WrongUsage for a number alone, which most likely was to be a port, and for a lone host.
    """
    hosts: list[Target] = []
    unread: list[tuple[str, str]] = []
    for text in texts:
        try:
            hosts.append(target(port)(text))
        except ValueError as error:
            if text.isdecimal() or len(texts) == 1:
                raise WrongUsage(str(error)) from error
            unread.append((text, str(error)))
    return tuple(hosts), tuple(unread)


def _wants_own_server(said: Namespace, hosts: int) -> bool:
    """Tell whether there is no host but our own; refuse what can't be asked for together."""
    own_server = not hosts and said.targets is None
    ports = len(said.source_ports)
    if said.dscp is not None and said.tos is not None:
        raise WrongUsage("expected -Q or --dscp, got both")
    if ports and said.flows not in (None, ports):
        raise WrongUsage(
            f"--sport: expected {said.flows} ports, one for each of --flows, got {ports}"
        )
    if ports and said.accept == "connected" and hosts > 1:
        raise WrongUsage(f"--sport: expected one host with --accept=connected, got {hosts}")
    if said.port is not None and own_server:
        raise WrongUsage("-p: expected a host, too; a server of our own has a port of its own")
    return own_server


def _add_hosts(parser: Parser) -> None:
    hosts = parser.add_argument_group("Hosts")
    hosts.add_argument(
        "hosts",
        metavar="HOST[:PORT]",
        nargs="*",
        help="A name or an address; with a port an IPv6 address is [ADDRESS]:PORT.",
    )
    hosts.add_argument(
        "--targets",
        metavar="FILE",
        action=Once,
        help="A file of more hosts, one a line; - is standard input.",
    )
    hosts.add_argument(
        "--resolve",
        metavar="SECONDS",
        default=RESOLVE,
        type=readable(resolve),
        help="Look names up again so often, 1 to 86400; %(default)g unless said, 0: never.",
    )
    hosts.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=readable(default_port),
        help=f"Port of hosts that name none; {DEFAULT_PORT} unless said.",
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
        help="Seconds after which it ends. With -c, too, hosts are probed until each has given N "
        "replies, or until then.",
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
        "-o",
        "--record",
        metavar="FILE",
        action=Once,
        type=readable(record_file),
        help="Write that to FILE, beside what is shown; compressed, if its name ends in .gz.",
    )
    group.add_argument(
        "--every",
        metavar="SECONDS",
        type=readable(number("--every", 0.1, 86400)),
        help="Sum up each interval of so long, 0.1 to 86400, too.",
    )
    group.add_argument(
        "--plot",
        metavar="FILE",
        action=Once,
        type=readable(plot_file),
        help="Draw the run: FILE.svg or FILE.png; with --trace the paths, too: FILE-paths.svg.",
    )


def _add_traces(group: Group) -> None:
    group.add_argument(
        "--trace",
        action="store_true",
        help="Trace flows that lose, over their own sockets, and say where they die; with --flows.",
    )


def _add_results(group: Group) -> None:
    group.add_argument(
        "--max-loss",
        metavar="PERCENT",
        type=readable(percentage),
        help="Loss, of any host, beyond which the exit status is 1.",
    )
    group.add_argument(
        "--all",
        dest="every_host",
        action="store_true",
        help="Have the status 1 if any host gave no reply; without it, if none gave one.",
    )
