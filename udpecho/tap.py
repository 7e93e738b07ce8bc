"""twistd -n udpecho: its options, and the service made from them; wiring only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar, cast

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger
from twisted.python import usage

from udpecho import __version__
from udpecho.guard.policy import Policy, network, source_ports
from udpecho.guard.ratelimit import MAX_RATE, MAX_SLIP
from udpecho.hosts import ip_address
from udpecho.reactors import AnyReactor
from udpecho.server import (
    LOOPBACK,
    CannotStart,
    EchoService,
    Listen,
    UdpAddress,
    check_told_alone,
    inherited_sockets,
    listen,
    mind_process,
    one_line_if_not,
)
from udpecho.shown import quoted
from udpecho.values import port_number, whole_number

Value = TypeVar("Value")

_DEFAULTS = Policy()

_GROUPS = {
    "Where to listen:": ("listen", "port", "interface"),
    "Whom to answer:": ("allow", "deny", "allow-source-port"),
    "How often:": ("rate", "burst", "slip", "ipv4-prefix", "ipv6-prefix", "exempt"),
    "How:": ("keep-ttl", "discard", "tell-paths", "stock-port"),
    "A node of a mesh, in place of all that:": ("watch", "events"),
    "And:": ("help", "version"),
}


class Options(usage.Options):
    """Where the service listens, and whom it answers."""

    synopsis = "[options]"
    longdesc = (
        "An echo service over UDP (RFC 862) that sends every datagram back to its sender. "
        "Unless told otherwise it listens on loopback only, at port 1060 of 127.0.0.1 and ::1, "
        "and answers what is safe to answer on a public network."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["port", "p", None, "Port to listen on (1060).", port_number("--port", lowest=0)],
        [
            "interface",
            "i",
            None,
            "Local address to listen on (127.0.0.1 and ::1); 0.0.0.0 or :: for all of one family.",
            ip_address("--interface"),
        ],
        [
            "rate",
            None,
            _DEFAULTS.rate,
            "Tokens a second for each source prefix; 0 for no limit. A datagram costs one, "
            "and one more for each further 1500 bytes of its data begun.",
            whole_number("--rate", 0, MAX_RATE),
        ],
        [
            "burst",
            None,
            _DEFAULTS.burst,
            "Tokens at once for each source prefix. A datagram passes while there is one; what it "
            "costs beyond is owed.",
            whole_number("--burst", 1, MAX_RATE),
        ],
        [
            "slip",
            None,
            _DEFAULTS.slip,
            "Over the limit one datagram in this many passes, if it costs one token, and what the "
            "kernel hands over together (a train) passes or not as one; 0: none.",
            whole_number("--slip", 0, MAX_SLIP),
        ],
        [
            "ipv4-prefix",
            None,
            _DEFAULTS.ipv4_prefix,
            "Bits of an IPv4 source that share a limit.",
            whole_number("--ipv4-prefix", 0, 32),
        ],
        [
            "ipv6-prefix",
            None,
            _DEFAULTS.ipv6_prefix,
            "Bits of an IPv6 source that share a limit.",
            whole_number("--ipv6-prefix", 0, 128),
        ],
    ]
    optFlags: ClassVar[list[list[str | None]]] = [
        [
            "keep-ttl",
            None,
            "Reply with the usual TTL; without this it is the request's less one, "
            "so that loops end.",
        ],
        ["discard", None, "Answer nothing and count (RFC 863)."],
        [
            "tell-paths",
            None,
            "Answer questions about what became of probes, and where replies died, for udpecho "
            "path and ping --trace; without this they are echoed like anything else.",
        ],
        [
            "stock-port",
            None,
            "Let Twisted's own port serve beyond loopback where udpecho's can't; much of the "
            "protection is then missing, as the log says.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["listens"] = []
        self["networks"] = {"allow": [], "deny": [], "exempt": list(_DEFAULTS.exempt)}
        self["source ports"] = frozenset[int]()
        self["watch"] = None
        self["events"] = None
        self._inherited = inherited_sockets()
        self._said: list[str] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; twistd and twist would print all of their help around an error's one line."""
        self._said = [each for each in options or () if each.startswith("-")]
        if options is not None:  # an option of getopt's has a value always or never
            options = ["--events=-" if each == "--events" else each for each in options]
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            line = str(error).removeprefix("Parameter type enforcement failed: ")
            raise SystemExit(f"udpecho: {line}") from None

    def opt_watch(self, file: str) -> None:
        """Reflect and probe as this file says (docs/watch.md), where the other options stand, too. SIGHUP has it read again."""  # noqa: E501
        self["watch"] = file

    def opt_events(self, file: str) -> None:
        """Write what happens to this file, a JSON object a line; --events alone: to standard output."""  # noqa: E501
        if file == "-" and self.parent and not self.parent.get("nodaemon", True):
            raise usage.UsageError("expected --events=FILE, or twistd --nodaemon, got --events")
        self["events"] = file

    def opt_version(self) -> None:
        """Print udpecho's version and exit."""
        print(f"udpecho {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *args: str) -> None:
        """Refuse what is not an option."""
        if args:
            raise usage.UsageError(f"expected options only, got {quoted(args[0])}")

    def opt_listen(self, description: str) -> None:
        """udp:PORT[:interface=ADDRESS][:reusePort=yes], systemd:index=N or systemd:name=NAME; may be repeated. Without an interface it is all addresses of both families; with reusePort=yes several processes share the port, each with senders of its own."""  # noqa: E501 (usage prints the docstring)
        self["listens"].extend(_read(lambda text: listen(text, self._inherited), description))

    opt_l = opt_listen

    def opt_allow(self, network: str) -> None:
        """Answer only this network (CIDR); may be repeated. Of --allow and --deny the longest prefix wins."""  # noqa: E501
        self._network("allow", network)

    def opt_deny(self, network: str) -> None:
        """Never answer this network (CIDR); may be repeated."""
        self._network("deny", network)

    def opt_exempt(self, network: str) -> None:
        """No limit for this network (CIDR) nor for loopback; may be repeated."""
        self._network("exempt", network)

    def opt_allow_source_port(self, ports: str) -> None:
        """Answer these source ports (53 or 5000-5009) though services use them; may be repeated. By default ports below 1024 and known reflectors are not answered."""  # noqa: E501
        self["source ports"] |= _read(source_ports("--allow-source-port"), ports)

    def _network(self, rule: str, text: str) -> None:
        self["networks"][rule].append(_read(network(f"--{rule}"), text))

    def postOptions(self) -> None:
        """Let --port and --interface be the short form of one --listen, and make the policy."""
        if self["watch"] is not None:
            others = [each for each in self._said if not each.startswith(("--watch", "--events"))]
            if others:
                where = "it stands in [reflect] of that file"
                raise usage.UsageError(f"expected --watch alone, got {others[0]!r}: {where}")
        elif self["events"] is not None:
            raise usage.UsageError("expected --events beside --watch, got it alone")
        port, interface = self["port"], self["interface"]
        if self["listens"]:
            if port is not None or interface is not None:
                raise usage.UsageError("expected --listen, or --port and --interface, got both")
        else:
            self["listens"] = _short_form(port, interface)
        self["inherited"] = self._inherited
        self["policy"] = _read(lambda _: self._policy(), "")
        if self["tell-paths"]:
            _read(lambda _: check_told_alone(self["listens"]), "")

    def getUsage(self, width: int | None = None) -> str:
        """List the options in groups, by what they decide."""
        every, self.longOpt = self.longOpt, []
        parts = []
        try:
            for title, names in _GROUPS.items():
                self.longOpt = [option for option in every if option.rstrip("=") in names]
                options, _, about = super().getUsage(width).partition("\n\n")
                parts.append(options.replace("Options:", title).rstrip())
        finally:
            self.longOpt = every
        return "\n\n".join([about.strip(), *parts]) + "\n"

    def _policy(self) -> Policy:
        networks = {rule: tuple(named) for rule, named in self["networks"].items()}
        return Policy(
            allow_source_ports=self["source ports"],
            keep_ttl=bool(self["keep-ttl"]),
            discard=bool(self["discard"]),
            rate=self["rate"],
            burst=self["burst"],
            slip=self["slip"],
            ipv4_prefix=self["ipv4-prefix"],
            ipv6_prefix=self["ipv6-prefix"],
            allow=networks["allow"],
            deny=networks["deny"],
            exempt=networks["exempt"],
        )


def _read(coerce: Callable[[str], Value], text: str) -> Value:
    try:
        return coerce(text)
    except ValueError as error:
        raise usage.UsageError(str(error)) from error


def _short_form(port: int | None, interface: str | None) -> list[Listen]:
    default = LOOPBACK[0].port
    port = default if port is None else port
    if interface is not None:
        return [UdpAddress(port, interface)]
    return [UdpAddress(port, each.interface, each.optional) for each in LOOPBACK]


class _Service(EchoService):
    """An echo service whose start, if that fails, ends the program with one line."""

    def privilegedStartService(self) -> None:
        """Open the sockets while the process may still have any port."""
        with one_line_if_not():
            super().privilegedStartService()

    def startService(self) -> None:
        """Open the sockets, if there was no privileged start."""
        with one_line_if_not():
            super().startService()


def makeService(options: Any) -> Service:
    """Make the service; an address that can't be had ends the program with one line."""
    from twisted.internet import reactor

    log = Logger("udpecho")
    if options["watch"] is not None:
        return _node(reactor, options, log)
    service = _Service(
        cast(AnyReactor, reactor),
        options["listens"],
        options["policy"],
        log=log,
        stock_port=bool(options["stock-port"]),
        tell_paths=bool(options["tell-paths"]),
    )
    with one_line_if_not():
        service.bind()
    if IReactorCore.providedBy(reactor):  # else there is no process, but a network in memory
        mind_process(reactor, service, log)
    return service


def _node(reactor: Any, options: Any, log: Logger) -> Service:
    """Make a node of a mesh; a file that can't be ends the program with one line."""
    try:
        from udpecho.watch import node_process
    except ModuleNotFoundError as error:
        what = f"expected the watch extra, as {error.name} is missing"
        raise CannotStart(f"udpecho: --watch: {what}: pip install 'udpecho[watch]'") from None
    return node_process(reactor, options["watch"], options["inherited"], log, options["events"])
