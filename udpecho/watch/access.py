"""Who may look at a node's pages, by where they are served: loopback, or what is asked for.

Reads Twisted's endpoint strings as far as that: what is wrong in them beyond, the endpoint tells.
"""

from __future__ import annotations

import re

from udpecho.hosts import canonical_host
from udpecho.peer import is_loopback
from udpecho.watch.readers import words
from udpecho.watch.settings import WebSettings
from udpecho.watch.tables import as_shown, bad_value

KINDS = ("tcp", "ssl", "unix")
_EXPECTED = "tcp:PORT[:interface=ADDRESS], ssl:PORT:… or unix:PATH"


def check_endpoint(option: str, value: object) -> str:
    """Read an endpoint's string, of a kind that we know who can reach. Raises ValueError."""
    text = words(_EXPECTED)(option, value)
    kind, *fields = _split(text)
    if kind not in KINDS or not fields or not fields[0]:
        raise bad_value(option, _EXPECTED, value)
    return text


def is_local(endpoint: str) -> bool:
    """Tell whether only this machine can reach what an endpoint serves."""
    kind, *fields = _split(endpoint)
    if kind == "unix":
        return True
    interface = [each for each in fields if each.startswith("interface=")]
    host = canonical_host(interface[0].partition("=")[2].strip("[]")) if interface else None
    return host is not None and is_loopback(host)


def check_access(web: WebSettings) -> None:
    """Raise ValueError if more would be told to more than the file says."""
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
    fields = re.split(r"(?<!\\):(?![^\[]*\])", endpoint)
    return [field.replace("\\:", ":") for field in fields]
