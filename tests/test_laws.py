"""Which room of the house may know which: a table of wings, and the laws beside it.

Read from the imports as they are written, wherever in a module they stand; a name that is asked
of a wing's door is an arrow to the room that the door's table names. "At import" leaves out
what is imported inside functions.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import udpecho

PACKAGE = Path(udpecho.__file__).parent
PLUGINS = PACKAGE.parent / "twisted" / "plugins"

GROUND = (
    "errors",
    "extensions",
    "peer",
    "refusal",
    "scopes",
    "shown",
    "sizes",
    "values",
    "widths",
    "names",
    "reactors",
    "columns",
    "datagrams",
    "doors",
    "dscp",
    "hosts",
    "telling",
)

MAY_IMPORT: dict[str, set[str]] = {
    "kernel": set(),
    "guard": set(),
    "testing": set(),
    "port": {"kernel"},
    "server": {"port", "guard"},
    "client": {"port"},
    "instrument": {"kernel", "port"},
    "ping": {"instrument"},
    "path": {"kernel", "instrument", "ping"},
    "show": {"ping", "path", "instrument"},
    "watch": {"ping", "path", "instrument", "server", "guard", "show"},
    "commands": {
        "kernel", "port", "guard", "server", "client", "instrument", "ping", "path", "show",
        "watch",
    },
    "tap": {"server", "guard", "watch"},
    "__main__": {"commands"},
}  # fmt: skip
"""The table of wings. The ground is everyone's; it imports the ground alone."""

NOT_BUILT: set[str] = set()
"""Wings that have a row but no folder yet, so that a misspelt row is an error."""

LONGEST_CHAIN = 10
"""Wings in the longest chain of arrows, the ground counted as one."""

PURE = frozenset(
    {
        "columns", "datagrams", "doors", "dscp", "extensions", "peer", "refusal", "shown", "sizes",
        "telling",
        "values", "widths", "guard.guard", "guard.placing", "guard.policy", "guard.prefixes",
        "guard.peers", "guard.ratelimit", "guard.reasons", "server.arrived", "server.deaths",
        "ping.plan", "ping.ledger", "ping.listening", "ping.outcome", "ping.schedule",
        "ping.stats", "ping.figures", "ping.spread", "ping.tally", "ping.order", "ping.intervals",
        "ping.lookup_times", "path.hops", "path.verdicts", "path.routers",
        "path.segments", "path.likelihood", "path.explanations", "path.judge",
        "path.agenda", "path.allowance", "path.asking", "path.defaults", "path.fates",
        "path.known", "path.mtu", "path.perhaps", "path.questions",
        "path.answers", "path.inquiring", "path.returning", "path.target",
        "ping.limits", "ping.losing", "ping.rounds", "ping.turns",
        "instrument.probe", "instrument.stamps", "kernel.layout", "show.record",
        "show.text", "show.path_text", "show.path_entries", "show.path_changes", "show.path_graph",
        "show.path_record", "show.path_rows", "show.icmp", "show.fields",
        "show.amounts", "show.live_rows", "show.remarks", "show.rows", "show.sheet",
        "show.summary_tables", "show.packets_text", "show.path_end",
        "commands.commandline",
        "show.csv_rows", "show.entries", "show.forms", "show.reading", "show.summing",
        "show.trace",
        "watch.telling.path_metrics", "watch.paths.suspects", "watch.paths.traced",
        "watch.paths.verdicts",
        "testing.faults", "testing.icmp", "testing.filters", "testing.limits", "testing.pacing",
        "testing.packet", "testing.passage", "testing.timeline", "testing.way",
        "watch.pages.charts", "watch.counts", "watch.events.event", "watch.telling.exposition",
        "watch.pages.graph",
        "watch.pages.hearsay", "watch.remembering.cell", "watch.remembering.history",
        "watch.telling.json_text",
        "watch.losses", "watch.peers.mesh",
        "watch.events.noticing",
        "watch.pages.html",
        "watch.configuring.readers", "watch.peers.rings", "watch.pages.scale",
        "watch.peers.search_names", "watch.configuring.settings",
        "watch.configuring.tables", "watch.configuring.toml_lines",
        "watch.configuring.bounds", "watch.lossy", "watch.remembering.minutes",
        "watch.web.passwords", "watch.remembering.sampling",
        "watch.pages.grids", "watch.pages.tiles", "watch.pages.views", "watch.pages.askers",
    }
)  # fmt: skip
"""Rooms that do no I/O and are told the time."""

