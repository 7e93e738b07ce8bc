"""udpecho send: one request."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from udpecho.client import ConnectedEchoClient, EchoClient, MatchingEchoClient, Stranger
from udpecho.commands.send_options import SendSettings
from udpecho.commands.signals import Heed, ignore
from udpecho.commands.status import FAILED, NO_REPLY, OK
from udpecho.commands.wording import Say, describe_reply, describe_stranger
from udpecho.errors import Refused, ReplyTimeout
from udpecho.names import resolve
from udpecho.peer import Peer, format_peer, is_ipv6
from udpecho.reactors import IDatagramReactor


async def send(
    reactor: IDatagramReactor, asked: SendSettings, say: Say, complain: Say, heed: Heed = ignore
) -> int:
    """Send one request and say what came back.

    From when heed is called on, a cancellation ends it with a line.
    """

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
        heed(lambda: complain(f"udpecho: no reply yet from {format_peer((host, port))}"))
        say(f"local {format_peer(client.local_addresses[0])}")
        if isinstance(client, ConnectedEchoClient):
            reply = await client.request(message, timeout=timeout, retries=retries)
        else:
            reply = await client.request(message, (host, port), timeout=timeout, retries=retries)
    except (ReplyTimeout, Refused) as error:
        complain(f"udpecho: {error}")
        return NO_REPLY
    except CancelledError:
        complain("udpecho: interrupted")
        return FAILED
    finally:
        await client.close()
    say(describe_reply(reply))
    return OK
