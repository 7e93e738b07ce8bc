"""The pages of a node in a real Chromium: light, quick, quiet, and readable by all.

python -m tests.bench.pages [--address URL] [--peers N] [--rows N] [--pictures DIR] [--axe FILE]: of
the node at an address, or of one made up, with a day of N peers; FILE is axe-core's axe.min.js,
which is in npm's package of that name. Fails if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.browser import Browser, chromium

MOST_BYTES = 60_000
FIRST_PAINT_MS = 1000.0
NARROW, WIDE = (390, 844), (1280, 1000)
BLIND = ("protanopia", "deuteranopia", "tritanopia", "achromatopsia")

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"

CHANGE = """new Promise(done => new MutationObserver(() => done(true)).observe(
  document.querySelector("main"), {childList: true, subtree: true}))"""

FOCUS = """(() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.tagName, at.getAttribute("href"), style.outlineStyle, parseFloat(style.outlineWidth)];
})()"""


def fetched(address: str) -> tuple[int, str]:
    """Get a page; give how many bytes it takes compressed, and its text."""
    asked = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        body = answer.read()
    return len(body), gzip.decompress(body).decode()


def pages_of(address: str) -> dict[str, str]:
    """Give the pages to look at: the front page, the first peer's and the reflector's."""
    _, text = fetched(f"{address}/")
    at = text.index('href="/pair/') + 6
    return {
        "front": f"{address}/",
        "pair": address + text[at : text.index('"', at)],
        "reflector": f"{address}/reflector",
    }


class Check:
    """Looks at pages, and keeps what is wrong with them."""

    def __init__(
        self, browser: Browser, pictures: Path | None, axe: str | None, first_paint_ms: float
    ) -> None:
        self.wrong: list[str] = []
        self.figures: dict[str, dict[str, Any]] = {}
        self._browser = browser
        self._pictures = pictures
        self._axe = axe
        self._first_paint_ms = first_paint_ms

    def page(self, name: str, address: str) -> None:
        """Look at a page in all ways."""
        figures = self.figures[name] = {}
        size, text = fetched(address)
        figures["kB gzipped"] = round(size / 1000, 1)
        figures["kB"] = round(len(text) / 1000)
        self._want(size <= MOST_BYTES, name, f"{size} bytes gzipped")
        for width, height in (WIDE, NARROW):
            for dark in (False, True):
                self._look(name, address, width, height, dark)
        figures["first paint, ms"] = self._painted(name, address)
        figures["focused by Tab"] = self._by_keyboard(name, address)
        self._without_script(name, address)
        self._blind(name, address)

    def _want(self, is_so: bool, name: str, what: str) -> None:
        if not is_so:
            self.wrong.append(f"{name}: {what}")

    def _look(self, name: str, address: str, width: int, height: int, dark: bool) -> None:
        browser, light = self._browser, "dark" if dark else "light"
        browser.look(width, height, dark=dark)
        browser.open(address)
        browser.until(lambda: browser.run("document.getElementById('live').textContent") == "live")
        if name != "front":  # where nothing need change for a while
            assert browser.run(CHANGE)
        scrolled = browser.run("document.documentElement.scrollWidth")
        self._want(scrolled <= width, name, f"{scrolled} pixels wide at {width}")
        for each in browser.complaints():
            self._want(False, name, f"console: {each}")
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        is_dark = sum(map(int, paper[4:-1].split(",")[:3])) < 3 * 128
        self._want(is_dark == dark, name, f"{paper} in the {light}")
        self._picture(f"{name}-{width}-{light}")
        for fault in self._faults():
            self._want(False, name, f"axe at {width} in the {light}: {fault}")

    def _faults(self) -> Iterator[str]:
        """Have axe-core look; give what it finds serious."""
        if self._axe is None:
            return
        self._browser.run(f"{self._axe};undefined")
        found = self._browser.run("axe.run().then(each => JSON.stringify(each.violations))")
        for each in json.loads(found):
            where = each["nodes"][0]["html"][:100]
            if each["impact"] in ("serious", "critical"):
                yield f"{each['id']}: {each['help']} ({len(each['nodes'])} times: {where})"

    def _painted(self, name: str, address: str) -> float:
        """Give the middle one of three times, in ms from the click to the first paint."""
        self._browser.look(*WIDE)
        times: list[float] = []
        for _ in range(3):
            self._browser.open(address)
            self._browser.wait(0.5)
            times.append(self._browser.run(PAINT))
        told = sorted(times)[1]
        self._want(told <= self._first_paint_ms, name, f"first paint after {told:.0f} ms")
        return round(told)

    def _by_keyboard(self, name: str, address: str) -> int:
        """Go on with Tab: what is reached has a link or scrolls, and a frame is to be seen."""
        browser = self._browser
        browser.open(address)
        seen: list[str] = []
        for _ in range(4):
            for kind in ("keyDown", "keyUp"):
                browser.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                            windowsVirtualKeyCode=9)  # fmt: skip
            tag, link, style, width = browser.run(FOCUS)
            if tag == "BODY":
                break
            seen.append(link or tag)
            self._want(style != "none" and width >= 2, name, f"no frame around {link or tag}")
        self._want(bool(seen), name, "nothing is reached with Tab")
        return len(seen)

    def _without_script(self, name: str, address: str) -> None:
        browser = self._browser
        browser.ask("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(address)
        browser.wait(0.3)
        self._picture(f"{name}-without-script")
        document = browser.ask("DOM.getDocument", depth=0)["root"]["nodeId"]
        html = browser.ask("DOM.getOuterHTML", nodeId=document)["outerHTML"]
        self._want(
            ("<h1>" in html and "</table>" in html) or "<li" in html, name, "empty without it"
        )
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)

    def _blind(self, name: str, address: str) -> None:
        for kind in BLIND if self._pictures else ():
            self._browser.look(*WIDE, blind=kind)
            self._browser.open(address)
            self._browser.wait(0.3)
            self._picture(f"{name}-{kind}")
        self._browser.look(*WIDE)

    def _picture(self, name: str) -> None:
        if self._pictures is not None:
            self._browser.picture(self._pictures / f"{name}.png")


@contextmanager
def made_up(peers: int, rows: int) -> Iterator[str]:
    """Have a made-up node, and give its address."""
    command = [sys.executable, "-m", "tests.bench.pages_node", str(peers), str(rows)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def looked_at(
    address: str,
    pictures: Path | None = None,
    axe: str | None = None,
    first_paint_ms: float = FIRST_PAINT_MS,
) -> Check:
    """Look at all pages of a node."""
    with Browser() as browser:
        check = Check(browser, pictures, axe, first_paint_ms)
        for name, page in pages_of(address).items():
            check.page(name, page)
    return check


def main() -> int:
    """Look, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address")
    parser.add_argument("--peers", type=int, default=100)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--axe", type=Path)
    options = parser.parse_args()
    if chromium() is None:
        print("no Chromium here")
        return 1
    axe = options.axe and options.axe.read_text("utf-8")
    if options.address:
        check = looked_at(options.address.rstrip("/"), options.pictures, axe)
    else:
        with made_up(options.peers, options.rows) as address:
            check = looked_at(address, options.pictures, axe)
    for name, figures in check.figures.items():
        print(f"{name}: {', '.join(f'{what} {value}' for what, value in figures.items())}")
    for each in check.wrong:
        print("WRONG", each)
    return bool(check.wrong)


if __name__ == "__main__":
    sys.exit(main())