KNOWS_DEFERRED_ALONE = {"client.pending", "client.deadlines", "client.ended", "client.request"}
INTO_KERNEL = {"port", "instrument", "path"}
TOUCHES_THE_REACTOR = {"commands.running", "tap"}
TWISTED = ("twisted", "zope")
PURE_MODULES = frozenset(
    {
        "__future__", "array", "base64", "bisect", "collections", "collections.abc", "dataclasses",
        "difflib",
        "enum", "errno", "functools", "hashlib", "heapq", "html", "ipaddress", "itertools",
        "json", "math", "operator", "re", "reprlib",
        "struct", "tomllib", "types", "typing", "unicodedata",
        "urllib.parse",
    }
)  # fmt: skip
"""Of the standard library, what pure rooms may import: it does no input or output."""

PURE_NAMES = {
    "socket": {"inet_ntop", "inet_pton"},  # and its constants
    "os": {"urandom"},
    "random": {"Random"},
    "mmap": {
        "ACCESS_COPY",
        "mmap",
    },  # of no file: memory that the system zeroes when it is first touched
}
"""Of other modules, these names alone."""

BUILTINS_SEEN = ("open", "input", "print", "exec", "eval", "compile", "breakpoint", "__import__")
"""Builtins that read, write or load: the use of one counts as an import of it."""

LOADERS = (
    "importlib", "runpy", "pkgutil", "twisted.python.reflect", "builtins.__import__",
    "builtins.exec", "builtins.eval", "builtins.compile",
)  # fmt: skip
"""Modules that load others by names that nobody can read from the imports."""

LOADS_BY_NAME = {"doors"}
"""Rooms that load others so: a door's table says which, and is read."""

INPUT_AND_OUTPUT = (
    "select", "selectors", "asyncio", "subprocess", "threading", "time", "ctypes", "fcntl",
    "ssl", "http", "urllib", "signal",
)  # fmt: skip
EXTRAS = {
    "ping.spread": "hdrh",
    "watch.web.hashing_child": "bcrypt",
    "show.plot": "matplotlib",
    "show.heat": "matplotlib",
    "show.path_plot": "matplotlib",
    "show.clock_axis": "matplotlib",
    "watch.peers.trust": "service_identity",
}
TEST_TOOLS = {"testing.pytest_plugin": "pytest"}
"""What a room for test authors imports inside functions: it is there where the room is used."""

FOR_TOOLS = {"testing.pytest_plugin", "testing.trial_mixin"}
"""Rooms that only pytest and test authors load."""

MEASURES = {"ping", "show", "path", "watch"}
"""Wings that need what only the extras have."""

MODULE_LINES, FUNCTION_LINES, CLASS_METHODS = 300, 45, 20

OVER_BUDGET: dict[str, str] = {
    "port.asstock.AsStock": "what a Twisted port has, under its names",
    "port.stock.StockPort": "a method for each of UdpPort's",
    "path.tracing.trace": "two lines for each option",
    "ping.preparing.ping": "two lines for each option",
    "ping.preparing.prepare": "a line for each option, and what they mean",
    "testing.network.link": "a line for each option, and what they mean",
    "testing.sockets.MemorySocket": "what socket.socket has that a Twisted port calls",
}
"""What exceeds a budget, and why."""


@dataclass(frozen=True)
class Import:
    """One name that a room imports; both are named without "udpecho." in front, if it is ours."""

    importer: str
    imported: str
    ours: bool
    at_import: bool = True
    door: str | None = None
    """The wing whose door was asked for it; "" is the front's."""

    name: str = ""
    """What was asked of a module; "" is the module itself, "*" all that it has."""


def walk(node: ast.AST, at_import: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Go through all statements, and tell which run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        yield child, at_import
        runs = at_import and not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        )
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for each in child.body:
                yield each, False
            for each in child.orelse:
                yield from walk(each, runs)
        else:
            yield from walk(child, runs)


def door_table(source: str) -> dict[str, str] | None:
    """Read a door's table of names and their rooms, if the module is a door."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Door":
            rooms = ast.literal_eval(node.args[1])
            return {name: room for room, names in rooms.items() for name in names}
    return None


@cache
def rooms() -> dict[str, str]:
    """Read every module of the product, by its name within udpecho; a package by its own."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return found


@cache
def doors() -> dict[str, dict[str, str]]:
    """Give each door's table, by its wing; the top one's by an empty name."""
    tables = {name: door_table(source) for name, source in rooms().items()}
    return {name: table for name, table in tables.items() if table is not None}


