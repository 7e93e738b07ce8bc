"""udpecho send: one request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar, Literal

from twisted.python import usage

from udpecho.client import (
    RETRIES,
    TIMEOUT,
    ConnectedEchoClient,
    EchoClient,
    MatchingEchoClient,
    Stranger,
)
from udpecho.commands.options import PATIENCE, Command, chosen_family
from udpecho.commands.status import NO_REPLY, OK
from udpecho.commands.wording import Say, describe_reply, describe_stranger
from udpecho.errors import Refused, ReplyTimeout
from udpecho.names import host_and_port, resolve
from udpecho.peer import Peer, format_peer, is_ipv6
from udpecho.reactors import IDatagramReactor
from udpecho.values import one_of


@dataclass(frozen=True, slots=True)
class SendSettings:
    """What is asked of send; timeout is in seconds."""

    host: str
    port: int
    message: bytes
    accept: Literal["any", "connected", "matching"] = "matching"
    ipv6: bool | None = None
    timeout: float = TIMEOUT
    retries: int = RETRIES


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

    def settings(self) -> SendSettings:
        """Say what was asked for; raises UsageError."""
        host, port = self["peer"]
        return SendSettings(
            host,
            port,
            message=self["message"],
            accept=self["accept"],
            ipv6=chosen_family(self),
            timeout=self["timeout"],
            retries=self["retries"],
        )


async def send(reactor: IDatagramReactor, asked: SendSettings, say: Say, complain: Say) -> int:
    """Send one request and say what came back."""

    def stranger(data: bytes, peer: Peer, reason: Stranger) -> None:
        say(describe_stranger(data, peer))

    host, port = await resolve(reactor, asked.host, asked.port, ipv6=asked.ipv6)
    wildcard = "::" if is_ipv6(host) else "0.0.0.0"
    message, timeout, retries = asked.message, asked.timeout, asked.retries
    client: EchoClient | MatchingEchoClient | ConnectedEchoClient
    if asked.accept == "connected":
        client = await ConnectedEchoClient.open(reactor, host, port, on_stranger=stranger)
    else:
        kind = EchoClient if asked.accept == "any" else MatchingEchoClient
        client = await kind.open(reactor, wildcard, on_stranger=stranger)
    try:
        say(f"local {format_peer(client.local_addresses[0])}")
        if isinstance(client, ConnectedEchoClient):
            reply = await client.request(message, timeout=timeout, retries=retries)
        else:
            reply = await client.request(message, (host, port), timeout=timeout, retries=retries)
    except (ReplyTimeout, Refused) as error:
        complain(f"udpecho: {error}")
        return NO_REPLY
    finally:
        await client.close()
    say(describe_reply(reply))
    return OK
