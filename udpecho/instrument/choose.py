"""Which instrument measures: the kernel's where it can, else the reactor's."""

from __future__ import annotations

import errno

from twisted.internet.interfaces import IReactorFDSet

from udpecho.instrument.instrument import Instrument, SocketOptions
from udpecho.kernel.calls import has_batches
from udpecho.reactors import IDatagramReactor, IDatagramSockets


def choose_instrument(
    reactor: IDatagramReactor,
    options: SocketOptions,
    *,
    size: int,
    stamps: bool = True,
    rest_ns: int = 0,
) -> Instrument:
    """Return the best instrument that there is for this reactor, for probes of this size.

    rest_ns is for how long what comes may wait to be read where the kernel stamps it. Raises
    OSError if the options need what only Linux has.
    """
    if IReactorFDSet.providedBy(reactor) and has_batches():
        from udpecho.instrument.kernel import KernelInstrument

        return KernelInstrument(reactor, options, size=size, stamps=stamps, rest_ns=rest_ns)
    if IDatagramSockets.providedBy(reactor):
        from udpecho.instrument.values import ValueInstrument

        return ValueInstrument(reactor, options)
    if options.needs_linux:
        what = "an interface, TTL, traffic class or MTU discovery"
        raise OSError(errno.ENOTSUP, f"{what} can be set on Linux only")
    from udpecho.instrument.reactor import ReactorInstrument

    return ReactorInstrument(reactor, options)
