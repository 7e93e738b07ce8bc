"""The options of udpecho path."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import Once, Parser, add_families, chosen_family, plot_file, readable
from udpecho.commands.ping_values import (
    MAX_FLOWS,
    Target,
    dscp,
    source_or_device,
    source_ports,
    target,
)
from udpecho.hosts import DEFAULT_PORT
from udpecho.path.defaults import FLOWS, LONGEST, MOST_HOPS
from udpecho.shown import quoted
from udpecho.values import port_number, seconds, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """What is asked of path."""

    host: Target | None
    """None is the demonstration."""

    flows: int = FLOWS
    source_ports: tuple[int, ...] = ()
    most_hops: int = MOST_HOPS
    ipv6: bool | None = None
    interface: str | None = None
    source: str | None = None
    device: str | None = None
    longest: float = LONGEST
    names: bool = True
    mtu: bool = False
    dscp: int | None = None
    json: bool = False
    live: bool = False
    plot: str | None = None


class PathOptions(Parser):
    """All paths to a host."""

    def __init__(self) -> None:
        super().__init__(
            "path",
            "[options] HOST[:PORT]",
            "Shows where the paths of several flows (source ports) to a host part and join: a row "
            "for each router at each hop, and from which rows flows come to it. Needs no privilege "
            "and no echo server. Exit status: 0 if the host was reached, 1 if not, 2 for errors.",
        )
        _add_host(self)
        _add_flows(self)
        _add_packets(self)
        _add_output(self)
        self.add_general()

    def _refuse_beside_demo(self, said: Namespace, hosts: list[str]) -> None:
        """Refuse what the demonstration would not heed."""
        if hosts:
            raise WrongUsage(f"--demo: expected no HOST, got {quoted(hosts[0])}")
        heeded = {"demo", "host"}
        if any(vars(said)[name] != self.get_default(name) for name in vars(said).keys() - heeded):
            raise WrongUsage("--demo: expected no other option")

    def settings(self, words: Iterable[str]) -> PathSettings:
        """Say what was asked for; raises WrongUsage."""
        said, hosts = self.read(words)
        if said.demo:
            self._refuse_beside_demo(said, hosts)
        if len(hosts) != 1 and not said.demo:
            port = "; a port is HOST:PORT or -p PORT" if hosts[1:] and hosts[-1].isdigit() else ""
            raise WrongUsage(f"expected one HOST, got {len(hosts)}{port}")
        ports = len(said.source_ports)
        if ports and said.flows not in (None, ports):
            raise WrongUsage(
                f"--sport: expected {said.flows} ports, one for each of --flows, got {ports}"
            )
        if said.live and said.plot is not None:
            raise WrongUsage("--live: expected no --plot: which look it is of would not be known")
        if said.live and said.json:
            raise WrongUsage("--live: expected no --json: a terminal is drawn on")
        source, device = readable(source_or_device)(said.interface)
        return PathSettings(
            host=None if said.demo else readable(target(said.port or DEFAULT_PORT))(hosts[0]),
            flows=said.flows or ports or FLOWS,
            source_ports=tuple(said.source_ports),
            most_hops=said.most_hops,
            ipv6=chosen_family(said),
            interface=said.interface,
            source=source,
            device=device,
            longest=said.longest,
            names=not said.numeric,
            mtu=said.mtu,
            dscp=said.dscp,
            json=said.json,
            live=said.live,
            plot=said.plot,
        )


def _add_host(parser: Parser) -> None:
    """Add who is looked for."""
    asked = parser.add_argument_group("Host")
    asked.add_argument("host", metavar="HOST[:PORT]", nargs="*", help="A name or an address.")
    asked.add_argument(
        "-p", "--port", metavar="PORT", type=readable(port_number("-p")),
        help=f"Port, unless HOST names one; {DEFAULT_PORT} unless said.",
    )  # fmt: skip
    add_families(asked)
    asked.add_argument(
        "--demo", action="store_true",
        help="Show a fabric in memory, with a fault that is found; needs no network.",
    )  # fmt: skip


def _add_flows(parser: Parser) -> None:
    """Add from where, how far and how long."""
    flows = parser.add_argument_group("Flows")
    flows.add_argument(
        "--flows", metavar="N", type=readable(whole_number("--flows", 1, MAX_FLOWS)),
        help=f"Source ports to look from, 1 to {MAX_FLOWS}; {FLOWS} unless said.",
    )  # fmt: skip
    flows.add_argument(
        "--sport", dest="source_ports", metavar="PORT[-LAST]", action=Once, default=(),
        type=readable(source_ports), help="The source ports: as many flows.",
    )  # fmt: skip
    flows.add_argument(
        "-m", "--most-hops", metavar="N", default=MOST_HOPS,
        type=readable(whole_number("-m", 1, 255)),
        help="Hops that are asked at most; %(default)s unless said.",
    )  # fmt: skip
    flows.add_argument(
        "-I", "--interface", metavar="NAME", action=Once,
        help="Source address, or network interface.",
    )  # fmt: skip
    flows.add_argument(
        "-w", "--deadline", metavar="SECONDS", dest="longest", default=LONGEST,
        type=readable(seconds("-w")),
        help="Seconds after which the look ends, and what is known by then is shown; "
        "%(default)g unless said. Most looks end before, when nothing is left to ask.",
    )  # fmt: skip


def _add_packets(parser: Parser) -> None:
    """Add what becomes of packets on their way."""
    packets = parser.add_argument_group("Packets")
    packets.add_argument(
        "--mtu", action="store_true",
        help="Tell each flow's path MTU: who says so, or what came back from an echo server.",
    )  # fmt: skip
    packets.add_argument(
        "--dscp", metavar="DSCP", action=Once, type=readable(dscp),
        help="Send all with this DSCP, 0 to 63 or by name (EF, AF41, CS1), and tell which flows "
        "it was changed for on the way out or back, if the server answers with what it gets.",
    )  # fmt: skip


def _add_output(parser: Parser) -> None:
    """Add what is shown."""
    showing = parser.add_argument_group("Output")
    showing.add_argument(
        "--live", action="store_true",
        help="Look again and again, on a terminal, and mark what is new (+), where flows came to "
        "from elsewhere (~), and what is gone (-). Ctrl-C ends it with the last picture.",
    )  # fmt: skip
    showing.add_argument(
        "--plot", metavar="FILE", action=Once, type=readable(plot_file),
        help="Draw the paths: FILE.svg or FILE.png.",
    )  # fmt: skip
    showing.add_argument("--json", action="store_true", help="Print a JSON object for each flow.")
    showing.add_argument(
        "-n", "--numeric", action="store_true",
        help="Show addresses alone: look up no router's name.",
    )  # fmt: skip