def imports(importer: str, source: str) -> Iterator[Import]:
    """List what a room imports."""
    package = importer if importer in doors() or importer == "" else importer.rpartition(".")[0]
    for node, at_import in walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _named(importer, alias.name, "", at_import)
        elif isinstance(node, ast.ImportFrom):
            above = f"udpecho.{package}".rstrip(".")
            for _ in range(node.level - 1):
                above = above.rpartition(".")[0]
            base = ".".join(filter(None, [above if node.level else "", node.module]))
            for alias in node.names:
                yield _named(importer, base, alias.name, at_import)
        elif isinstance(node, ast.Name) and node.id in BUILTINS_SEEN:
            yield Import(importer, f"builtins.{node.id}", False, at_import, name=node.id)


def _named(importer: str, module: str, name: str, at_import: bool) -> Import:
    if module.split(".")[0] != "udpecho":
        return Import(importer, f"{module}.{name}".rstrip("."), False, at_import, name=name)
    wing = module.removeprefix("udpecho").lstrip(".")
    table = doors().get(wing, {})
    if name in table:
        room = f"{wing}.{table[name]}".lstrip(".")
        return Import(importer, room, True, at_import, door=wing, name=name)
    inside = f"{wing}.{name}".strip(".")
    return Import(importer, inside if inside in rooms() else wing, True, at_import, name=name)


def wing_of(room: str) -> str:
    """Name the wing of a room; the ground is one."""
    first = room.split(".")[0]
    return "ground" if first in GROUND else first


def within(name: str, *packages: str) -> bool:
    """Tell whether a name is one of these packages, or in one."""
    return any(name == each or name.startswith(each + ".") for each in packages)


@dataclass(frozen=True)
class Law:
    """What an import may not be, and why."""

    name: str
    reason: str
    broken: Callable[[Import], bool]


def breaks_the_table(each: Import) -> bool:
    importer, imported = wing_of(each.importer), wing_of(each.imported)
    if not each.ours or imported in ("ground", importer) or each.importer == "":
        return False
    if each.imported == "":  # __version__ is everyone's
        return False
    if (importer, imported) == ("commands", "testing"):
        return each.importer != "commands.path_demo" or each.at_import
    return imported not in MAY_IMPORT.get(importer, set())


def reaches_past_a_door(each: Import) -> bool:
    importer, imported = wing_of(each.importer), wing_of(each.imported)
    if not each.ours or each.door is not None or imported in ("ground", importer, ""):
        return False
    if each.imported in PURE or "." not in each.imported or each.importer == "":
        return False
    return not (imported == "kernel" and importer in INTO_KERNEL)


def is_impure(each: Import) -> bool:
    if each.importer not in PURE:
        return False
    if each.ours:
        return each.imported not in PURE
    if within(each.imported, EXTRAS.get(each.importer, "udpecho")):
        return False
    if each.imported == "builtins.__import__":
        return each.importer not in LOADS_BY_NAME
    module = each.imported.removesuffix(f".{each.name}") if each.name else each.imported
    if module == "socket" and each.name.isupper():
        return False
    return module not in PURE_MODULES and each.name not in PURE_NAMES.get(module, ())


def hides_an_arrow(each: Import) -> bool:
    """Tell whether more is imported than the line names.

    A package has its modules as attributes, once anybody has loaded them; so has a wing. Of a
    module that has no others in it nothing can be reached so.
    """
    if each.importer in LOADS_BY_NAME:
        return False
    if each.name == "*" or each.imported == "builtins" or within(each.imported, *LOADERS):
        return True
    if each.ours:
        package = each.imported in (*doors(), "kernel") and each.door is None
        return not each.name or (package and each.name != "__version__")
    within_packages = within(each.imported, *TWISTED)
    return within_packages and (not each.name or each.imported.count(".") < 2)


@cache
def arrows() -> list[Import]:
    """List what every room imports; what a door hands on is no import of its own."""
    within_doors = ((name, source) for name, source in rooms().items() if name not in doors())
    return [each for name, source in within_doors for each in imports(name, source)]


@cache
def need_extras() -> set[str]:
    """Find the rooms that can't be imported without the extras' libraries."""
    found = set(EXTRAS)
    while True:
        more = {
            each.importer
            for each in arrows()
            if each.ours and each.at_import and each.imported in found
        }
        if more <= found:
            return found
        found |= more


