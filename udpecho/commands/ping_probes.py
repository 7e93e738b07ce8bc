"""The options of udpecho ping that say how its probes leave, and by what they are known."""

from __future__ import annotations

from udpecho.commands.options import Group, Once, readable
from udpecho.commands.ping_values import MAX_FLOWS, dscp, source_ports, tos
from udpecho.instrument.probe import MTU_DISCOVERY
from udpecho.ping.ledger import MAX_SIZE, MIN_SIZE
from udpecho.ping.plan import SIZE
from udpecho.values import one_of, whole_number

_ABSENT = "3deFHjLmNrRST"
"""Letters of iputils' ping of which there is no more to say."""

OTHERS_LETTERS = {
    f"-{letter}": "absent here, though iputils' ping has it" for letter in _ABSENT
} | {
    "-f": "a flood in iputils' ping, absent here; as many source ports are --flows=N; "
    "a file of hosts is --targets=FILE",
    "-a": "a bell in iputils' ping, absent here; whose replies count is --accept=WHOSE",
    "-A": "adaptive in iputils' ping, absent here; how often is -i SECONDS",
    "-b": "a broadcast in iputils' ping, absent here: one probe, one host",
    "-B": "absent here; -I ADDRESS keeps the source",
    "-C": "connect in iputils' ping; here it is --accept=connected",
    "-g": "a range of hosts in fping, absent here; a file of hosts is --targets=FILE",
    "-l": "probes without waiting in iputils' ping; none waits here: how often is -i SECONDS",
    "-U": "round trips by the user's clock in iputils' ping; here it is --clock=user",
    "-v": "absent here: all is said",
    "-V": "the version in iputils' ping; here it is --version",
}
"""Letters that were ours in 0.1, or that other pings have, and what is to be said of them."""


def add_packets(group: Group) -> None:
    """Add what a probe is like."""
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
        "--tos",
        metavar="BYTE",
        type=readable(tos),
        help="DSCP and ECN as one byte, 0 to 255, 0x for hexadecimal.",
    )
    group.add_argument(
        "--dscp",
        metavar="DSCP",
        type=readable(dscp),
        help="DSCP alone, 0 to 63 or by name: EF, AF41, CS1.",
    )
    group.add_argument(
        "-M",
        "--mtu-discovery",
        metavar="HOW",
        choices=tuple(MTU_DISCOVERY),  # which shells complete; what is none of them, one_of says
        type=readable(one_of("-M", tuple(MTU_DISCOVERY))),
        help="What becomes of a probe that is too long for its path: do refuses it, want cuts it "
        "up here, dont lets routers cut it, probe sends it as it is and searches the path MTU "
        "after the run.",
    )


def add_sockets(group: Group) -> None:
    """Add where probes leave from, and whose replies count."""
    group.add_argument(
        "--flows",
        metavar="N",
        type=readable(whole_number("--flows", 1, MAX_FLOWS)),
        help="Source ports to probe each host from, in turn: as many paths of a load-balanced "
        "network; 1 unless said.",
    )
    group.add_argument(
        "--sport",
        metavar="PORT[-LAST]",
        action=Once,
        dest="source_ports",
        default=(),
        type=readable(source_ports),
        help="These source ports, a flow for each; the system chooses unless said.",
    )
    group.add_argument(
        "-I",
        "--interface",
        metavar="ADDRESS|NAME",
        action=Once,
        help="Source address, or network interface.",
    )
    group.add_argument(
        "--accept",
        metavar="WHOSE",
        default="matching",
        choices=("connected", "matching"),
        type=readable(one_of("--accept", ("connected", "matching"))),
        help="One socket for all hosts that checks who replies with what (matching, the default), "
        "or one for each, connected.",
    )
    group.add_argument(
        "--clock",
        metavar="WHOSE",
        default="kernel",
        choices=("kernel", "user"),
        type=readable(one_of("--clock", ("kernel", "user"))),
        help="Whose timestamps tell the round trips: kernel (the default) or user.",
    )
