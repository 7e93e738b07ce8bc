"""The hosts of a ping, their names looked up: before it begins, and again while it goes on.

By the reactor's resolver, a few at a time, and never in the way of a probe: what is known is
probed at once, the others as they come. A host keeps its address while that is among those
that its name has; when it no longer is, the host moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from math import inf

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from udpecho.errors import BadAddress, ResolveFailed, UdpEchoError
from udpecho.hosts import canonical_host
from udpecho.names import NamedHost, addresses, unmapped, with_scope
from udpecho.peer import is_ipv6
from udpecho.ping.inquiries import ANSWER_SECONDS, Enough, Inquiries, NoAnswer
from udpecho.ping.lookup_times import LookupTimes
from udpecho.ping.outcome import Naming, Readdressed, Unresolved
from udpecho.ping.plan import Target
from udpecho.ping.roster import Roster
from udpecho.reactors import IDatagramReactor, monotonic_clock
from udpecho.shown import quoted, short

TICK_SECONDS = 0.04
"""How often at most to see whose turn it is: those of 40 ms are looked at together."""


class Lookups:
    """Who has which address; the company of a run."""

    def __init__(
        self,
        reactor: IDatagramReactor,
        hosts: Sequence[NamedHost],
        *,
        ipv6: bool | None,
        interface: str | None,
        every: float,
        on_unresolved: Callable[[UdpEchoError], None],
        on_naming: Callable[[Naming], None],
    ) -> None:
        """Ask nothing yet. every is in seconds, 0 for never again (see lookup_times)."""
        self._reactor = reactor
        self._seconds = monotonic_clock(reactor)
        self._ipv6 = ipv6
        self._interface = interface
        self._every = every
        self._on_unresolved = on_unresolved
        self._on_naming = on_naming
        named = ((host, port, (*name, host)[0]) for host, port, *name in hosts)
        self._hosts = dict(enumerate(dict.fromkeys(named)))
        self._numbers = count(len(self._hosts))
        self._targets: dict[int, Target] = {}
        self._failed: dict[int, UdpEchoError] = {}
        self._times = LookupTimes(every)
        self._inquiries = Inquiries(reactor, self._look_up, self._settle)
        self._enough = Enough(reactor)
        self._roster: Roster | None = None
        self._fail: Callable[[Failure], None] = self._enough.fail
        self._alarm: IDelayedCall | None = None

    @property
    def awaits(self) -> bool:
        """Tell whether there are names of which nothing has been heard yet."""
        return len(self._targets) + len(self._failed) < len(self._hosts)

    @property
    def expects(self) -> int:
        """How many hosts may still get an address."""
        numbers = range(len(self._hosts))
        return sum(
            number not in self._targets and not self._is_hopeless(number) for number in numbers
        )

    def _is_hopeless(self, number: int) -> bool:
        """Tell whether a host has failed for good: no name, no host's address, never asked again.

        A missing interface may yet come.
        """
        error = self._failed.get(number)
        if error is None or self._every == 0:
            return error is not None
        return isinstance(error, BadAddress) and "%" not in self._hosts[number][0]

    async def first(self, *, of_all: bool) -> list[Target]:
        """Find who has an address: those that are known soon, or all; without any, wait for one.

        of_all raises what is wrong with the first that has none.
        """
        self._inquiries.ask(sorted(self._hosts, key=self._is_name))  # addresses are known at once
        try:
            while self.awaits and (of_all or not self._targets or not self._enough.is_late):
                await self._enough.wait()
        except BaseException:
            self.end()
            raise
        self._enough.cancel()
        if of_all and self._failed:
            self.end()
            raise self._failed[min(self._failed)]
        return [self._targets[number] for number in sorted(self._targets)]

    # While the run goes on.

    def begin(self, roster: Roster, fail: Callable[[Failure], None]) -> None:
        """Look names up again from now on, and have hosts join and move."""
        self._roster, self._fail = roster, fail
        for number, target in list(self._targets.items()):
            if target not in roster:
                del self._targets[number]
                self._settle(number, [target.peer[0]])
        for number in filter(self._is_name, self._targets):
            self._times.begin(number, self._seconds())
        self._set_alarm()

    def join(self, host: str, port: int, name: str) -> int:
        """Have a host probed, too, as soon as it has an address; return its number."""
        number = next(self._numbers)
        self._hosts[number] = host, port, name
        self._inquiries.ask([number])
        return number

    def leave(self, number: int) -> None:
        """Have a host that joined probed no more, and its name looked up no more."""
        del self._hosts[number]
        self._failed.pop(number, None)
        self._times.forget(number)
        target = self._targets.pop(number, None)
        if target is not None and self._roster is not None and target in self._roster:
            self._roster.retire(target)

    def end(self) -> None:
        """Look nothing up any more; who was to be probed, and never was, is told of."""
        self._inquiries.end()
        self._enough.cancel()
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        if self._roster is not None:
            self._give_up()

    def _give_up(self) -> None:
        """Tell whose names nothing has been heard of until the end."""
        try:
            for number, (host, _, _) in self._hosts.items():
                if number not in self._targets and number not in self._failed:
                    self._take_failure(number, ResolveFailed(f"no answer yet about {quoted(host)}"))
        except Exception:
            self._fail(Failure())

    def _set_alarm(self) -> None:
        """Wake up when the next name's turn is, or a little later with others."""
        if self._roster is None or self._times.next == inf:
            return
        delay = max(TICK_SECONDS, self._times.next - self._seconds())
        if self._alarm is None or not self._alarm.active():
            self._alarm = self._reactor.callLater(delay, self._look_again)
        elif self._alarm.getTime() > self._reactor.seconds() + delay:
            self._alarm.reset(delay)

    def _look_again(self) -> None:
        """Look up whose turn it is."""
        due = self._times.due(self._seconds(), self._counts)
        targets, roster = self._targets, self._roster
        had_all = {
            n for n in due if n in targets and roster is not None and targets[n] not in roster
        }
        self._inquiries.ask([number for number in due if number not in had_all])
        self._set_alarm()

    def _counts(self, number: int) -> tuple[int, int] | None:
        target = self._targets.get(number)
        return None if target is None or self._roster is None else self._roster.heard(target)

    # What a name's look-up gives.

    def _is_name(self, number: int) -> bool:
        return canonical_host(self._hosts[number][0]) is None

    def _look_up(self, number: int) -> Deferred[list[str]]:
        if number not in self._hosts:  # it has left
            return succeed([])
        host, port, _ = self._hosts[number]
        canonical = canonical_host(host)
        return addresses(
            self._reactor,
            host if canonical is None else unmapped(canonical),
            port,
            ipv6=self._ipv6,
            interface=self._interface,
        )

    def _settle(self, number: int, result: list[str] | Failure) -> None:
        """Take what was found of a name, or why nothing was."""
        if number not in self._hosts:
            return
        try:
            self._take(number, result)
        except Exception:
            self._fail(Failure())
        self._enough.look()
        self._set_alarm()

    def _take(self, number: int, result: list[str] | Failure) -> None:
        host = self._hosts[number][0]
        if isinstance(result, Failure):
            self._take_failure(number, _why(host, result.value))
            return
        try:
            readdressed = self._take_addresses(number, result)
        except (OSError, UdpEchoError) as error:
            self._take_failure(number, _why(host, error))
            return
        self._failed.pop(number, None)
        if self._roster is not None and self._is_name(number):
            self._times.found(number, self._seconds())
        else:  # an address is what it is, once its interface is there
            self._times.forget(number)
        if readdressed is not None:
            self._on_naming(readdressed)

    def _take_addresses(self, number: int, found: list[str]) -> Readdressed | None:
        """Give a host its address, if it has none or an old one."""
        host, port, name = self._hosts[number]
        usable = [each for each in map(unmapped, found) if not self._ipv6 or is_ipv6(each)]
        old = self._targets.get(number)
        if old is not None and old.peer[0] in usable:
            return None
        if not usable:
            raise ResolveFailed(f"no address found for {quoted(host)}")
        new = Target(name, (usable[0], port))
        with_scope(*new.peer)
        if self._roster is None:
            self._targets[number] = new
            return None
        if old is None:
            self._roster.add(new)
        elif old in self._roster:
            self._roster.move(old, new)
        else:
            return None
        self._targets[number] = new
        return Readdressed(self._now(), name, None if old is None else old.peer, new.peer)

    def _take_failure(self, number: int, error: UdpEchoError) -> None:
        """Keep the address that a host has; without one, tell, and try again later."""
        if number in self._targets:
            return
        self._times.failed(number, self._seconds())
        is_new = number not in self._failed
        self._failed[number] = error
        if is_new:
            _, port, name = self._hosts[number]
            self._on_unresolved(error)
            self._on_naming(Unresolved(self._now(), name, port, str(error)))

    def _now(self) -> int:
        return round(self._seconds() * 1e9)


def _why(host: str, error: BaseException | None) -> UdpEchoError:
    """Word what is wrong with a host, so that it is named."""
    if isinstance(error, NoAnswer):
        return ResolveFailed(f"no answer about {quoted(host)} within {ANSWER_SECONDS:g} s")
    if isinstance(error, OSError) and not isinstance(error, UdpEchoError):
        return ResolveFailed(f"can't probe {short(host)}: {error.strerror or error}")
    if isinstance(error, BadAddress) and not any(
        each in str(error) for each in (host, quoted(host))
    ):
        return BadAddress(error.address, f"{short(host)}: {error}")
    return error if isinstance(error, UdpEchoError) else ResolveFailed(f"{short(host)}: {error}")
