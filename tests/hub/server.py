"""A Hugging Face Hub on the loopback address: as much of its protocol as huggingface_hub speaks to fetch one file and
to publish one commit, with faults to order."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_test"
Files = dict[str, bytes]


@dataclass
class Repo:
    """Files by name; who may see them; and what goes wrong."""

    files: Files = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    cut: int = 0
    """Bytes after which the connection of the next download breaks."""
    silent: bool = False
    """It does not break there, it says no more."""
    swapped: bool = False
    """Other bytes of the same length are sent than the ETag tells of."""


class Hub(ThreadingHTTPServer):
    """Repositories by name, and the requests seen, as ``METHOD path`` and the value of Range."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Repo] = {}
        self.uploaded: Files = {}
        self.seen: list[tuple[str, str | None]] = []
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def gets(self) -> list[str | None]:
        """The Range of each download of a file."""
        return [wanted for request, wanted in self.seen if request.startswith("GET") and "/resolve/" in request]


@contextmanager
def running() -> Iterator[Hub]:
    with Hub() as hub:
        thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._note()
        if repo := re.fullmatch(r"/api/models/([^/]+/[^/]+)", self.path):
            found = self.server.repos[repo[1]]
            self._json({"id": repo[1], "private": found.private, "sha": COMMIT, "siblings": [], "tags": []})
        else:
            self._resolve()

    def do_HEAD(self) -> None:
        self._note()
        self._resolve()

    def do_PUT(self) -> None:
        self._note()
        content = self._body()
        self.server.uploaded[sha256(content).hexdigest()] = content
        self._send(200)

    def do_POST(self) -> None:
        self._note()
        body = self._body()
        if not self._known():
            self._json({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            self._json({"files": [_mode(file["path"]) for file in json.loads(body)["files"]]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            self._json({"objects": [self._upload_action(entry) for entry in json.loads(body)["objects"]]})
        elif commit := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            self._commit(commit[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._send(404)

    def _resolve(self) -> None:
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        repo = self.server.repos.get(match[1]) if match else None
        if match is None or repo is None or (repo.private and not self._known()):
            self._send(404 if self._known() else 401, {"X-Error-Code": "RepoNotFound"})
        elif repo.gated:
            self._send(403, {"X-Error-Code": "GatedRepo"})
        elif match[2] not in ("main", COMMIT):
            self._send(404, {"X-Error-Code": "RevisionNotFound"})
        elif match[3] not in repo.files:
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        else:
            self._file(repo, repo.files[match[3]])

    def _file(self, repo: Repo, content: bytes) -> None:
        etag = sha256(content).hexdigest()
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        part = (content[::-1] if repo.swapped else content)[start:]
        headers = {"ETag": f'"{etag}-cdn"', "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
        headers |= {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut, repo.cut = (repo.cut, 0) if self.command == "GET" else (0, repo.cut)
        self._send(206 if start else 200, headers, part, cut)
        if cut and repo.silent:
            self.rfile.read(1)  # ends when the other side does

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        new = name not in self.server.repos
        if new:
            self.server.repos[name] = Repo(private=wanted.get("visibility") == "private" or bool(wanted.get("private")))
        self._json({"url": f"{self.server.url}/{name}", "id": name}, 200 if new else 409)

    def _upload_action(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "actions": {"upload": {"href": f"{self.server.url}/lfs/{entry['oid']}"}}}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.repos[name].files
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.server.uploaded[value["oid"]]
        self._json({"commitUrl": f"{self.server.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _known(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {TOKEN}"

    def _note(self) -> None:
        with self.server.lock:
            self.server.seen.append((f"{self.command} {self.path}", self.headers["Range"]))

    def _body(self) -> bytes:
        if "chunked" not in (self.headers["Transfer-Encoding"] or ""):
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _json(self, answer: dict[str, Any], code: int = 200) -> None:
        self._send(code, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _send(self, code: int, headers: dict[str, str] | None = None, body: bytes = b"", cut: int = 0) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True


def _mode(path: str) -> dict[str, Any]:
    return {"path": path, "uploadMode": "regular" if path == "README.md" else "lfs", "shouldIgnore": False}
