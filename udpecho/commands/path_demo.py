"""udpecho path --demo: a fabric in memory with a fault, and who finds it. Needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.internet.protocol import DatagramProtocol

from udpecho.commands.extras import wanting
from udpecho.commands.status import OK
from udpecho.commands.wording import Say

if TYPE_CHECKING:
    from udpecho.path import Paths
    from udpecho.testing import MemoryRouter

FLOWS = 8
COUNT, INTERVAL = 400, 0.05
"""Probes to each host, and seconds between two of them: twenty seconds of the network's time."""


class AnyEcho(DatagramProtocol):
    """What any host may run: it answers all."""

    def datagramReceived(self, data: bytes, peer: tuple[str, int]) -> None:
        """Send it back."""
        assert self.transport is not None
        self.transport.write(data, peer)


def path_demo(say: Say, seed: int = 1) -> int:
    """Ping all hosts of a fabric, trace who loses, and say where; then say what is true."""
    with wanting("ping"):
        from udpecho.path import traced
        from udpecho.ping import prepare
        from udpecho.show import standard_output
        from udpecho.show.path_text import paths_text, verdict_text
    from udpecho.testing import MemoryHost, demo_fabric

    def answer(host: MemoryHost, port: int) -> None:
        host.listenUDP(port, AnyEcho())

    net, source, targets, fault = demo_fabric(seed, answer=answer)
    sheet = standard_output()

    def tell(sentence: str) -> None:
        for line in sheet.wrap(sentence):
            say(line)

    tell(f"In memory: {len(targets)} hosts on as many leaves, four spines, {FLOWS} flows to each.")
    tell("After two seconds one link begins to lose what goes down it.")
    run = net.run_until(
        prepare(source, targets, count=COUNT, interval=INTERVAL, timeout=0.5, flows=FLOWS)
    )
    found = traced(run)
    net.run_until(found.start(), limit=120)
    verdict = found.verdict()
    names = {target for target, _ in verdict.losing}
    for paths in found.paths():
        if paths.target in names:
            say("")
            for line in paths_text(paths, sheet):
                say(line)
    say("")
    for line in verdict_text(verdict, sheet):
        say(line)
    say("")
    seen = _seen(found.paths())
    above, below = (_shown(router, seen) for router in (fault.above, fault.below))
    tell(f"The truth: what {above} sends to {below} is lost.")
    return OK


def _seen(looked_at: Sequence[Paths]) -> set[str]:
    hops = (hop for paths in looked_at for path in paths.paths for hop in path.hops)
    return {address for hop in hops for address in hop.addresses}


def _shown(router: MemoryRouter, seen: set[str]) -> str:
    """Write a router's name, and the addresses by which it was seen."""
    known = " and ".join(each for each in router.addresses if each in seen)
    return f"{router.name} ({known})" if known else router.name
