"""What is done with a clone, each by its name: nox -s check, nox -s test, nox --list for all.

Sessions run in the environment that nox is installed in, the "dev" extra's; those on other
Pythons, on another Twisted and of a build make an environment of their own.
"""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nox

from tests.workshop import packing
from tests.workshop.busy import busy_loops

nox.options.sessions = ["check", "test"]
nox.options.error_on_missing_interpreters = False  # what is not there is said, and skipped
nox.options.download_python = "never"
nox.options.default_venv_backend = "venv"

HERE = nox.session(venv_backend="none")
"""A session in the environment that nox runs in."""

UNIT = ["tests", "--ignore=tests/live"]

DEPEND_ON_THE_PORT = (
    "clients",
    "matrix_forgery",
    "port",
    "send",
    "share",
    "talk",
    "twistd",
    "udpport",
)
"""The live tests, by file, that are to run over Twisted's own port too."""


def python(session: nox.Session, *arguments: str, **environment: str) -> None:
    """Run a module of the environment that nox runs in; -P: none of the directory's."""
    path = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))
    env = {"PYTHONPATH": path, **environment}
    session.run(sys.executable, "-P", "-m", *arguments, env=env, external=True)


@HERE
def check(session: nox.Session) -> None:
    """Check style and types."""
    python(session, "ruff", "check", ".")
    python(session, "ruff", "format", "--check", ".")
    python(session, "mypy")


@HERE
def test(session: nox.Session) -> None:
    """Run the unit tests, and tell how much of the code they reach: setup.cfg has the floor."""
    python(session, "coverage", "run", "-m", "pytest", "-q", *UNIT, *session.posargs)
    python(session, "coverage", "report")


@HERE
def live(session: nox.Session) -> None:
    """Run the tests on real sockets and processes; as root, more of them."""
    python(session, "pytest", "tests/live", *session.posargs)


@HERE
def stock(session: nox.Session) -> None:
    """Run the live tests that depend on the port over Twisted's own."""
    files = [f"tests/live/test_{name}.py" for name in DEPEND_ON_THE_PORT]
    with tempfile.TemporaryDirectory() as folder:
        opened = str(Path(folder) / "opened")
        environment = {"UDPECHO_STOCK_PORT": "1", "UDPECHO_STOCK_OPENED": opened}
        python(session, "pytest", *files, *session.posargs, **environment)


@HERE
def busy(session: nox.Session) -> None:
    """Run the whole suite three times, while two busy loops run."""
    with busy_loops(2, seconds=5400):
        for _ in range(3):
            python(session, "pytest", "-q", *session.posargs)


@HERE
def census(session: nox.Session) -> None:
    """Count anew what .ci/run wants to pass: after tests were added, moved or removed."""
    python(session, "pytest", "-q", "--census=suite", "--renew-census")
    session.notify("stock", ["-q", "--census=stock", "--renew-census"])


@HERE
def soak(session: nox.Session) -> None:
    """Send services everything, ten minutes or as --minutes says; 100,000 requests after forks."""
    forks = ["tests/live/test_fork.py", "-k", "right and 4"]
    python(session, "pytest", "-q", *forks, UDPECHO_ASKED="100000")
    python(session, "tests.bench.soak", *session.posargs)


@HERE
def bench(session: nox.Session) -> None:
    """Run the benches, a short round each: to see that they run, not to measure."""
    python(session, "tests.bench.echo", "1")
    python(session, "tests.bench.guard", "1")
    python(session, "tests.bench.clients", "1", "0.2")
    python(session, "tests.bench.memory", "10000", "100")
    python(session, "tests.bench.start", "1")
    python(session, "tests.bench.losing", "20")
    python(session, "tests.bench.verdicts", "20", "1")
    python(session, "tests.bench.paths_memory", "even", "0.1")
    python(session, "tests.bench.mesh_memory", "--nodes=40", "--minutes=2")
    python(session, "tests.bench.pages_cpu", "10", "10")
    if os.geteuid() == 0:
        cases = "few", "busy", "scrapes", "memory", "reloads"
        python(session, "tests.bench.watch", *cases, "--seconds=1", "--join=4")


