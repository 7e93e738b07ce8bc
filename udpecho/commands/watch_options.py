"""The options of udpecho watch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from udpecho.commands.commandline import WrongUsage
from udpecho.commands.options import Group, Once, Parser, readable
from udpecho.commands.ping_values import default_port, target
from udpecho.hosts import DEFAULT_PORT
from udpecho.ping.ledger import MAX_SIZE, MIN_SIZE
from udpecho.shown import quoted
from udpecho.values import number, port_number, whole_number
from udpecho.watch.configuring.bounds import (
    FLOWS,
    INTERVAL,
    LONGEST_INTERVAL,
    LONGEST_TIMEOUT,
    MOST_FLOWS,
    SHORTEST_INTERVAL,
    SIZE,
    TIMEOUT,
)

OWN_INTERVAL = INTERVAL / 2
"""Of our own three nodes: what loses is to be seen within a minute or two."""

PAGE_PORTS = range(8060, 8080)
"""The page's port is the first of these that is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What is asked of watch: a file to look at, or hosts to probe; of neither, our own nodes."""

    check: str | None = None
    hosts: tuple[str, ...] = ()
    port: int | None = None
    interval: float = INTERVAL
    flows: int = FLOWS
    size: int = SIZE
    timeout: float = TIMEOUT
    web: int | None = None
    quiet: bool = False


class WatchOptions(Parser):
    """A node of a mesh, for the desk; or a node's configuration, looked at."""

    def __init__(self) -> None:
        super().__init__(
            "watch",
            "[options] [HOST[:PORT] ...] | --check FILE",
            "Probes echo servers on many flows until Ctrl-C, and shows on a page what becomes of "
            "the probes: its address is printed, and what happens. With no host it runs three "
            "nodes of its own on loopback, of which one loses something. For good a node is run by "
            "twistd -n udpecho --watch=FILE; --check looks at such a file, and asks nobody. "
            "Exit status: 0, or 2 for errors.",
        )
        _add_hosts(self)
        _add_probes(self.add_argument_group("Probes"))
        _add_output(self.add_argument_group("Output"))
        asked = self.add_argument_group("Instead")
        asked.add_argument(
            "--check",
            metavar="FILE",
            action=Once,
            help="Say what a node with this configuration, in TOML, would probe, how often, and "
            "what its peers' guards must allow; what is wrong is one line.",
        )
        self.add_general()

    def settings(self, words: Iterable[str]) -> WatchSettings:
        """Say what was asked for; raises WrongUsage."""
        said, hosts = self.read(words)
        if said.check is not None:
            self._refuse_beside_check(said, hosts)
            return WatchSettings(check=said.check)
        if said.port is not None and not hosts:
            raise WrongUsage("-p: expected a host, too; nodes of our own have ports of their own")
        read = readable(target(said.port or DEFAULT_PORT))
        return WatchSettings(
            hosts=tuple(read(each)[2] for each in hosts),
            port=said.port,
            interval=said.interval or (INTERVAL if hosts else OWN_INTERVAL),
            flows=said.flows,
            size=said.size,
            timeout=said.timeout,
            web=said.web,
            quiet=said.quiet,
        )

    def _refuse_beside_check(self, said: Namespace, hosts: Sequence[str]) -> None:
        """Refuse what a look at a file would not heed."""
        if hosts:
            raise WrongUsage(f"--check: expected no HOST, got {quoted(hosts[0])}")
        others = vars(said).keys() - {"check", "hosts"}
        if any(vars(said)[name] != self.get_default(name) for name in others):
            raise WrongUsage("--check: expected no other option")


def _add_hosts(parser: Parser) -> None:
    """Add who is probed."""
    hosts = parser.add_argument_group("Hosts")
    hosts.add_argument("hosts", metavar="HOST[:PORT]", nargs="*", help="A name or an address.")
    hosts.add_argument(
        "-p", "--port", metavar="PORT", type=readable(default_port),
        help=f"Port of hosts that name none; {DEFAULT_PORT} unless said.",
    )  # fmt: skip


def _add_probes(group: Group) -> None:
    """Add what is sent, and how often."""
    group.add_argument(
        "-i", "--interval", metavar="SECONDS",
        type=readable(number("-i", SHORTEST_INTERVAL, LONGEST_INTERVAL)),
        help=f"Between two probes of a flow, {SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g}; "
        f"{INTERVAL:g} unless said, {OWN_INTERVAL:g} with no host.",
    )  # fmt: skip
    group.add_argument(
        "--flows", metavar="N", default=FLOWS,
        type=readable(whole_number("--flows", 1, MOST_FLOWS)),
        help=f"Source ports to probe each host from, 1 to {MOST_FLOWS}; %(default)s unless said.",
    )  # fmt: skip
    group.add_argument(
        "-s", "--size", metavar="BYTES", default=SIZE,
        type=readable(whole_number("-s", MIN_SIZE, MAX_SIZE)),
        help=f"Bytes of payload, {MIN_SIZE} to {MAX_SIZE}; %(default)s unless said.",
    )  # fmt: skip
    group.add_argument(
        "-W", "--timeout", metavar="SECONDS", default=TIMEOUT,
        type=readable(number("-W", 0.001, LONGEST_TIMEOUT)),
        help="Seconds after which a reply is late; %(default)g unless said.",
    )  # fmt: skip


def _add_output(group: Group) -> None:
    """Add where it is shown."""
    group.add_argument(
        "--web", metavar="PORT", action=Once, type=readable(port_number("--web", lowest=0)),
        help=f"The page's port on 127.0.0.1; the first of {PAGE_PORTS[0]} to {PAGE_PORTS[-1]} that "
        "is free unless said, 0 for any.",
    )  # fmt: skip
    group.add_argument(
        "-q", "--quiet", action="store_true", help="Print the page's address, and no more."
    )
