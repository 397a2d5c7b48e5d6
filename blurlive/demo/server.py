"""The demo's own small web server: one page, uploads in, events, pictures and files out.

* ``GET /``, ``/page.css``, ``/page.js``: the page
* ``POST /clips?name=photo.jpg&iters=2&flip=0,0,50,100``: the photo as the body, ``flip`` for each region that shall
  play the other way round; the answer is a stream of JSON lines (`Jobs.run`)
* ``GET /clips/ID/3``: frame 3 as WebP, 0 for the photo
* ``GET /clips/ID/mp4?fps=10&reverse=1&boomerang=1``: the clip in a format

Nothing of a request names a file here. A page of another site cannot use the server: `Host` must be an address or the
name it was given (DNS rebinding needs a name of the attacker's), `Origin` this server, and no answer allows sharing.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from socketserver import ThreadingTCPServer
from string import Template
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .._version import __version__
from ..errors import BlurliveError, UsageError
from ..regions import Box, box_of
from ..writers import FORMATS
from .jobs import MAX_BYTES, MAX_PIXELS, Event, Jobs, Kept

ITERS = {"1", "2"}
SLOWEST, FASTEST = 1.0, 60.0
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class RefusedError(Exception):
    """A request that gets an error and nothing else."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Server(ThreadingTCPServer):
    """Listens on ``host`` and ``port`` (0: any that is free) as soon as it is made; ``serve_forever`` answers.

    Not ``ThreadingHTTPServer``: that one asks the name service for its own name. Raises :class:`UsageError` where it
    cannot listen.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, jobs: Jobs) -> None:
        self.host, self.jobs, self.page = host, jobs, _page(jobs)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise UsageError(
                f"--host {host} --port {port}: cannot listen there ({error.strerror}); give another --port (0: any)"
            ) from error

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{here}]' if ':' in here else here}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who leaves is no error; a bug shows its traceback."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _page(jobs: Jobs) -> dict[str, tuple[str, bytes]]:
    """Kind and content of the static files, by path."""
    assets = files(__package__) / "assets"
    facts = {"megabytes": MAX_BYTES >> 20, "megapixels": MAX_PIXELS // 1_000_000, "side": jobs.max_side}
    html = Template((assets / "page.html").read_text(encoding="utf-8")).substitute(facts, version=__version__)
    return {
        "/": ("text/html; charset=utf-8", html.encode()),
        "/page.css": ("text/css; charset=utf-8", (assets / "page.css").read_bytes()),
        "/page.js": ("text/javascript; charset=utf-8", (assets / "page.js").read_bytes()),
    }


class Handler(BaseHTTPRequestHandler):
    """One request. HTTP/1.0: an answer ends where its connection does."""

    server: Server
    timeout = 60
    server_version = "blurlive"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, a picture or a download."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """An upload."""
        self._answer(self._post)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Requests are nobody's business."""

    @cached_property
    def _query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def _answer(self, respond: Callable[[str], None]) -> None:
        try:
            self._check_visitor()
            respond(urlsplit(self.path).path)
        except RefusedError as refused:
            self._send_error(refused.status, str(refused))
        except BlurliveError as error:
            self._send_error(500, str(error))

    def _check_visitor(self) -> None:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if not is_trusted(host, self.server.host):
            raise RefusedError(403, f"{host}: is not this server's name; start it with that --host")
        if origin not in (None, f"http://{host}"):
            raise RefusedError(403, f"{origin}: pages of other sites cannot use this server")

    def _get(self, path: str) -> None:
        if path in self.server.page:
            self._send(*self.server.page[path])
            return
        match path.split("/"):
            case ["", "clips", token, what] if kept := self.server.jobs.find(token):
                self._send_part(kept, what)
            case ["", "clips", _, _]:
                raise RefusedError(404, "This clip is no longer kept; give the photo again")
            case _:
                raise RefusedError(404, "There is no such page")

    def _send_part(self, kept: Kept, what: str) -> None:
        try:
            if what in FORMATS:
                self._send_clip(kept, what)
            elif what.isdecimal() and len(what) < 4:
                self._send("image/webp", kept.picture(int(what)))
            else:
                raise RefusedError(404, "There is no such picture or format")
        except IndexError:
            raise RefusedError(404, "This frame is not made yet") from None

    def _send_clip(self, kept: Kept, format: str) -> None:
        try:
            fps = min(FASTEST, max(SLOWEST, float(self._query.get("fps", "10"))))
        except ValueError:
            raise RefusedError(400, "fps is no number") from None
        flags = {name: self._query.get(name) == "1" for name in ("reverse", "boomerang")}
        with self.server.jobs.saved(kept, format, fps=fps, **flags) as path, path.open("rb") as file:
            self._send_head(200, "application/octet-stream", path.stat().st_size)
            shutil.copyfileobj(file, self.wfile)

    def _post(self, path: str) -> None:
        iters = self._query.get("iters", "1")
        if path != "/clips" or iters not in ITERS:
            raise RefusedError(404, "There is no such page")
        name = self._query.get("name", "")[-100:].replace("\n", " ") or "photo"
        with closing(self.server.jobs.run(name, self._upload(), int(iters), self._flips())) as events:
            self._send_head(200, "application/x-ndjson")
            self._send_events(events)

    def _flips(self) -> list[Box]:
        try:
            return [box_of(region) for region in parse_qs(urlsplit(self.path).query).get("flip", [])]
        except UsageError as error:
            raise RefusedError(400, str(error)) from None

    def _send_events(self, events: Iterator[Event]) -> None:
        try:
            for event in events:
                self.wfile.write(json.dumps(event).encode() + b"\n")
        except (ConnectionError, TimeoutError):  # nobody is there to be told
            raise
        except Exception:
            self.wfile.write(b'{"error": "blurlive failed; its terminal says how"}\n')
            raise

    def _upload(self) -> bytes:
        """The body, of which no more is read than was announced and may be."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 18:
            raise RefusedError(411, "An upload must say how long it is")
        if int(length) > MAX_BYTES:
            raise RefusedError(413, f"The photo has more than {MAX_BYTES >> 20} MB; make it smaller first")
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise ConnectionAbortedError
        return data

    def _send(self, kind: str, content: bytes, status: int = 200) -> None:
        self._send_head(status, kind, len(content))
        self.wfile.write(content)

    def _send_error(self, status: int, reason: str) -> None:
        self._send("application/json", json.dumps({"error": reason}).encode(), status)

    def _send_head(self, status: int, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()


def is_trusted(host: str, own: str) -> bool:
    """Whether a ``Host`` header names this machine by address, as localhost, or by the name the server was given."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in ("localhost", own.lower()):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
