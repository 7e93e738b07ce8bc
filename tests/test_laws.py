"""Which room of the house may know which: each law a row with its reason, read from the imports.

A law is checked on the imports as they are written, wherever in a module they stand, but for
those that only a type checker runs. "At import" leaves out what is imported inside functions.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import udpecho

PACKAGE = Path(udpecho.__file__).parent
PLUGINS = PACKAGE.parent / "twisted" / "plugins"


@dataclass(frozen=True)
class Import:
    """One name that a module imports."""

    importer: str
    imported: str
    at_import: bool


def type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def walk(node: ast.AST, at_import: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Go through all statements, and tell which run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if type_checking(child):
            continue
        yield child, at_import
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from walk(child, at_import and not function)


def imports(importer: str, source: str) -> Iterator[Import]:
    """List what a module imports, each name in full: twisted.internet.reactor, udpecho.peer."""
    package = importer if importer == "udpecho" else importer.rpartition(".")[0]
    for node, at_import in walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, at_import)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, [above, node.module]))
            for alias in node.names:
                yield Import(importer, f"{base}.{alias.name}", at_import)


def modules() -> dict[str, str]:
    """Read every module of the product, by its name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path.read_text()
    return found


def within(name: str, *rooms: str) -> bool:
    """Tell whether a name is one of these modules, or in one."""
    return any(name == room or name.startswith(room + ".") for room in rooms)


def rooms(*names: str) -> tuple[str, ...]:
    return tuple(f"udpecho.{name}" for name in names)


@dataclass(frozen=True)
class Law:
    """What an import may not be, and why."""

    name: str
    reason: str
    broken: Callable[[Import], bool]


PURE = rooms(
    "guard", "policy", "prefixes", "ratelimit", "columns", "unanswered", "notice",
    "probe", "ledger", "stats", "figures", "spread", "order", "stamps", "plan", "record", "report",
)  # fmt: skip
PENDING = rooms("pending", "deadlines", "ended", "request")
TWISTED = ("twisted", "zope")
INPUT_AND_OUTPUT = (
    "select", "selectors", "asyncio", "subprocess", "threading", "time", "ctypes", "fcntl",
    "ssl", "http", "urllib",
)  # fmt: skip
SOCKET_FUNCTIONS = ("socket.inet_ntop", "socket.inet_pton", "socket.AF_INET", "socket.AF_INET6")
KERNEL = rooms(
    "_linux", "_cmsg", "_messages", "_errqueue", "_outbox", "_connection", "_writer", "_udpport",
    "_sockets", "_reader", "_timerfd", "_stamping", "_bulk", "_notices", "address", "batch", "port",
    "hooks",
)  # fmt: skip
NO_TWISTED = rooms("_linux", "_cmsg", "_messages", "_errqueue", "_notices", "_bulk", "_stamping")
MEASURED = "what only measuring needs is imported when it is used"
MEASURING = rooms("spread", "stats", "record", "report", "plot", "ping", "run", "views", "live")
EXTRAS = {"udpecho.spread": "hdrh", "udpecho.live": "rich", "udpecho.plot": "matplotlib"}
ENDS = rooms("cli", "tap")
SHELLS = (*ENDS, *rooms("console", "__main__"))

