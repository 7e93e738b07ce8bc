"""What our port tells a protocol, and whoever asks, beyond what Twisted's does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from errno import errorcode
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any, NoReturn

from twisted.logger import Logger
from zope.interface import Attribute, Interface, providedBy
from zope.interface.declarations import Declaration

from udpecho.port.batch import Batch
from udpecho.refusal import Refusal

_log = Logger()


class IBatchProtocol(Interface):
    """What a DatagramProtocol may have beyond its own hooks; each of these is optional.

    Those count that its class defines, or that it has if it provides this interface: there are
    protocols that have an attribute of any name. They are looked up when they are called, but
    takesTrains, and whether there is peerRefused or errorsReceived, when the protocol is given to
    the port.
    """

    takesTrains: bool = Attribute(
        """Whether the kernel is to hand over datagrams of one flow together (GRO).

        For whoever echoes them together, too: a batch may then have thousands of datagrams.
        """
    )

    def batchReceived(batch: Batch) -> None:  # noqa: N805 (a zope interface has no self)
        """Take what arrived together; datagramReceived is then never called.

        The batch is valid until this returns. If the socket is bound to one address, its
        senders' addresses don't tell the interface.
        """

    def wantsTimestamps() -> bool:
        """Tell whether the next batch is to tell when its datagrams came.

        It is asked before each reading, of a port with timestamps=True: to tell takes time, and
        the kernel notes it anyway. Without this, every batch does.
        """

    def peerRefused(refusal: Refusal) -> None:  # noqa: N805
        """Hear that ICMP refused a datagram.

        Where there is this, it is called in place of connectionRefused, connected or not. Anyone
        can forge a refusal. Never called from within write().
        """

    def datagramNotSent(data: bytes, addr: tuple[str, int] | None, error: OSError) -> None:  # noqa: N805
        """Hear that the kernel would not send what was written to addr; error.errno says why.

        It may come before that write() has returned, but not from within another call of it.
        """


class ErrorCounts(dict[str, int]):
    """How often the kernel said what, by the error's name: a dict that can't be changed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("what a port has counted can't be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (dict(self),)


def by_name(counts: Mapping[int, int]) -> ErrorCounts:
    """Give what is counted by errno by the errors' names."""
    return ErrorCounts((errorcode.get(each, str(each)), times) for each, times in counts.items())


@dataclass(frozen=True, slots=True)
class PortCounters:
    """What a port has met with so far, in datagrams; None is what it can't count."""

    dropped: int | None = 0
    """Lost by the kernel because the receive buffer was full."""

    too_long: int | None = 0
    """Longer than maxPacketSize, and not delivered."""

    mapped: int | None = 0
    """Not delivered because they came over IPv6 with an IPv4 source."""

    strangers: int | None = 0
    """Not delivered because a connected port's peer did not send them: they came before."""

    refused: int | None = 0
    """Sent, and refused by ICMP."""

    not_sent: Mapping[str, int] | None = field(default_factory=ErrorCounts)
    """Written, but not sent by the kernel, by the error's name ("EAGAIN"). What a batch's echo()
    could not send, it returns."""


def has_hook(protocol: object, name: str) -> bool:
    """Tell whether a protocol has one of our hooks now: by its class, or since it says so.

    Which function it is, the protocol is asked for at each call, as for Twisted's own hooks.
    """
    return may_have_hook(protocol, name) and getattr(protocol, name, None) is not None


def may_have_hook(protocol: object, name: str) -> bool:
    """Tell whether a protocol may have one of our hooks, now or later."""
    return any(name in vars(each) for each in type(protocol).__mro__) or _says_so(protocol)


def teller_of_not_sent(protocol: Any) -> Callable[[bytes, Any, OSError], None] | None:
    """Give what tells a protocol's datagramNotSent, if it has it then; None if it can't have it."""
    if not may_have_hook(protocol, "datagramNotSent"):
        return None

    def tell(data: bytes, addr: Any, error: OSError) -> None:
        hook = getattr(protocol, "datagramNotSent", None)
        if hook is not None:
            hook(data, addr, error)

    return tell


def check_hooks(protocol: object) -> None:
    """Say which of our hooks don't count, since they were set on the protocol alone.

    Raises TypeError for one whose peerRefused takes what it took before 0.2, or that has a
    coroutine function for a hook: nobody would await it, and nothing of it would run.
    """
    for name in IBatchProtocol:
        if has_hook(protocol, name) and iscoroutinefunction(getattr(protocol, name)):
            raise TypeError(
                f"{type(protocol).__qualname__}: expected {name} to be a plain function,"
                " got one that must be awaited (have it call Deferred.fromCoroutine)"
            )
        if not has_hook(protocol, name) and _on_its_own(protocol, name) is not None:
            _log.warn(
                "{protocol}: its {name} is not used, as its class does not define it"
                " (let the protocol provide udpecho.IBatchProtocol)",
                protocol=type(protocol).__qualname__,
                name=name,
            )
    if has_hook(protocol, "peerRefused"):
        _check_refused(protocol)


def _on_its_own(protocol: object, name: str) -> object:
    """Give what was set on an object, if that was; no __getattr__ of its is asked.

    Nor is its __dict__: to look at that makes all its attributes slower (CPython 3.11 and 3.12).
    """
    try:
        return object.__getattribute__(protocol, name)
    except AttributeError:
        return None


def _says_so(protocol: object) -> bool:
    """Tell whether it provides IBatchProtocol: by zope's word, not by a catch-all __getattr__'s."""
    declared = providedBy(protocol)
    return isinstance(declared, Declaration) and declared.isOrExtends(IBatchProtocol)


def _check_refused(protocol: Any) -> None:
    hook = protocol.peerRefused
    try:
        taken = signature(hook)
    except (TypeError, ValueError):  # it can't be called, or is written in C without a signature
        return
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    named = [each for each in taken.parameters.values() if each.kind in positional]
    try:
        taken.bind(None)
        if len(named) > 2:  # by its defaults it can be called, and takes a refusal for a peer
            raise TypeError
    except TypeError:
        raise TypeError(
            f"{type(protocol).__qualname__}: expected peerRefused(refusal), got peerRefused{taken}"
        ) from None