@HERE
def watch(session: nox.Session) -> None:
    """Measure what docs/watch.md says a node costs, and a mesh in memory: half an hour, as root."""
    cases = "few", "busy", "scrapes", "memory", "reloads"
    python(session, "tests.bench.watch", *cases)
    python(session, "tests.bench.watch", "few", "busy", "--far")
    python(session, "tests.bench.mesh_memory")


@HERE
def paths(session: nox.Session) -> None:
    """Measure what docs/path.md says of verdicts, path MTUs and DSCPs: some hours, as root."""
    python(session, "tests.bench.packets")
    python(session, "tests.bench.verdicts")
    python(session, "tests.bench.traced_truth")
    many = "--runs=100", "--parallel=4"
    for way in ((), ("--back",)):
        for limit in ("0", "1000"):
            python(session, "tests.bench.paths", "all", *many, f"--limit={limit}", *way)
        python(session, "tests.bench.paths", "part", *many, "--limit=1000", *way)
    python(session, "tests.bench.paths", "even", "--limit=1000")
    for what in ("even", "part", "fabric"):
        python(session, "tests.bench.paths_memory", what)


@HERE
def mesh(session: nox.Session) -> None:
    """Have 20 nodes, a Prometheus and an Alertmanager hear of faults; 45 minutes, as root."""
    python(session, "tests.bench.mesh", *session.posargs)
    python(session, "tests.bench.mesh", "--quiet=30", *session.posargs)


@HERE
def browse(session: nox.Session) -> None:
    """Look at a node's pages in a real Chromium; with --axe=FILE, axe-core does, too."""
    python(session, "tests.bench.pages_cpu")
    python(session, "tests.bench.pages", *session.posargs)


@HERE
def pages(session: nox.Session) -> None:
    """Make the man pages and the shells' completions anew, after an option has changed."""
    python(session, "tests.workshop.shellpages")


@HERE
def docs(session: nox.Session) -> None:
    """Make the HTML site of docs/, in build/site; a warning is an error."""
    python(session, "sphinx", "-W", "-q", "-b", "html", "docs", "build/site")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def pythons(session: nox.Session) -> None:
    """Run the unit tests on each other Python that is there."""
    if session.python == "{}.{}".format(*sys.version_info):
        session.skip("it is the one that the other sessions run on")
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", "-q", *UNIT, *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the unit tests over the oldest Twisted that setup.cfg allows."""
    config = configparser.ConfigParser()
    config.read("setup.cfg", encoding="utf-8")
    [twisted] = [
        line.replace(" ", "").replace(">=", "==")
        for line in config["options"]["install_requires"].split("\n")
        if line.startswith("twisted ")
    ]
    session.install("-e", ".[dev]", twisted)
    session.run("python", "-m", "pytest", "-q", *UNIT, *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build a wheel and an sdist of what is committed, the same bytes from any clone."""
    session.install("--upgrade", "build", "setuptools", "wheel")
    when = subprocess.check_output(["git", "log", "-1", "--format=%ct"], text=True).strip()
    built = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one", "the other"):
            clone = Path(folder) / name
            session.run("git", "clone", "-q", ".", str(clone), external=True)
            with session.chdir(clone):
                command = ["python", "-m", "build", "--no-isolation"]
                session.run(*command, env={"SOURCE_DATE_EPOCH": when}, silent=True)
            [sdist] = (clone / "dist").glob("*.tar.gz")
            packing.pack_again(sdist, int(when))
            built.append(clone / "dist")
        tracked = subprocess.check_output(["git", "ls-files"], text=True).splitlines()
        wrong = packing.differences(*built) or packing.wrong_contents(built[0], tracked)
        if wrong:
            session.error("\n".join(wrong))
        packing.keep(built[0], Path("dist"))
