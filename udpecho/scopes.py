"""An IPv6 address's scope: a network interface, by its name and by its number.

Asks the system; no Twisted.
"""

from __future__ import annotations

import socket
from typing import Any


def without_scope(address: tuple[Any, ...]) -> tuple[str, int]:
    """Give an address of Python's socket methods as a host, which has the scope, and a port."""
    host, port, *rest = address
    return (f"{host}%{interface_name(rest[1])}" if rest and rest[1] else host), port


def interface_name(scope: str | int) -> str:
    """Name an interface that is given by number; leave alone what is a name, or is gone."""
    try:
        return socket.if_indextoname(int(scope))
    except (OSError, ValueError, OverflowError):
        return str(scope)