LAWS = [
    Law(
        "the table of wings",
        "a wing knows those that it stands on, and nobody else",
        breaks_the_table,
    ),
    Law(
        "nobody reaches past a door",
        "what is behind a door may change without anyone else's noticing",
        reaches_past_a_door,
    ),
    Law(
        "the pure are pure",
        "policy and arithmetic are told the time and the bytes: tested by tables, reused anywhere",
        is_impure,
    ),
    Law(
        "an import names what it takes",
        "an arrow that isn't written can't be read, nor forbidden",
        hides_an_arrow,
    ),
    Law(
        "pending knows Deferred alone",
        "who owes a reply is decided without a reactor and without a clock",
        lambda each: (
            each.importer in KNOWS_DEFERRED_ALONE
            and not each.ours
            and within(each.imported, *TWISTED, *INPUT_AND_OUTPUT, "socket")
            and not within(each.imported, "twisted.internet.defer")
        ),
    ),
    Law(
        "the kernel's calls know no Twisted",
        "structures and system calls can be tried and tested alone",
        lambda each: (
            wing_of(each.importer) == "kernel"
            and (
                within(each.imported, *TWISTED)
                if not each.ours
                else each.imported in ("errors", "names", "reactors")
            )
        ),
    ),
    Law(
        "nobody installs a reactor",
        "an application chooses its reactor; whatever imports it first chooses for all",
        lambda each: each.at_import and within(each.imported, "twisted.internet.reactor"),
    ),
    Law(
        "only the commands and tap touch the reactor",
        "everything else takes the interfaces that it needs as arguments",
        lambda each: (
            within(each.imported, "twisted.internet.reactor")
            and each.importer not in TOUCHES_THE_REACTOR
        ),
    ),
    Law(
        "nobody imports from the front but __version__",
        "it hands on what others have: whoever needs a thing asks its wing",
        lambda each: each.door == "",
    ),
    Law(
        "protocols know no service",
        "an app embeds a protocol without ours around it",
        lambda each: (
            each.importer.startswith(("port.", "client.", "server.server"))
            and within(each.imported, "twisted.application")
        ),
    ),
    Law(
        "the base install needs Twisted alone",
        "what else is imported must come with Python",
        lambda each: (
            not each.ours
            and each.imported.split(".")[0] not in sys.stdlib_module_names
            and not within(each.imported, *TWISTED)
            and not within(each.imported, EXTRAS.get(each.importer, "udpecho"))
            and (
                each.at_import
                or not within(each.imported, TEST_TOOLS.get(each.importer, "udpecho"))
            )
        ),
    ),
    Law(
        "nobody imports what is for test tools",
        "who tests finds the plugin and the mixin; the network works without any tool",
        lambda each: each.ours and each.imported in FOR_TOOLS,
    ),
    Law(
        "what only measuring needs is imported when it is used",
        "the extras' libraries are missing from a base install, whose commands work all the same",
        lambda each: (
            each.at_import
            and each.ours
            and each.imported in need_extras()
            and wing_of(each.importer) not in MEASURES
        ),
    ),
]


@pytest.mark.parametrize("law", LAWS, ids=[law.name for law in LAWS])
def test_law(law: Law) -> None:
    broken = [f"{each.importer} imports {each.imported}" for each in arrows() if law.broken(each)]
    assert broken == [], law.reason


REACTOR = "from twisted.internet import reactor"
TABLE = "the table of wings"
PAST = "nobody reaches past a door"
PURITY = "the pure are pure"
KERNEL = "the kernel's calls know no Twisted"
HIDDEN = "an import names what it takes"
DEFERRED = "pending knows Deferred alone"
TOUCH = "only the commands and tap touch the reactor"
TOOLS = "nobody imports what is for test tools"
BASE = "the base install needs Twisted alone"
USED = "what only measuring needs is imported when it is used"

