"""DNS as Kubernetes' is for a headless service, by twisted.names' server: a program of the tests.

Run as python -m tests.live.kube_dns ADDRESS PORT STATE ASKED: it answers as the file STATE says,
which is read for each question, and appends each question to the file ASKED. STATE is JSON:

    {"mode": "answers", "ttl": 5, "records": {"NAME": {"A": ["ADDRESS"], …}}}

A name that is not there is NXDOMAIN, a type that it has not an empty answer with an SOA record. The
other modes: "silent", "servfail", "truncated", which over UDP gives no more than the bit TC, and
"stuck", which does that and is silent over TCP.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.names.error import DomainError
from twisted.names.server import DNSServerFactory

KINDS = {dns.A: "A", dns.AAAA: "AAAA", dns.SRV: "SRV"}
DOMAIN = "cluster.local"


class Cluster:
    """What the service's name has now."""

    def __init__(self, state: Path, asked: Path) -> None:
        self.state = state
        self.asked = asked

    def now(self) -> dict[str, Any]:
        """Read the state."""
        found: dict[str, Any] = json.loads(self.state.read_text())
        return found

    def query(self, query: Any, timeout: object = None) -> Deferred[Any]:
        """Answer a question."""
        now = self.now()
        name, kind = query.name.name.decode().lower(), KINDS.get(query.type, str(query.type))
        with self.asked.open("a") as asked:
            asked.write(f"{name} {kind}\n")
        if now["mode"] == "silent":
            return Deferred()
        if now["mode"] == "servfail":
            return fail(RuntimeError("no upstream"))
        if name not in now["records"]:
            return fail(DomainError(name))
        found = now["records"][name].get(kind, [])
        answers = [_record(name, kind, each, now["ttl"]) for each in found]
        return succeed((answers, [] if answers else [_authority()], []))


class Server(DNSServerFactory):
    """Answers over UDP and TCP; over UDP only that there is more, if that is the mode."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(authorities=[cluster])
        self.cluster = cluster

    def sendReply(self, protocol: Any, message: Any, address: Any) -> None:
        """Send an answer."""
        mode = self.cluster.now()["mode"]
        if address is None and mode == "stuck":
            return
        if address is not None and mode in ("truncated", "stuck"):
            message.trunc, message.answers = 1, []
        super().sendReply(protocol, message, address)


def _record(name: str, kind: str, value: Any, ttl: int) -> Any:
    payload: Any
    if kind == "SRV":
        target, port = value
        payload = dns.Record_SRV(0, 100, port, target, ttl)
    elif kind == "A":
        payload = dns.Record_A(value, ttl)
    else:
        payload = dns.Record_AAAA(value, ttl)
    return dns.RRHeader(name, payload.TYPE, dns.IN, ttl, payload, auth=True)


def _authority() -> Any:
    payload = dns.Record_SOA(f"ns.dns.{DOMAIN}", f"hostmaster.{DOMAIN}", 1, 7200, 1800, 86400, 5, 5)
    return dns.RRHeader(DOMAIN, dns.SOA, dns.IN, 5, payload, auth=True)


def main() -> None:
    """Serve until told to stop."""
    address, port, state, asked = sys.argv[1:]
    server = Server(Cluster(Path(state), Path(asked)))
    does: Any = reactor
    does.listenUDP(int(port), dns.DNSDatagramProtocol(server), address)
    does.listenTCP(int(port), server, interface=address)
    print("answering", flush=True)
    does.run()


if __name__ == "__main__":
    main()
