"""The udpecho command: parses, runs the reactor, prints, and owns the exit statuses.

0: a reply came. 1: none did. 2: anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.python import usage
from twisted.python.failure import Failure

from udpecho.asking import RETRIES, TIMEOUT, Stranger
from udpecho.cli_ping import ping_command, report_command
from udpecho.client import ConnectedEchoClient, EchoClient, MatchingEchoClient
from udpecho.console import Console, open_console, printable
from udpecho.errors import ClientClosed, Refused, ReplyTimeout, UdpEchoError
from udpecho.options import (
    DEFAULT_PORT,
    Command,
    host_and_port,
    one_of,
    port_number,
    seconds,
    whole_number,
)
from udpecho.peer import Peer, format_peer, resolve
from udpecho.ping_options import PingOptions, ReportOptions
from udpecho.reactors import IDatagramReactor
from udpecho.request import Reply

OK, NO_REPLY, FAILED = 0, 1, 2

Say = Callable[[str], None]

_PATIENCE: list[list[object]] = [
    ["timeout", "t", TIMEOUT, "Seconds to wait, doubled at each retry.", seconds("--timeout")],
    ["retries", "r", RETRIES, "Attempts after the first.", whole_number("--retries", 0, 1000)],
]


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
        *_PATIENCE,
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


class TalkOptions(Command):
    """Many servers, by hand."""

    synopsis = "[options]"
    longdesc = (
        "Reads lines of HOST[:PORT] MESSAGE, sends each at once, and prints replies and "
        "strangers as they come. An empty line shows who still owes a reply. At the end of "
        "input it waits for what is outstanding. Exit status: 0 if every request was answered, "
        "1 if one was not, 2 if a line could not be sent."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["port", "p", DEFAULT_PORT, "Port where a line names none.", port_number("--port")],
        *_PATIENCE,
    ]


class Options(Command):
    """The commands."""

    synopsis = "COMMAND [options]"
    longdesc = "UDP done carefully. udpecho COMMAND --help tells of each."
    subCommands: ClassVar[list[list[object]]] = [
        ["send", None, SendOptions, "Send one datagram and print who answered."],
        ["talk", None, TalkOptions, "Ask many servers, line by line."],
        ["ping", None, PingOptions, "Measure loss, delay, jitter and reordering."],
        ["report", None, ReportOptions, "Show a saved ping again."],
    ]

    def postOptions(self) -> None:
        """Want a command."""
        if self.subCommand is None:
            names = " or ".join(str(command[0]) for command in self.subCommands)
            raise usage.UsageError(f"expected a command, {names}, got none")


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


class Talk:
    """A conversation with many servers: each line a request, its outcome another line."""

    client: MatchingEchoClient
    console: Console

    def __init__(self, options: Any) -> None:
        self._port: int = options["port"]
        self._patience = {"timeout": options["timeout"], "retries": options["retries"]}
        self._outstanding = 0
        self._misread = 0
        self._ended = False
        self.over: Deferred[None] = Deferred()
        """Fires when the input has ended and nothing is outstanding."""

    def line(self, text: str) -> None:
        """Send what a line says, or show who owes a reply if it is empty."""
        if not text.strip():
            owing = ", ".join(map(format_peer, self.client.pending_peers()))
            self.console.say(f"pending {owing or 'none'}")
            return
        where, space, message = text.lstrip().partition(" ")
        try:
            if not space:
                raise ValueError(f"expected HOST[:PORT] MESSAGE, got {text!r}")
            address = host_and_port(where, self._port)
        except ValueError as error:
            self._misread += 1
            self.console.complain(f"udpecho: {error}")
            return
        self._outstanding += 1
        data = message.encode("utf-8", "surrogateescape")
        asked = self.client.request(data, address, **self._patience)
        asked.addCallbacks(self._replied, self._failed).addBoth(self._settled)

    def stranger(self, data: bytes, peer: Peer, reason: Stranger) -> None:
        """Show a datagram that is nobody's reply."""
        self.console.say(describe_stranger(data, peer))

    def end(self) -> None:
        """Take no more lines."""
        self._ended = True
        self._check_over()

    def summary(self) -> tuple[str, int]:
        """Sum up in a line and in an exit status."""
        count = self.client.counters()
        no_reply = count.timed_out + count.refused
        text = (
            f"{count.requests} requests, {count.replied} replies, {count.timed_out} timed out, "
            f"{count.refused} refused, {count.strangers} strangers"
        )
        if self._misread or count.requests > count.replied + no_reply:
            return text, FAILED
        return text, NO_REPLY if no_reply else OK

    def _replied(self, reply: Reply) -> None:
        self.console.say(describe_reply(reply))

    def _failed(self, failure: Failure) -> None:
        if not failure.check(ClientClosed):  # which ends all of them, as the summary says
            self.console.complain(f"udpecho: {failure.getErrorMessage()}")

    def _settled(self, _: None) -> None:
        self._outstanding -= 1
        self._check_over()

    def _check_over(self) -> None:
        if self._ended and not self._outstanding and not self.over.called:
            self.over.callback(None)


