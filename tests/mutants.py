"""Changes of one place, each seen by the test that it names.

Usage: python -m tests.mutants [WORD]: those whose file or test contains WORD, or all (a minute).

The table is mutants.toml. Each change is made in a copy of the tree, and its test must fail there;
without any change all of the tests must pass, and none be skipped. A row whose text isn't
found exactly once is an error: the code has moved, and the row must follow it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = Path(__file__).with_suffix(".toml")
COPIED = ("udpecho", "tests", "twisted", "setup.cfg", "pyproject.toml")
SECONDS = 120
"""For one row: a change may make the code wait for ever, and that is noticed too."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A row: in this file was turns to became, and test fails, or equal says why none can."""

    file: str
    was: str
    became: str
    test: str = ""
    equal: str = ""

    def change(self, text: str) -> str:
        """Make the change. Raises ValueError if there isn't one place for it."""
        if (count := text.count(self.was)) != 1:
            raise ValueError(f"found {count} times, not once: {self.was!r}")
        return text.replace(self.was, self.became)


def table() -> list[Mutant]:
    """Read the table."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**row) for row in rows]


def run(tree: Path, *tests: str) -> tuple[int, str]:
    """Run tests in a tree; return pytest's exit status, and what it said at last."""
    command = [sys.executable, "-P", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, *(f"tests/{test}" for test in tests)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    lines = (ran.stdout + ran.stderr).splitlines()
    return ran.returncode, lines[-1] if lines else "nothing"


def verdict(tree: Path, mutant: Mutant) -> tuple[bool, str]:
    """Tell whether a row holds, in a tree that is as it was before and after."""
    path = tree / "udpecho" / mutant.file
    text = path.read_text(encoding="utf-8")
    try:
        changed = mutant.change(text)
    except ValueError as error:
        return False, str(error)
    if mutant.equal:
        return True, f"equal: {' '.join(mutant.equal.split())}"
    path.write_text(changed, encoding="utf-8")
    try:
        status, said = run(tree, mutant.test)
    except subprocess.TimeoutExpired:
        status, said = 1, f"still running after {SECONDS} s"
    finally:
        path.write_text(text, encoding="utf-8")
    return status == 1, f"{mutant.test}: {said}"  # other statuses: the test was not run


def main(words: list[str]) -> int:
    """Try the rows that are asked for; return how many don't hold."""
    rows = [row for row in table() if all(word in row.file + row.test for word in words)]
    if not rows:
        sys.exit(f"expected part of a row's file or test, got {' '.join(words)}")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tree / name)
        tests = sorted({row.test for row in rows if row.test})
        status, said = run(tree, *tests) if tests else (0, "no test")
        print(f"unchanged: {said}")
        if status or re.search("skipped|xfailed", said):
            sys.exit("all of these tests must run, and pass")
        for row in rows:
            holds, why = verdict(tree, row)
            wrong += not holds
            print(f"{'ok   ' if holds else 'WRONG'} {row.file}: {why}", flush=True)
    print(f"{len(rows)} rows, {wrong} wrong")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