LAWS = [
    Law(
        "the pure are pure",
        "policy and arithmetic are told the time and the bytes: tested by tables, reused anywhere",
        lambda each: (
            within(each.importer, *PURE)
            and (
                within(each.imported, *TWISTED, *INPUT_AND_OUTPUT)
                or (within(each.imported, "socket") and each.imported not in SOCKET_FUNCTIONS)
            )
        ),
    ),
    Law(
        "the pure know only the pure",
        "or what they may not import comes in by the back door; peer knows addresses and names",
        lambda each: (
            within(each.importer, *PURE)
            and within(each.imported, "udpecho")
            and not within(each.imported, *PURE, "udpecho.peer")
        ),
    ),
    Law(
        "pending knows Deferred alone",
        "who owes a reply is decided without a reactor and without a clock",
        lambda each: (
            within(each.importer, *PENDING)
            and within(each.imported, *TWISTED, *INPUT_AND_OUTPUT, "socket")
            and not within(each.imported, "twisted.internet.defer")
        ),
    ),
    Law(
        "the kernel's calls know no Twisted",
        "structures and system calls can be tried and tested alone",
        lambda each: within(each.importer, *NO_TWISTED) and within(each.imported, *TWISTED),
    ),
    Law(
        "_linux is behind the port",
        "whoever else called the kernel by ctypes would bypass the port's care",
        lambda each: within(each.imported, "udpecho._linux") and not within(each.importer, *KERNEL),
    ),
    Law(
        "nobody installs a reactor",
        "an application chooses its reactor; whatever imports it first chooses for all",
        lambda each: each.at_import and within(each.imported, "twisted.internet.reactor"),
    ),
    Law(
        "only cli and tap touch the reactor",
        "everything else takes the interfaces that it needs as arguments",
        lambda each: (
            within(each.imported, "twisted.internet.reactor") and not within(each.importer, *ENDS)
        ),
    ),
    Law(
        "nothing imports cli or tap",
        "they are the ends of the wires: the library works without them",
        lambda each: within(each.imported, *ENDS) and each.importer not in SHELLS,
    ),
    Law(
        "the product does not import its test network",
        "a fake that the product knew would be no fake",
        lambda each: (
            within(each.imported, *rooms("testing", "_memory"))
            and not within(each.importer, *rooms("testing", "_memory"))
        ),
    ),
    Law(
        "a test network imports no server and no client",
        "it is for any protocol: what it knows of the product is addresses, errors and reactors",
        lambda each: (
            within(each.importer, *rooms("testing", "_memory"))
            and within(each.imported, "udpecho")
            and not within(
                each.imported, *rooms("testing", "_memory", "peer", "errors", "reactors")
            )
        ),
    ),
    Law(
        "peer, errors and reactors are the ground",
        "everyone stands on them, so they stand on nobody",
        lambda each: (
            within(each.importer, *rooms("peer", "errors", "reactors"))
            and within(each.imported, "udpecho")
            and not within(each.imported, "udpecho.errors")
        ),
    ),
    Law(
        "clients and server do not know each other",
        "either is useful alone",
        lambda each: (
            (
                within(each.importer, *rooms("asking", "client"), *PENDING)
                and within(each.imported, *rooms("server", "service", "guard", "unanswered"))
            )
            or (
                within(each.importer, *rooms("server", "service"))
                and within(each.imported, *rooms("asking", "client"), *PENDING)
            )
        ),
    ),
    Law(
        "asking does not know its three kinds",
        "what they share can't depend on how they differ",
        lambda each: (
            within(each.importer, "udpecho.asking", *PENDING)
            and within(each.imported, "udpecho.client")
        ),
    ),
    Law(
        "protocols know no service and no options",
        "an app embeds a protocol without ours around it",
        lambda each: (
            within(each.importer, *rooms("server", "client", "asking", "pending", "port"))
            and within(each.imported, *rooms("service", "options"), "twisted.application")
        ),
    ),
    Law(
        "the base install needs Twisted alone",
        "what else is imported must come with Python",
        lambda each: (
            each.imported.split(".")[0] not in sys.stdlib_module_names
            and not within(each.imported, "udpecho", *TWISTED)
            and not within(each.imported, EXTRAS.get(each.importer, "udpecho"))
        ),
    ),
    Law(
        MEASURED,
        "the extras' libraries are missing from a base install, whose commands work all the same",
        lambda each: (
            each.at_import
            and within(each.imported, *MEASURING)
            and not within(each.importer, *MEASURING)
        ),
    ),
]


def breaches(law: Law, sources: dict[str, str]) -> list[str]:
    return [
        f"{each.importer} imports {each.imported}"
        for name, source in sources.items()
        for each in imports(name, source)
        if law.broken(each)
    ]


@pytest.mark.parametrize("law", LAWS, ids=[law.name for law in LAWS])
def test_law(law: Law) -> None:
    assert breaches(law, modules()) == [], law.reason


REACTOR = "from twisted.internet import reactor"
NETWORK = "a test network imports no server and no client"