async def talk(reactor: IDatagramReactor, options: Any) -> int:
    """Ask what standard input says, until it ends or the user interrupts."""
    conversation = Talk(options)
    conversation.client = client = await MatchingEchoClient.open(
        reactor, on_stranger=conversation.stranger
    )
    conversation.console = console = open_console(conversation.line, conversation.end)
    console.say(f"local {format_peer(client.local_addresses[0])}")
    try:
        await conversation.over
    except CancelledError:
        pass  # Ctrl-C: sum up what there is
    finally:
        await client.close()
    text, status = conversation.summary()
    console.say(text)
    console.leave()
    await console.gone
    return status


def describe(data: bytes) -> str:
    """Write a datagram's text; nothing in it can steer a terminal."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)[1:]


def describe_reply(reply: Reply) -> str:
    """Write a reply's line, its round-trip time in milliseconds."""
    who, size, time = format_peer(reply.peer), len(reply.data), reply.rtt * 1000
    return f"reply {who} {size} bytes {time:.3f} ms {describe(reply.data)}"


def describe_stranger(data: bytes, peer: Peer) -> str:
    """Write the line of a datagram that is nobody's reply."""
    return f"stranger {format_peer(peer)} {len(data)} bytes {describe(data)}"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the udpecho command; leaves by SystemExit with its status."""
    options: Any = Options()
    try:
        options.parseOptions(sys.argv[1:] if argv is None else argv)
    except usage.UsageError as error:
        _complain(f"udpecho: {error}")
        raise SystemExit(FAILED) from None
    chosen = options.subOptions
    if isinstance(chosen, ReportOptions):
        raise SystemExit(_report(chosen))
    if isinstance(chosen, SendOptions):
        task.react(_run, [lambda reactor: send(reactor, chosen, _say, _complain)])
    elif isinstance(chosen, PingOptions):
        task.react(_run, [lambda reactor: ping_command(reactor, chosen, _say, _complain)])
    else:
        task.react(_run, [lambda reactor: talk(reactor, chosen)])


def _report(options: ReportOptions) -> int:
    try:
        return report_command(options, _say)
    except UdpEchoError as error:
        _complain(f"udpecho: {error}")
        return FAILED


async def _run(reactor: Any, command: Callable[[Any], Coroutine[Any, Any, int]]) -> None:
    """Run a command to its exit status; an interrupt cancels it, and it ends in its own way."""
    started: Deferred[None] = Deferred()
    reactor.callWhenRunning(started.callback, None)
    await started  # until the reactor runs, an interrupt is Python's KeyboardInterrupt
    running = Deferred.fromCoroutine(command(reactor))
    done: Deferred[None] = Deferred()

    def interrupt() -> Deferred[None]:
        running.cancel()
        return done

    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    try:
        status = await running
    except CancelledError:
        _complain("udpecho: interrupted")
        status = FAILED
    except CannotListenError as error:
        _complain(f"udpecho: can't open a socket: {error.socketError.strerror}")
        status = FAILED
    except UdpEchoError as error:
        _complain(f"udpecho: {error}")
        status = FAILED
    finally:
        reactor.callLater(0, done.callback, None)
    raise SystemExit(status)


def _say(line: str) -> None:
    print(printable(line), flush=True)


def _complain(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
