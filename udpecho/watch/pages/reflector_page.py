"""The page of a node's reflector: who asks, what is not answered, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from ipaddress import ip_address

from udpecho.peer import format_peer
from udpecho.watch.node import WatchService
from udpecho.watch.pages.askers import Askers
from udpecho.watch.pages.html import figures_table, link_to, name, titled
from udpecho.watch.pages.views import PageView, Section

MOST_SHOWN = 32
_AN_INSTANT = 1.0


class ReflectorPage:
    """Tells of the reflector; who asks is counted from the first look on."""

    def __init__(self, node: WatchService, seconds: Callable[[], float]) -> None:
        self._node = node
        self._askers = Askers(seconds)

    def view(self) -> PageView:
        """Make the page."""
        self._askers.look()
        self._node.reflector.listen_in(self._askers.hear)
        node = name(self._node.config.node.name)
        above = f'<nav><a href="/">all peers</a></nav><h1>Who asks {node}</h1>'
        return PageView(f"who asks {self._node.config.node.name}", above, self._sections())

    def _sections(self) -> Iterator[Section | None]:
        yield Section("answered", figures_table(self._answered()))
        yield None
        yield Section("unanswered", titled("Not answered, and why", self._unanswered()))
        yield None
        yield Section("askers", titled("Who asks most", self._most()))

    def _answered(self) -> Iterator[tuple[str, str]]:
        counters = self._node.reflector.counters()
        yield "answers at", ", ".join(map(format_peer, self._node.reflector.addresses()))
        yield "received", f"{counters.received:,} datagrams, {counters.bytes_received:,} bytes"
        yield "echoed", f"{counters.echoed:,} datagrams, {counters.bytes_echoed:,} bytes"
        if counters.told:
            yield "questions about paths answered", f"{counters.told:,}"

    def _unanswered(self) -> Iterator[str]:
        counters = self._node.reflector.counters()
        reasons = {reason.value: times for reason, times in counters.unanswered.items() if times}
        errors = {f"could not be sent: {each}": n for each, n in counters.send_errors.items()}
        found = sorted((reasons | errors).items(), key=lambda pair: -pair[1])
        if not found:
            yield "<p>All that came was answered.</p>"
            return
        yield from figures_table((what, f"{times:,}") for what, times in found)

    def _most(self) -> Iterator[str]:
        seconds = self._askers.listened()
        if seconds < _AN_INSTANT:
            yield "<p>It is counted from now on: look again.</p>"
            return
        names = self._names()
        yield f"<p>In the last {seconds:.0f} s, since this page was first looked at.</p>"
        yield '<table class="figures"><thead><tr><th scope="col">address</th>'
        yield '<th scope="col">a second</th><th scope="col">peer</th></tr></thead><tbody>'
        for packed, times in self._askers.most(MOST_SHOWN):
            address = str(ip_address(packed))
            links = [
                f'<a href="{link_to(each)}">{name(each)}</a>' for each in names.get(address, ())
            ]
            yield (
                f'<tr><th scope="row">{escape(address)}</th><td>{times / seconds:.3g}</td>'
                f"<td>{', '.join(links)}</td></tr>"
            )
        yield "</tbody></table>"

    def _names(self) -> dict[str, list[str]]:
        """Give the peers by their addresses."""
        found: dict[str, list[str]] = {}
        for peer, probed in self._node.roll.items():
            if probed.address is not None:
                found.setdefault(probed.address[0], []).append(peer)
        return found
