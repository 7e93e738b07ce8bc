"""Whose certificates are believed, and by what this node says who it is: both by file."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from twisted.web.client import BrowserLikePolicyForHTTPS

from udpecho.watch.configuring.settings import MeshSettings, PeerSource
from udpecho.watch.configuring.tables import BadConfig
from udpecho.watch.peers.files import read_text

_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def policy_for(url: str, ca_file: Path | None) -> BrowserLikePolicyForHTTPS:
    """Say whose certificates an URL's server may have: the system's, or those of a file in PEM.

    Raises OSError or ValueError for what can't be read, and ModuleNotFoundError if the URL is an
    https one, without pyOpenSSL or service-identity.
    """
    if not url.startswith("https:"):
        return BrowserLikePolicyForHTTPS()
    import service_identity as service_identity  # without it Twisted would look at a name alone
    from twisted.internet.ssl import Certificate, trustRootFromCertificates

    if ca_file is None:
        return BrowserLikePolicyForHTTPS()
    text = read_text(ca_file)
    try:
        found = [Certificate.loadPEM(each) for each in _PEM.findall(text)]
    except Exception as error:  # whatever OpenSSL makes of it
        found, why = [], str(error)
    else:
        why = "none"
    if not found:
        raise ValueError(f"expected certificates in PEM, got {why}: {ca_file}")
    return BrowserLikePolicyForHTTPS(trustRootFromCertificates(found))


def check_mesh(mesh: MeshSettings, base: Path) -> None:
    """Raise BadConfig if other nodes can't be asked as is said, for want of files or libraries."""
    option, file = "credentials_file", mesh.credentials_file
    try:
        if file is not None:
            basic(base / file)
        option, file = ("web", None) if mesh.ca_file is None else ("ca_file", mesh.ca_file)
        policy_for(mesh.web or "", None if file is None else base / file)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        why = why_not(error, file)
        raise BadConfig(f"{mesh.where}: [mesh] {option}: {why}") from None


def check_sources(sources: Iterable[PeerSource]) -> None:
    """Raise BadConfig if a server of peers can't be asked as is said, for want of libraries."""
    for each in sources:
        try:
            policy_for(each.names[0] if each.kind == "http" else "", None)
        except ModuleNotFoundError as error:
            raise BadConfig(f"{each.where}: [[peers]] http: {why_not(error, None)}") from None


def why_not(error: Exception, file: object) -> str:
    """Say in a line what is missing: a library for https, or what a file should be or have."""
    if isinstance(error, ModuleNotFoundError):
        return (
            f"expected pyOpenSSL and service-identity for https, got no {error.name}; both come "
            "with: pip install 'udpecho[watch-access]'"
        )
    if isinstance(error, OSError):
        return f"can't open {file}: {error.strerror or error}"
    return str(error)


def basic(file: Path) -> bytes:
    """Give the header Authorization for USER:PASSWORD, which a file has in a line (RFC 7617).

    Raises OSError or ValueError.
    """
    line = read_text(file).strip("\r\n")
    user, colon, _ = line.partition(":")
    if not (user and colon and line.isprintable()):
        raise ValueError(f"expected USER:PASSWORD in one line, got none: {file}")
    return b"Basic " + b64encode(line.encode())