WRONG: list[tuple[str, str, str]] = [
    # (law, room, what must not be added to it)
    (TABLE, "kernel.calls", "from udpecho.port import listen_udp"),
    (TABLE, "guard.guard", "from udpecho.server import EchoServer"),
    (TABLE, "testing.wire", "from ..port import listen_udp"),
    (TABLE, "testing.network", "from udpecho.client import Reply"),
    (TABLE, "port.listen", "from udpecho.testing import Fate"),
    (TABLE, "port.reader", "from udpecho.guard import Guard"),
    (TABLE, "server.server", "from udpecho.client import EchoClient"),
    (TABLE, "server.addresses", "from udpecho.commands import run_command"),
    (TABLE, "client.asking", "from udpecho.guard.reasons import Reason"),
    (TABLE, "client.asking", "def f():\n  from udpecho.server import EchoService"),
    (TABLE, "instrument.choose", "from udpecho.ping import ping"),
    (TABLE, "ping.run", "from udpecho.kernel import calls"),
    (TABLE, "ping.plan", "from udpecho.show.record import Start"),
    (TABLE, "show.views", "from udpecho.port import Batch"),
    (TABLE, "commands.ping", "from udpecho.testing import MemoryNetwork"),
    (TABLE, "commands.ping", "from udpecho import tap"),
    (TABLE, "tap", "from udpecho.port import listen_udp"),
    (TABLE, "__main__", "from udpecho.server import EchoServer"),
    (TABLE, "peer", "if TYPE_CHECKING:\n  from udpecho.port import Address"),
    (TABLE, "errors", "from udpecho.kernel.layout import NAME"),
    (PAST, "client.asking", "from udpecho.port.listen import listen_udp"),
    (PAST, "server.server", "from udpecho.port import batch"),
    (PAST, "client.asking", "import udpecho.port.port"),
    (PAST, "ping.run", "from udpecho.instrument.kernel import KernelInstrument"),
    (PURITY, "guard.guard", "import time"),
    (PURITY, "ping.stats", "from twisted.internet import defer"),
    (PURITY, "columns", "from socket import socket"),
    (PURITY, "peer", "import socket\nsocket.if_indextoname(1)"),
    (PURITY, "guard.ratelimit", "def take():\n    from time import monotonic"),
    (PURITY, "guard.policy", "from udpecho.names import resolve"),
    (PURITY, "kernel.layout", "from udpecho.kernel.calls import SUPPORTED"),
    (PURITY, "guard.guard", "import os"),
    (PURITY, "guard.guard", "from os import read"),
    (PURITY, "guard.guard", "from os import urandom, write"),
    (PURITY, "guard.policy", "import os.path"),
    (PURITY, "guard.prefixes", "import socket"),
    (PURITY, "guard.prefixes", "from socket import *"),
    (PURITY, "guard.ratelimit", "import random"),
    (PURITY, "guard.ratelimit", "from random import random"),
    (PURITY, "ping.ledger", "import datetime"),
    (PURITY, "ping.ledger", "from pathlib import Path"),
    (PURITY, "ping.stats", "import logging"),
    (PURITY, "ping.stats", "import sqlite3"),
    (PURITY, "ping.spread", "import hdrh_not"),
    (PURITY, "show.text", "def f():\n  with open('a'): pass"),
    (PURITY, "show.record", "with open('a') as lines: pass"),
    (PURITY, "show.record", "print('a')"),
    (PURITY, "show.record", "__import__('time').time()"),
    (PURITY, "show.record", "import builtins"),
    (PURITY, "columns", "from importlib import import_module"),
    (HIDDEN, "server.server", "import udpecho.port as p\np.batch"),
    (HIDDEN, "server.server", "import udpecho"),
    (HIDDEN, "server.server", "from udpecho import port\nport.batch"),
    (HIDDEN, "server.server", "from .. import port\nport.batch"),
    (HIDDEN, "server.server", "from udpecho.port import *"),
    (HIDDEN, "instrument.choose", "from udpecho import kernel\nkernel.wake"),
    (HIDDEN, "client.client", "from twisted.internet import *"),
    (HIDDEN, "client.client", "def f():\n  import twisted.internet\n  twisted.internet.reactor"),
    (HIDDEN, "client.client", "import twisted.internet as i"),
    (HIDDEN, "client.client", "from twisted import internet"),
    (HIDDEN, "client.client", "import importlib\nimportlib.import_module('udpecho.server')"),
    (HIDDEN, "client.client", "from importlib import import_module as load"),
    (HIDDEN, "client.client", "__import__('udpecho.server')"),
    (HIDDEN, "client.client", "import builtins\nbuiltins.__import__('udpecho.server')"),
    (HIDDEN, "client.client", "exec('import udpecho.server')"),
    (HIDDEN, "client.client", "from twisted.python.reflect import namedAny"),
    (DEFERRED, "client.pending", "from twisted.internet import task"),
    (DEFERRED, "client.pending", "import time"),
    (DEFERRED, "client.deadlines", "from time import monotonic"),
    (KERNEL, "kernel.calls", "from zope.interface import implementer"),
    (KERNEL, "kernel.wake", "from udpecho.errors import BadAddress"),
    ("nobody installs a reactor", "commands.main", REACTOR),
    ("nobody installs a reactor", "tap", "import twisted.internet.reactor"),
    ("nobody installs a reactor", "port.listen", f"try:\n  {REACTOR}\nfinally: 0"),
    ("nobody installs a reactor", "port.listen", f"class A:\n  {REACTOR}"),
    (TOUCH, "client.client", f"def f():\n  {REACTOR}"),
    ("nobody imports from the front but __version__", "tap", "from udpecho import EchoService"),
    ("protocols know no service", "server.server", "import twisted.application.service"),
    (BASE, "ping.stats", "import numpy"),
    (BASE, "show.text", "import rich"),
    (BASE, "testing.pytest_plugin", "import pytest"),
    (BASE, "testing.network", "def f():\n  import pytest"),
    (TOOLS, "testing.network", "from udpecho.testing import UdpMixin"),
    (TOOLS, "testing.host", "def f():\n  from udpecho.testing import pytest_plugin"),
    (USED, "commands.ping", "from udpecho.ping import Ping"),
    (USED, "commands.report", "from udpecho.show.summing import Summing"),
]