WRONG: list[tuple[str, str, str]] = [
    # (law, module, what must not be added to it)
    ("the pure are pure", "guard", "import time"),
    ("the pure are pure", "notice", "from twisted.internet import defer"),
    ("the pure are pure", "columns", "from socket import socket"),
    ("the pure are pure", "ratelimit", "def take():\n    from time import monotonic"),
    ("the pure know only the pure", "policy", "from udpecho.port import listen_udp"),
    ("pending knows Deferred alone", "pending", "from twisted.internet import task"),
    ("pending knows Deferred alone", "pending", "import time"),
    ("pending knows Deferred alone", "deadlines", "from time import monotonic"),
    ("the kernel's calls know no Twisted", "_linux", "from zope.interface import implementer"),
    ("_linux is behind the port", "client", "from udpecho import _linux"),
    ("_linux is behind the port", "server", "from ._linux import SUPPORTED"),
    ("nobody installs a reactor", "cli", REACTOR),
    ("nobody installs a reactor", "tap", "import twisted.internet.reactor"),
    ("nobody installs a reactor", "port", f"try:\n  {REACTOR}\nfinally: 0"),
    ("nobody installs a reactor", "port", f"class A:\n  {REACTOR}"),
    ("only cli and tap touch the reactor", "client", f"def f():\n  {REACTOR}"),
    ("nothing imports cli or tap", "service", "from udpecho.tap import Options"),
    ("nothing imports cli or tap", "options", "from udpecho import cli"),
    ("the product does not import its test network", "client", "from udpecho.testing import Fate"),
    ("the product does not import its test network", "port", "from udpecho._memory import host"),
    (NETWORK, "testing", "from udpecho import EchoServer"),
    (NETWORK, "_memory.wire", "from ..port import listen_udp"),
    ("peer, errors and reactors are the ground", "peer", "from udpecho.address import Address"),
    ("clients and server do not know each other", "asking", "from udpecho.guard import Reason"),
    ("clients and server do not know each other", "service", "from udpecho.pending import Reply"),
    ("asking does not know its three kinds", "asking", "from udpecho.client import EchoClient"),
    ("protocols know no service and no options", "server", "import twisted.application.service"),
    ("the base install needs Twisted alone", "stats", "import numpy"),
    ("the base install needs Twisted alone", "report", "import rich"),
    (MEASURED, "cli_ping", "from udpecho.ping import Ping"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("law", "module", "line"), WRONG, ids=[f"{row[1]}: {row[2]!r}" for row in WRONG]
)
def test_a_wrong_arrow_is_seen(law: str, module: str, line: str) -> None:
    """Each law is broken by what it forbids, or it would forbid nothing."""
    (found,) = (each for each in LAWS if each.name == law)
    name = f"udpecho.{module}"
    assert breaches(found, {name: f"from __future__ import annotations\n{line}\n"}) != []


def test_every_law_is_tried() -> None:
    assert {law for law, _, _ in WRONG} == {law.name for law in LAWS}


def test_what_only_a_type_checker_imports_is_free() -> None:
    source = "if TYPE_CHECKING:\n    from udpecho.tap import Options\n"
    assert list(imports("udpecho.peer", source)) == []


def test_the_plugin_imports_nothing_of_udpecho() -> None:
    """It is read by twistd each time that it lists its plugins."""
    source = (PLUGINS / "udpecho_plugin.py").read_text()
    assert [each for each in imports("plugin", source) if within(each.imported, "udpecho")] == []


@pytest.mark.parametrize("init", ["twisted/__init__.py", "twisted/plugins/__init__.py"])
def test_twisted_is_not_hidden(init: str) -> None:
    """An __init__ here would take the place of Twisted's own package."""
    assert not (PACKAGE.parent / init).exists()


def run(program: str) -> str:
    """Run a program in a Python of its own, from the top of the tree."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_twistd_help_does_not_import_udpecho() -> None:
    """It lists the service from the plugin's one line: a broken udpecho would not break twistd."""
    out = run(
        """
import sys
sys.argv = ["twistd", "--help"]
from twisted.scripts.twistd import run
try:
    run()
except SystemExit:
    pass
print([name for name in sys.modules if name.split(".")[0] == "udpecho"])
"""
    )
    assert "An echo service over UDP (RFC 862)." in out
    assert out.splitlines()[-1] == "[]"


def test_importing_udpecho_installs_no_reactor() -> None:
    """Not one of its modules does."""
    names = [name for name in modules() if name != "udpecho.__main__"]
    out = run(
        f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
print("twisted.internet.reactor" in sys.modules)
"""
    )
    assert out == "False\n"


def test_public_names() -> None:
    """What __all__ names is there, in order, and is what the package's modules define."""
    assert udpecho.__all__ == sorted(udpecho.__all__)
    assert len(set(udpecho.__all__)) == len(udpecho.__all__)
    for name in udpecho.__all__:
        assert getattr(udpecho, name) is not None
    imported = {each.imported.rpartition(".")[2] for each in imports("udpecho", source_of_all())}
    assert imported == set(udpecho.__all__)


def source_of_all() -> str:
    return (PACKAGE / "__init__.py").read_text()
