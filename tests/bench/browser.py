"""A headless Chromium, asked by its DevTools over two pipes: no driver, no port, no dependency."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--no-first-run", "--remote-debugging-pipe",
)  # fmt: skip


def chromium() -> str | None:
    """Find a Chromium; None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for each in names if (found := shutil.which(each))), None)


class Browser:
    """One tab of one browser, for a with statement."""

    def __init__(self) -> None:
        program = chromium()
        assert program is not None
        self.events: list[dict[str, Any]] = []
        self._home = tempfile.mkdtemp(prefix="udpecho-chromium-")
        reads, self._write = os.pipe()
        self._read, writes = os.pipe()

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._home}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=_placing(reads, writes), pass_fds=(3, 4),
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        self._waiting = b""
        self._number = 0
        self._session: str | None = None
        targets = self._ask("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._read)
        os.close(self._write)
        shutil.rmtree(self._home, ignore_errors=True)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the tab, and give what it says."""
        return self._ask(method, **parameters)

    def run(self, script: str) -> Any:
        """Have the page evaluate an expression; a promise is waited for."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.ask("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, address: str) -> None:
        """Go to a page, and wait until it is loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=address)
        self.until(lambda: any(each["method"] == "Page.loadEventFired" for each in self.events))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something."""
        ends = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < ends, "not in time"
            self._take(0.05)

    def wait(self, seconds: float) -> None:
        """Let time pass, and hear what happens."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self._take(0.05)

    def look(self, width: int, height: int, *, dark: bool = False, blind: str = "none") -> None:
        """Have a window of this size, in this light, seen by eyes of this colour blindness."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setEmulatedVisionDeficiency", type=blind)

    def picture(self, file: Path) -> None:
        """Keep what is to be seen, as PNG."""
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def complaints(self) -> list[str]:
        """List the errors and warnings that the console had since the page was opened."""
        found = []
        for each in self.events:
            told = each.get("params", {})
            if each["method"] == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"].get("text")))
            elif each["method"] == "Runtime.consoleAPICalled" and told["type"] in (
                "error", "warning", "assert",
            ):  # fmt: skip
                found.append(str([arg.get("value") for arg in told["args"]]))
            elif each["method"] == "Log.entryAdded" and told["entry"]["level"] in (
                "error", "warning",
            ):  # fmt: skip
                found.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        return found

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        asked: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            asked["sessionId"] = self._session
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            answer = self._take(0.5, number)
            if answer is not None:
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError(f"{method}: no answer")

    def _take(self, seconds: float, number: int | None = None) -> dict[str, Any] | None:
        """Hear for so long; give the answer with a number if it is there."""
        if select.select([self._read], [], [], seconds)[0]:
            self._waiting += os.read(self._read, 1 << 20)
        found = None
        *whole, self._waiting = self._waiting.split(b"\0")
        for each in whole:
            message = json.loads(each)
            if message.get("id") == number and number is not None:
                found = message
            elif "method" in message:
                self.events.append(message)
        return found


def _placing(reads: int, writes: int) -> Callable[[], None]:
    """Have the browser find the pipes where it looks for them: at 3 and 4."""

    def place() -> None:
        here, there = os.dup(reads), os.dup(writes)
        # The copies may lie at 3 or 4 themselves: put far away first.
        high = [os.dup2(here, 200), os.dup2(there, 201)]
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    return place