@pytest.mark.parametrize(
    ("law", "room", "line"), WRONG, ids=[f"{row[1]}: {row[2]!r}" for row in WRONG]
)
def test_a_wrong_arrow_is_seen(law: str, room: str, line: str) -> None:
    """Each law is broken by what it forbids, or it would forbid nothing."""
    (found,) = (each for each in LAWS if each.name == law)
    assert room in rooms()
    source = f"from __future__ import annotations\n{line}\n"
    assert [each for each in imports(room, source) if found.broken(each)] != []


def test_every_law_is_tried() -> None:
    assert {law for law, _, _ in WRONG} == {law.name for law in LAWS}


def test_the_table_names_the_wings_that_there_are() -> None:
    """A row without a folder is one that is not built yet, and says so."""
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert folders | (files - set(GROUND)) == set(MAY_IMPORT) - NOT_BUILT
    assert set(GROUND) <= files
    assert set(MAY_IMPORT) > NOT_BUILT
    assert set().union(*MAY_IMPORT.values()) <= set(MAY_IMPORT)


ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"


def page_rows(heading: str) -> dict[str, list[str]]:
    """Read a table of the page on architecture: what stands in code marks, by the first cell."""
    section = ARCHITECTURE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: re.findall(r"`([^`]+)`", row[-1]) for row in table[2:]}


def test_the_page_on_architecture_has_the_same_table() -> None:
    """Who reads the plan reads what the test holds the code to."""
    told: dict[str, set[str]] = {}
    for wings, may in page_rows("The laws").items():
        for wing in re.findall(r"`([^`]+)`", wings):
            told[wing] = set(may)
    del told["udpecho/__init__"]
    told["commands"] = MAY_IMPORT["commands"] - NOT_BUILT  # any but tap and testing
    built = set(MAY_IMPORT) - NOT_BUILT
    assert told == {wing: MAY_IMPORT[wing] - NOT_BUILT for wing in built}


def test_the_page_on_architecture_names_every_room() -> None:
    told = {wing.strip("`"): set(named) for wing, named in page_rows("The wings").items()}
    told["ground"] = told.pop("the ground")
    del told["tap"]
    there: dict[str, set[str]] = {}
    for room in rooms():
        wing = wing_of(room)
        is_package = any(each.startswith(f"{room}.") for each in rooms())
        if not is_package and room not in ("", "tap", "__main__"):
            there.setdefault(wing, set()).add(room.partition(".")[2] or room)
    assert told == there


def circle(found: list[Import]) -> list[str]:
    """Find rooms that stand, over each other, on themselves; or none."""
    graph: dict[str, set[str]] = {}
    for each in found:
        if each.ours and each.imported not in ("", each.importer):
            graph.setdefault(each.importer, set()).add(each.imported)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def longest_chain(found: list[Import]) -> int:
    """Count the wings of the longest chain of arrows."""
    below: dict[str, set[str]] = {"ground": set()}
    for each in found:
        importer, imported = wing_of(each.importer), wing_of(each.imported)
        if each.ours and imported not in ("", importer):
            below.setdefault(importer, set()).add(imported)
    longest: dict[str, int] = {}
    for wing in TopologicalSorter(below).static_order():
        longest[wing] = 1 + max((longest[each] for each in below.get(wing, ())), default=0)
    return max(longest.values())


def test_no_circle() -> None:
    """No room stands, over others, on itself: not for a type checker either."""
    assert circle(arrows()) == []


def test_the_longest_chain_of_wings() -> None:
    assert longest_chain(arrows()) <= LONGEST_CHAIN


def test_a_circle_and_a_chain_are_seen() -> None:
    """An arrow that closes a circle, for a type checker alone; and one that adds a link."""
    back = "if TYPE_CHECKING:\n  from udpecho.port.reader import Reader"
    assert circle([*arrows(), *imports("port.batch", back)]) != []
    assert longest_chain([*arrows(), Import("errors", "below.all", ours=True)]) == (
        1 + longest_chain(arrows())
    )


