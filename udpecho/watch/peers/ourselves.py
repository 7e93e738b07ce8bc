"""Which addresses are this machine's, so that no node is its own peer."""

from __future__ import annotations

import socket
from typing import Any

from udpecho.errors import BadAddress
from udpecho.names import with_scope
from udpecho.peer import is_ipv6
from udpecho.reactors import IDatagramSockets


def is_own_address(reactor: Any, address: str) -> bool:
    """Tell whether a socket binds to an address, in canonical form: then it is our machine's."""
    try:
        if IDatagramSockets.providedBy(reactor):
            reactor.open_datagram_socket(address, 0).close()
        else:
            family = socket.AF_INET6 if is_ipv6(address) else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as trial:
                trial.bind(with_scope(address, 0))
    except (OSError, BadAddress):
        return False
    return True
