"""A headless Chromium led through its debugging pipe (DevTools protocol): no driver and no package is needed."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 120.0
"""Seconds after which something that should have happened has not."""


def find() -> str | None:
    """A Chromium on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page. JavaScript errors of it are collected in ``errors``, files it downloads go to ``folder``."""

    def __init__(self, program: str, folder: Path, width: int = 1000, height: int = 900) -> None:
        told, self._send = os.pipe()
        self._receive, tells = os.pipe()
        # No sandbox: containers have none to give; nothing but our own page is opened.
        options = f"--headless=new --no-sandbox --disable-gpu --remote-debugging-pipe --user-data-dir={folder}/profile"
        quiet = "--no-first-run --disable-background-networking --disable-component-update --disable-sync"
        script = f'exec "$0" {options} {quiet} about:blank 3</dev/fd/{told} 4>/dev/fd/{tells}'
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", script, program],
            pass_fds=(told, tells),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(told)
        os.close(tells)
        self.folder = folder
        self._rest, self._count, self._session = b"", 0, None
        self.errors: list[str] = []
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.resize(width, height)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(answer["params"]["exceptionDetails"]))
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._receive], [], [], PATIENCE)
            assert ready, "Chromium does not answer"
            part = os.read(self._receive, 1 << 16)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def resize(self, width: int, height: int) -> None:
        """The window's size, at one device pixel each."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        self.run("window.old = true")
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && !window.old")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait for a JavaScript expression to be true."""
        until(lambda: self.run(condition), condition)

    def give(self, selector: str, file: Path) -> None:
        """Choose a file in a file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def key(self, key: str) -> None:
        """Press and let go."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def drag(self, *points: tuple[float, float]) -> None:
        """The mouse goes down at the first point and up at the last."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def close(self) -> None:
        """End it and all its helpers."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._send)
        os.close(self._receive)


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)