SETS: dict[str, str] = {
    "client.pending": "its book is kept in the requests, whose fields nobody else writes",
    "port.stock": "Twisted's port takes no argument for how much it reads, nor a connect back",
    "show.table": "Twisted's LoopingCall takes its clock so",
    "commands.path_live": "as show.table",
    "commands.streams": "print() writes to sys.stdout, whatever that is",
    "watch.peers.fetching": "Twisted's client takes no argument for how much it reads",
    "testing.record": "its book is kept in the passages, whose fields nobody else writes",
    "testing.host": "Twisted's DelayedCall leaves it to the reactor to say that it was called",
}
"""Rooms that set what is another object's, and why."""


def sets_from_outside(source: str) -> list[str]:
    """List what a room sets on objects other than self, unless it has their class."""
    stored: list[tuple[str, str]] = []
    declared: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                stored.append((ast.unparse(node.value), node.attr))
            case ast.Call(func=ast.Name("setattr" | "delattr"), args=[owner, name, *_]):
                stored.append((ast.unparse(owner), ast.unparse(name)))
            case ast.ClassDef():
                fields = (each for each in node.body if isinstance(each, ast.AnnAssign))
                declared |= {each.target.id for each in fields if isinstance(each.target, ast.Name)}
    own = {attr for owner, attr in stored if owner == "self"} | declared
    return [f"{owner}.{attr}" for owner, attr in stored if attr not in own]


def test_nothing_is_set_on_another_object_of_ours() -> None:
    """What an object knows it learns by a call, which its class can look at and speak of."""
    found = {
        name: outside for name, source in rooms().items() if (outside := sets_from_outside(source))
    }
    assert {name: outside for name, outside in found.items() if name not in SETS} == {}
    assert set(SETS) <= set(found)


@pytest.mark.parametrize(
    "line",
    [
        "probe.sent = 1", "a, socket.observer = 1, 2", "count.sent += 1", "x.y.z: int = 3",
        "for probe.sent in (1, 2): pass", "with open(0) as probe.file: pass", "del probe.sent",
        "setattr(probe, 'sent', 1)", "[0 for probe.sent in (1, 2)]",
    ],
)  # fmt: skip
def test_what_is_set_from_outside_is_seen(line: str) -> None:
    own = "class A:\n  b: int = 1\n  def c(self): self.d = 2\n"
    assert len(sets_from_outside(f"{own}{line}")) == 1
    assert sets_from_outside(f"{own}def f(a):\n  a.b = a.d = 3\n  a.names[1] = 2") == []


STANDS_TWICE: dict[str, str] = {
    "TYPE_CHECKING": "False, as in typing, without which a command line is quickly read",
    "REMEMBERED": "requests in client.ended, addresses in port.address: as many by chance",
}
"""Constants of one name and value in two rooms, and why."""


def constants(source: str) -> Iterator[tuple[str, str]]:
    """List a room's constants, and what each is."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            for name in map(ast.unparse, node.targets):
                if name.isupper():
                    yield name.strip("_"), ast.unparse(node.value)


def test_a_constant_stands_once() -> None:
    """Whoever changes it would not know of the other."""
    stands = Counter(each for source in rooms().values() for each in constants(source))
    assert {name for (name, _), times in stands.items() if times > 1} == set(STANDS_TWICE)


FRACTIONS_TWICE: dict[str, str] = {
    "0.25": "s: how often a draining port looks, in port.port; how often show.table is drawn anew",
}
"""Constants with a fraction that two rooms have under two names, and why."""


def test_a_fraction_stands_once() -> None:
    """Nobody comes upon 0.002 by chance: under another name, too, it is the same constant."""
    stands = Counter(value for source in rooms().values() for _, value in constants(source))
    fractions = {value for value, times in stands.items() if times > 1 and value.startswith("0.")}
    assert fractions == set(FRACTIONS_TWICE)


def test_the_greatest_port_stands_once() -> None:
    """As MAX_PORT, in a message too; what is not of a port says so by its name."""
    stands = {
        f"{name}: {line.strip()}"
        for name, source in rooms().items()
        for line in source.splitlines()
        if re.search(r"6553[56]|65_53[56]", line) and "port" in line.lower()
    }
    assert stands == {"peer: MAX_PORT = 65535"}


def budgets(name: str, source: str) -> Iterator[tuple[str, str]]:
    """List what of a room is larger than it should be, and how large."""
    if (lines := len(source.splitlines())) > MODULE_LINES:
        yield name, f"{lines} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            if (methods := sum(1 for _ in methods_of(node))) > CLASS_METHODS:
                yield f"{name}.{node.name}", f"{methods} methods"
        elif isinstance(node, FUNCTIONS):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            first = min(each.lineno for each in (node, *decorators))
            assert node.end_lineno is not None
            if (lines := node.end_lineno - first + 1) > FUNCTION_LINES:
                yield f"{name}.{getattr(node, 'name', 'lambda')}", f"{lines} lines"


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def methods_of(node: ast.AST) -> Iterator[ast.AST]:
    """List a class's methods, those under an if, too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(
            child, ast.ClassDef
        ):
            yield from methods_of(child)


