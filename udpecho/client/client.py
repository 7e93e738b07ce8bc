"""The three clients, side by side: they differ in who may answer a request.

EchoClient lets anyone, which is what a program that calls recvfrom and no more does.
ConnectedEchoClient lets the kernel drop strangers, and so has one peer at a time.
MatchingEchoClient keeps the list of who owes it a reply, and so has any number.

All three take the same options: window, the most requests that are in flight at once (the
others wait in order), and on_stranger(data, peer, reason), told of each datagram that is
nobody's reply.
"""

from __future__ import annotations

from typing import Self, cast

from twisted.internet.defer import Deferred

from udpecho.client.asking import WINDOW, AskingClient, OnStranger, refuse
from udpecho.client.patience import LOOKUP, RETRIES, TIMEOUT
from udpecho.client.request import Reply, Request
from udpecho.client.sockets import connect, connect_again, pending_error
from udpecho.errors import ClientClosed, PeerReplaced, SendFailed
from udpecho.names import checked_peer, resolve_within
from udpecho.peer import Peer, format_peer, is_ipv6
from udpecho.port import UdpPort
from udpecho.reactors import AnyReactor, datagram_reactor
from udpecho.refusal import Refusal


class UnconnectedClient(AskingClient):
    """A client that names the peer in each request."""

    def request(
        self,
        data: bytes,
        address: tuple[str, int],
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> Deferred[Reply]:
        """Send data to a host, given by name or address, and a port, and wait for the reply.

        timeout is in seconds, for the first attempt; each of the retries waits twice as long
        as the attempt before it. The Deferred fires with a Reply, or fails with ReplyTimeout,
        Refused, SendFailed, ResolveFailed, DatagramTooLong, BadAddress or ClientClosed;
        cancelling it forgets the request.
        """
        return self._ask(data, address, timeout, retries)


class EchoClient(UnconnectedClient):
    """Believes anyone: the first datagram, from anywhere, answers the oldest request.

    This is wrong, and here for comparison. Whoever learns or guesses the client's port (a
    sweep of all of them takes a fifth of a second) can answer in the server's place, with
    anything; a late reply to one request is taken for the reply to the next; and two servers'
    replies are told apart by order alone. Only the reply's peer shows who it was.
    """

    verify_peer = verify_echo = False

    @classmethod
    async def open(
        cls,
        reactor: AnyReactor,
        interface: str = "",
        *,
        window: int = WINDOW,
        on_stranger: OnStranger | None = None,
    ) -> Self:
        """Make a client with a socket; without an interface, one of each family as needed.

        Raises CannotListenError if the interface's address can't be had.
        """
        client = cls(reactor, window=window, on_stranger=on_stranger)
        client._sockets.listen_at(interface)
        return client

    def peerRefused(self, refusal: Refusal) -> None:
        """Take no notice, as a program that calls recvfrom and no more gets none."""

    def _unsent_request(self, data: bytes, peer: Peer | None) -> Request | None:
        asked = () if peer is None else self._pending.owed_by(peer)
        return next((r for r in asked if r.peer == peer and r.data == data), None)


class MatchingEchoClient(UnconnectedClient):
    """Believes only who owes a reply, and asks any number of servers from one socket.

    With verify_echo, a reply must also carry the bytes that were sent; make them unguessable
    and no forger can answer, not even one who knows both addresses and ports. Without it, for
    servers that answer something else, a datagram answers its peer's oldest request. Requests
    to one peer with the same bytes can't be told apart: their replies count in order.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        *,
        verify_echo: bool = True,
        window: int = WINDOW,
        on_stranger: OnStranger | None = None,
    ) -> None:
        """Make a client for an app that listens with it itself; see open()."""
        self.verify_echo = verify_echo
        super().__init__(reactor, window=window, on_stranger=on_stranger)

    @classmethod
    async def open(
        cls,
        reactor: AnyReactor,
        interface: str = "",
        *,
        verify_echo: bool = True,
        window: int = WINDOW,
        on_stranger: OnStranger | None = None,
    ) -> Self:
        """Make a client with a socket; without an interface, one of each family as needed.

        window is the most requests in flight at once. Raises CannotListenError if the
        interface's address can't be had.
        """
        client = cls(reactor, verify_echo=verify_echo, window=window, on_stranger=on_stranger)
        client._sockets.listen_at(interface)
        return client

    def pending_peers(self) -> list[Peer]:
        """List who has been asked and still owes a reply."""
        return cast("list[Peer]", self._pending.debtors())


class ConnectedEchoClient(AskingClient):
    """Believes one peer: the kernel drops what comes from anyone else.

    Connecting is not enough: what a stranger sent before it is still delivered after it, and
    a forged source address passes. So the sender's address is checked here too and, with
    verify_echo, the reply must carry the bytes that were sent. What connecting adds is that a
    dead server is an error at once (Refused), not a silence.

    The address must be an IP address; open() takes names. On Twisted's stock port a refusal
    may close the socket, and a second connect needs a new one: either changes the local port.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        host: str,
        port: int,
        *,
        interface: str = "",
        verify_echo: bool = True,
        window: int = WINDOW,
        on_stranger: OnStranger | None = None,
    ) -> None:
        """Make a client for an app that listens with it itself; see open()."""
        self.verify_echo = verify_echo
        super().__init__(reactor, window=window, on_stranger=on_stranger)
        self.peer = checked_peer((host, port))
        self._interface = interface
        self._writing: Request | None = None
        self._refusals = 0

    @classmethod
    async def open(
        cls,
        reactor: AnyReactor,
        host: str,
        port: int,
        *,
        interface: str = "",
        timeout: float = LOOKUP,
        verify_echo: bool = True,
        window: int = WINDOW,
        on_stranger: OnStranger | None = None,
    ) -> Self:
        """Make a client connected to a host, given by name or address, and a port.

        It asks from the address interface; window is the most requests in flight at once;
        timeout is in seconds, for the look-up of the name. Raises ResolveFailed, BadAddress,
        CannotListenError, or SendFailed if there is no route.
        """
        client = cls(
            reactor,
            *(await resolve_within(datagram_reactor(reactor), host, port, timeout)),
            interface=interface,
            verify_echo=verify_echo,
            window=window,
            on_stranger=on_stranger,
        )
        client._use(client._connected_socket(client.peer))
        return client

    def request(
        self, data: bytes, *, timeout: float = TIMEOUT, retries: int = RETRIES
    ) -> Deferred[Reply]:
        """Send data to the peer and wait for its reply.

        timeout is in seconds, for the first attempt; each of the retries waits twice as long
        as the attempt before it. The Deferred fires with a Reply, or fails with ReplyTimeout,
        Refused, SendFailed, PeerReplaced, DatagramTooLong or ClientClosed; cancelling it
        forgets the request.
        """
        return self._ask(data, self.peer, timeout, retries)

    async def reconnect(self, host: str, port: int, *, timeout: float = LOOKUP) -> None:
        """Connect to another peer; the requests to the first, if pending, fail with PeerReplaced.

        Raises what open() does, and then the first peer stays.
        """
        peer = await resolve_within(self._reactor, host, port, timeout)
        if not self._sockets.open:
            raise ClientClosed("the client has no open socket")
        first, self.peer = self.peer, self._connect_again(peer)
        text = f"{format_peer(first)} was replaced by {format_peer(peer)}"
        self._pending.fail(self._pending.all(), lambda _: PeerReplaced(text))

    def startProtocol(self) -> None:
        """Connect the socket of an app that made this protocol and listens with it."""
        assert self.transport is not None
        connect(self.transport, self.peer)
        super().startProtocol()

    def refused(self, transport: UdpPort) -> None:
        """Fail what the peer owes, unless it is a socket of the first peer that tells so."""
        if transport in self._sockets:
            self._peerRefused()

    def closed(self, transport: UdpPort) -> None:
        """Tell a socket that a refusal closed from one that the app closed.

        Twisted's epoll and poll reactors close it so, select and asyncio for some codes of
        ICMP's; then the next request opens another. Nothing else closes a socket of our own
        while it is in use; the app's has a pending error, unless reading has taken it.
        """
        ours = transport is not self._sockets.given
        if transport in self._sockets and (ours or pending_error(transport)):
            self._sockets.forget_all()
            self._peerRefused()
        else:
            super().closed(transport)

    def _unsent_request(self, data: bytes, peer: Peer | None) -> Request | None:
        return super()._unsent_request(data, self.peer)

    def _peerRefused(self) -> None:
        """Fail what the peer owes: all but a request whose first attempt is being written.

        The stock port reports a refusal from within the next write, which then sends nothing.
        """
        self._refusals += 1
        writing = self._writing
        unsent = writing if writing is not None and writing.attempts == 1 else None
        owed = self._pending.owed_by(self.peer)
        refuse(self._pending, self.peer, [request for request in owed if request is not unsent])

    def _write(self, request: Request) -> None:
        outer, self._writing = self._writing, request
        try:
            for _ in range(2):  # a refusal, of something earlier, comes in a datagram's place
                refusals = self._refusals
                self._transport().write(request.data, None)
                if refusals == self._refusals:
                    return
                if request.called:
                    break
        finally:
            self._writing = outer
        self._sent -= 1
        self._unsent += 1

    def _use(self, transport: UdpPort) -> None:
        self._sockets.forget_all()
        self._sockets.use(transport)

    def _transport(self) -> UdpPort:
        for transport in self._sockets:
            return transport
        transport = self._connected_socket(self.peer)
        self._use(transport)
        return transport

    def _connected_socket(self, peer: Peer) -> UdpPort:
        transport = self._sockets.listen(self._interface or ("::" if is_ipv6(peer[0]) else ""))
        try:
            connect(transport, peer)
        except SendFailed:
            transport.stopListening()
            raise
        return transport

    def _connect_again(self, peer: Peer) -> Peer:
        """Connect to a second peer, by another socket where the first can't."""
        first = self._sockets.by_family.get(is_ipv6(peer[0]))
        if first is None or not connect_again(first, peer):
            replaced = list(self._sockets)
            self._use(self._connected_socket(peer))
            for transport in replaced:
                transport.stopListening()
        return peer
