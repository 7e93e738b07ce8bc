"""Who may look at a node's pages, by where they are served: loopback, or what is asked for.

Reads Twisted's endpoint strings as far as that: what is wrong in them beyond, the endpoint tells.
"""

from __future__ import annotations

import re

from udpecho.hosts import canonical_host
from udpecho.peer import is_loopback
from udpecho.watch.configuring.readers import LONGEST_NAME, words
from udpecho.watch.configuring.settings import WebSettings
from udpecho.watch.configuring.tables import as_shown, bad_value

KINDS = ("tcp", "ssl", "unix")
_EXPECTED = "tcp:PORT[:interface=ADDRESS], ssl:PORT:… or unix:PATH"

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?")
_NAMED = re.compile(r"([A-Za-z]+)=(.+)")
_ESCAPED = re.compile(r"\\[^:=\\]|\\$")
"""What Twisted reads as the sign itself, so that a name could be written in many ways."""


def check_endpoint(option: str, value: object) -> str:
    """Read an endpoint's string, of a kind that we know who can reach, as Twisted has it.

    An IPv6 address may stand in brackets. Raises ValueError.
    """
    text = words(_EXPECTED)(option, value)
    kind, *fields = _split(text)
    named = [_NAMED.fullmatch(each) for each in fields[1:]]
    names = [each[1] for each in named if each is not None]
    is_plain = len({*names}) == len(named) and not _ESCAPED.search(text)
    if kind not in KINDS or not fields or not fields[0] or not is_plain:
        raise bad_value(option, _EXPECTED, value)
    if kind != "unix" and "interface" in names:
        address = named[names.index("interface")][2]  # type: ignore[index] # all have matched
        host = _address(address)
        if host is None:
            raise bad_value(f"{option} interface=", "an address", address)
        fields[1 + names.index("interface")] = "interface=" + host.replace(":", "\\:")
    return ":".join((kind, *fields))


def is_local(endpoint: str) -> bool:
    """Tell whether only this machine can reach what an endpoint serves, as it was checked."""
    kind, *fields = _split(endpoint)
    if kind == "unix":
        return True
    interface = [each for each in fields if each.startswith("interface=")]
    host = _address(interface[0].partition("=")[2]) if interface else None
    return host is not None and is_loopback(host)


def _address(written: str) -> str | None:
    address = written.replace("\\:", ":")
    in_brackets = re.fullmatch(r"\[(.*:.*)\]", address)
    return canonical_host(in_brackets[1] if in_brackets else address)


def host_name(option: str, value: object) -> str:
    """Read a name as a Host header has it: by any other nobody would ask."""
    expected = "a host's name in ASCII, without port or scheme"
    text = words(expected, LONGEST_NAME)(option, value)
    if not _HOST_NAME.fullmatch(text) and canonical_host(text) is None:
        raise bad_value(option, expected, value)
    return text


def check_access(web: WebSettings) -> None:
    """Raise ValueError if more would be told to more than the file says."""
    if web.public and web.password_file is not None:
        raise ValueError("[web]: expected password_file or public = true, got both")
    beyond = [each for each in web.listen if not is_local(each)]
    if not beyond:
        return
    shown = as_shown(beyond[0])
    if not web.insecure and not all(each.startswith("ssl:") for each in beyond):
        expected = "ssl:… or insecure = true beyond loopback"
        raise ValueError(f"[web] listen: expected {expected}, got {shown}")
    if not web.public and web.password_file is None:
        expected = "password_file or public = true beyond loopback"
        raise ValueError(f"[web]: expected {expected}, got neither for {shown}")


def _split(endpoint: str) -> list[str]:
    r"""Take an endpoint's string apart at its colons; \: is none of them, nor one in brackets."""
    return re.split(r"(?<!\\):(?![^\[]*\])", endpoint)