def test_budgets() -> None:
    """What is over a budget stands in a list, with its reason; what is not does not."""
    found = dict(each for name, source in rooms().items() for each in budgets(name, source))
    assert {name: size for name, size in found.items() if name not in OVER_BUDGET} == {}
    assert set(OVER_BUDGET) <= set(found)


def methods(number: int, first: str = "    def g(self): 0\n") -> str:
    """Write a class's methods, one of them where it is told."""
    return "".join(f"    def f{n}(self): 0\n" for n in range(number - 1)) + first


EXCEPT = "  except E:\n    def g(self): 0"


@pytest.mark.parametrize(
    ("budget", "write"),
    [
        (MODULE_LINES, lambda n: "0\n" * n),
        (MODULE_LINES, lambda n: "0\n" * (n - 1) + "0"),
        (FUNCTION_LINES, lambda n: "def f():\n" + "  0\n" * (n - 1)),
        (FUNCTION_LINES, lambda n: "class A:\n async def f():\n" + "  0\n" * (n - 1)),
        (FUNCTION_LINES, lambda n: "@a\ndef f():\n" + "  0\n" * (n - 2)),
        (FUNCTION_LINES, lambda n: "f = lambda: (\n" + "  0,\n" * (n - 2) + ")"),
        (CLASS_METHODS, lambda n: "class A:\n  if 1:\n" + methods(n)),
        (CLASS_METHODS, lambda n: f"class A:\n  try:\n{methods(n, EXCEPT)}"),
        (CLASS_METHODS, lambda n: "class A:\n  match 1:\n   case 1:\n" + methods(n)),
        (CLASS_METHODS, lambda n: "class A:\n  if 1:\n" + methods(n, "    async def g(s): 0")),
    ],
)  # fmt: skip
def test_what_is_over_a_budget_is_seen(budget: int, write: Callable[[int], str]) -> None:
    """One line more or one method more, however it is written."""
    assert list(budgets("room", write(budget))) == []
    assert len(list(budgets("room", write(budget + 1)))) == 1


def test_no_two_classes_have_one_name() -> None:
    """Who reads a class's name, in a traceback or a type, need not ask which one is meant."""
    names = Counter(
        node.name
        for source in rooms().values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("wing", sorted(doors()))
def test_door(wing: str) -> None:
    """What a door hands on is in its table, in its types and in __all__, and no room's name."""
    source, table = rooms()[wing], doors()[wing]
    [types] = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    typed = {
        alias.name: (each.module or "").removeprefix(f"udpecho.{wing}".rstrip(".") + ".")
        for each in types.body
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    }
    assert typed == table
    door = __import__(f"udpecho.{wing}".rstrip("."), fromlist=["__all__"])
    assert set(door.__all__) == set(table)
    assert {f"{wing}.{name}".strip(".") for name in table}.isdisjoint(rooms())
    for name in table:
        assert getattr(door, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'misspelt'"):
        _ = door.misspelt


def test_the_plugin_imports_nothing_of_udpecho() -> None:
    """It is read by twistd each time that it lists its plugins."""
    source = (PLUGINS / "udpecho_plugin.py").read_text()
    assert [each for each in imports("plugin", source) if each.ours] == []


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


@pytest.mark.parametrize("room", sorted(PURE))
def test_a_pure_room_loads_no_twisted_and_no_ctypes(room: str) -> None:
    allowed = {"ctypes"} if room in need_extras() else set()  # hdrhistogram's own
    out = run(
        f"""
import sys
import udpecho.{room}
print(sorted({{"twisted", "ctypes"}} & set(sys.modules)))
"""
    )
    assert set(ast.literal_eval(out)) <= allowed


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
    names = [f"udpecho.{name}".rstrip(".") for name in rooms() if name != "__main__"]
    out = run(
        f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
print("twisted.internet.reactor" in sys.modules)
"""
    )
    assert out == "False\n"
