"""udpecho send: one request."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.python import usage

from udpecho.client import ConnectedEchoClient, EchoClient, MatchingEchoClient, Reply, Stranger
from udpecho.commands.console import NO_REPLY, OK, Say, describe_reply, describe_stranger
from udpecho.commands.options import PATIENCE, Command
from udpecho.errors import Refused, ReplyTimeout
from udpecho.names import host_and_port, resolve
from udpecho.peer import Peer, format_peer
from udpecho.reactors import IDatagramReactor
from udpecho.values import one_of


class SendOptions(Command):
    """One request."""

    synopsis = "[options] HOST[:PORT] MESSAGE"
    longdesc = "Sends one datagram and prints who answered. An IPv6 address is [ADDRESS]:PORT."
    optParameters: ClassVar[list[list[object]]] = [
        [
            "accept",
            "a",
            "matching",
            "Whose reply to believe: any (anyone's), connected (the kernel drops strangers) "
            "or matching (the peer's, with the bytes that were sent).",
            one_of("--accept", ("any", "connected", "matching")),
        ],
        *PATIENCE,
    ]
    optFlags: ClassVar[list[list[str]]] = [
        ["ipv4", "4", "Use IPv4 only."],
        ["ipv6", "6", "Use IPv6 only."],
    ]

    def parseArgs(self, *args: str) -> None:
        """Read the host and the message."""
        if len(args) != 2:
            got = " ".join(map(repr, args)) or "nothing"
            raise usage.UsageError(f"expected HOST[:PORT] MESSAGE, got {got}")
        try:
            self["peer"] = host_and_port(args[0])
        except ValueError as error:
            raise usage.UsageError(str(error)) from error
        self["message"] = os.fsencode(args[1])

    def postOptions(self) -> None:
        """Settle the family."""
        if self["ipv4"] and self["ipv6"]:
            raise usage.UsageError("expected -4 or -6, got both")
        self["family"] = True if self["ipv6"] else False if self["ipv4"] else None


async def send(reactor: IDatagramReactor, options: Any, say: Say, complain: Say) -> int:
    """Send one request and say what came back."""

    def stranger(data: bytes, peer: Peer, reason: Stranger) -> None:
        say(describe_stranger(data, peer))

    host, port = await resolve(reactor, *options["peer"], ipv6=options["family"])
    wildcard = "::" if ":" in host else "0.0.0.0"
    patience = {"timeout": options["timeout"], "retries": options["retries"]}
    asked: Deferred[Reply]
    client: EchoClient | MatchingEchoClient | ConnectedEchoClient
    if options["accept"] == "connected":
        client = await ConnectedEchoClient.open(reactor, host, port, on_stranger=stranger)
    else:
        kind = EchoClient if options["accept"] == "any" else MatchingEchoClient
        client = await kind.open(reactor, wildcard, on_stranger=stranger)
    try:
        say(f"local {format_peer(client.local_addresses[0])}")
        if isinstance(client, ConnectedEchoClient):
            asked = client.request(options["message"], **patience)
        else:
            asked = client.request(options["message"], (host, port), **patience)
        reply = await asked
    except (ReplyTimeout, Refused) as error:
        complain(f"udpecho: {error}")
        return NO_REPLY
    finally:
        await client.close()
    say(describe_reply(reply))
    return OK
