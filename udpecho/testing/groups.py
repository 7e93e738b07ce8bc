"""Who hears what is sent to many: broadcast, and the multicast groups that sockets join."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from udpecho.peer import is_ipv6

IPV4_BROADCAST = "255.255.255.255"

FIRST_MULTICAST, LAST_MULTICAST = 224, 239
"""IPv4's groups by their first byte (RFC 5771); IPv6's begin with ff (RFC 4291)."""


def is_multicast(host: str) -> bool:
    """Tell whether an address in canonical form is a multicast group's."""
    if is_ipv6(host):
        return host.startswith("ff")
    return FIRST_MULTICAST <= int(host.partition(".")[0]) <= LAST_MULTICAST


def is_group(host: str) -> bool:
    """Tell whether what is sent to an address in canonical form goes to many."""
    return host == IPV4_BROADCAST or is_multicast(host)


def group_of(host: str) -> str:
    """Name a group without the scope that an IPv6 address may have: there is one network."""
    return host.partition("%")[0]


class Groups:
    """The multicast groups of one host: which of its sockets joined which."""

    def __init__(self, join: Callable[[str], None], leave: Callable[[str], None]) -> None:
        """Take what is called with a group when its first socket joins, and its last leaves."""
        self._join, self._leave = join, leave
        self._members: dict[str, set[object]] = {}

    def join(self, sock: object, group: str) -> None:
        """Let a socket join a group, or raise what the kernel does (ip(7), IP_ADD_MEMBERSHIP)."""
        if not is_multicast(group):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        members = self._members.setdefault(group, set())
        if sock in members:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        members.add(sock)
        if len(members) == 1:
            self._join(group)

    def leave(self, sock: object, group: str) -> None:
        """Let a socket leave a group, or raise OSError if it has not joined it."""
        members = self._members.get(group, set())
        if sock not in members:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        members.discard(sock)
        if not members:
            del self._members[group]
            self._leave(group)

    def leave_all(self, sock: object) -> None:
        """Let a socket that is closed leave all its groups."""
        for group in [group for group, members in self._members.items() if sock in members]:
            self.leave(sock, group)
