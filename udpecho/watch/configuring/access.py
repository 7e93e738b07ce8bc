"""Who may look at a node's pages, by where they are served: loopback, or what is asked for.

Reads Twisted's endpoint strings whole, as Twisted's parser says what is wrong in Python's words, or
not before it listens; only what the system alone knows, as files, is left to the endpoint.
"""

from __future__ import annotations

import re

from udpecho.hosts import canonical_host
from udpecho.peer import MAX_PORT, is_loopback
from udpecho.watch.configuring.readers import LONGEST_NAME, words
from udpecho.watch.configuring.settings import WebSettings
from udpecho.watch.configuring.tables import as_shown, bad_value, meant

_ON_TCP = "port", "interface", "backlog"
_FILES = "privateKey", "certKey", "extraCertChain", "dhParameters"
KINDS = {
    "tcp": _ON_TCP,
    "ssl": (*_ON_TCP, *_FILES, "sslmethod"),
    "unix": ("address", "mode", "backlog", "lockfile"),
}
"""What each kind of endpoint may have; the first has to be there, and may go without its name."""

_EXPECTED = "tcp:PORT[:interface=ADDRESS], ssl:PORT:… or unix:PATH"

_HIGHEST = {"port": MAX_PORT, "backlog": 2**31 - 1, "lockfile": 1}
_NUMBER = re.compile(r"[0-9]{1,10}")
_MODE = re.compile(r"(?:0o?)?[0-7]{3}")

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?")
_EQUALS = re.compile(r"(?<!\\)=")
_ESCAPED = re.compile(r"\\[^:=]|\\$")
"""What Twisted reads as the sign itself, so that a name could be written in many ways."""


def check_endpoint(option: str, value: object) -> str:
    """Read an endpoint's string, of a kind that we know who can reach, as Twisted has it.

    An IPv6 address may stand in brackets. Raises ValueError.
    """
    text = words(_EXPECTED)(option, value)
    kind, *fields = _split(text)
    if kind not in KINDS or not fields or _ESCAPED.search(text):
        raise bad_value(option, _EXPECTED, value)
    known = KINDS[kind]
    named = [_EQUALS.split(each, 1) for each in fields]
    if len(named[0]) == 1:
        named[0].insert(0, known[0])
    names = [each[0] for each in named]
    if not all(len(each) == 2 and each[1] for each in named):
        raise bad_value(option, _EXPECTED, value)
    for name in names:
        if name not in known:
            expected, got = f"one of {', '.join(known)}", f"{as_shown(name)}{meant(name, known)}"
            raise ValueError(f"{option} {kind}: expected {expected}, got {got}")
    if known[0] not in names or len({*names}) < len(names):
        raise bad_value(option, _EXPECTED, value)
    read = {name: _content(f"{option} {name}=", name, written) for name, written in named}
    first = "" if _EQUALS.search(fields[0]) else read.pop(known[0])
    return ":".join([kind, *filter(None, [first]), *map("=".join, read.items())])


def _content(option: str, name: str, written: str) -> str:
    r"""Read what a field has, and write it so that each colon in it is \:. Raises ValueError."""
    if name == "interface":
        host = _address(written)
        if host is None:
            raise bad_value(option, "an address", written)
        written = host
    highest = _HIGHEST.get(name)
    if highest is not None and not (_NUMBER.fullmatch(written) and int(written) <= highest):
        raise bad_value(option, f"a whole number from 0 to {highest}", written)
    if name == "mode" and not _MODE.fullmatch(written):
        raise bad_value(option, "three octal digits, as 660", written)
    return written.replace("\\:", ":").replace(":", "\\:")


def is_local(endpoint: str) -> bool:
    """Tell whether only this machine can reach what an endpoint serves, as it was checked."""
    kind, *fields = _split(endpoint)
    if kind == "unix":
        return True
    interface = [each for each in fields if each.startswith("interface=")]
    host = _address(interface[0].partition("=")[2]) if interface else None
    return host is not None and is_loopback(host)


def files_of(endpoint: str) -> list[str]:
    """Name the files that an endpoint reads, as it was checked, by Twisted's default."""
    kind, *fields = _split(endpoint)
    if kind != "ssl":
        return []
    named = dict(each.split("=", 1) for each in fields if "=" in each)
    written = {"privateKey": "server.pem"} | named
    return [re.sub(r"\\(.)", r"\1", written[each]) for each in _FILES if each in written]


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
        expected = "interface=127.0.0.1, or beyond loopback ssl:… or insecure = true"
        raise ValueError(f"[web] listen: expected {expected}, got {shown}")
    if not web.public and web.password_file is None:
        expected = "password_file or public = true beyond loopback"
        raise ValueError(f"[web]: expected {expected}, got neither for {shown}")


def _split(endpoint: str) -> list[str]:
    r"""Take an endpoint's string apart at its colons; \: is none of them, nor one in brackets."""
    return re.split(r"(?<!\\):(?![^\[]*\])", endpoint)
