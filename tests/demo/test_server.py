"""The server, by requests that a browser would not send too."""

from __future__ import annotations

import io
import json
import socket
import zipfile
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image as Pillow

from blurlive.demo import jobs
from blurlive.demo.server import Server, is_trusted
from blurlive.errors import UsageError

from ..browser import until
from ..cli.conftest import blurlive as command
from ..cli.conftest import one_line
from .conftest import png


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response, response.read()


def upload(server: Server, data: bytes, query: str = "name=a.png") -> list[dict[str, object]]:
    response, content = ask(server, "POST", f"/clips?{query}", data)
    assert response.status == 200
    return [json.loads(line) for line in content.splitlines()]


def test_a_photo_becomes_events_pictures_and_files(server: Server) -> None:
    start, *frames = upload(server, png(24, 80))
    assert (start["width"], start["height"], start["count"]) == (40, 12, 7)  # shrunk to --max-side
    assert frames == [{"frame": number} for number in range(1, 8)]
    pictures = [ask(server, "GET", f"/clips/{start['id']}/{number}")[1] for number in range(8)]
    assert len(set(pictures)) == 8
    assert all(Pillow.open(io.BytesIO(picture)).size == (40, 12) for picture in pictures)
    assert ask(server, "GET", f"/clips/{start['id']}/8")[0].status == 404


def test_what_is_sent_says_of_what_kind_it_is(server: Server) -> None:
    response, content = ask(server, "POST", "/clips?name=a.png", png())
    token = json.loads(content.splitlines()[0])["id"]
    assert response.headers["Content-Type"] == "application/x-ndjson"
    kinds = {
        "/": "text/html",
        f"/clips/{token}/3": "image/",
        f"/clips/{token}/gif": "application/octet-stream",
        "/x": "application/json",
    }
    for path, kind in kinds.items():
        assert ask(server, "GET", path)[0].headers["Content-Type"].startswith(kind), path
    for query in ("iters=9", "iters=x"):
        assert ask(server, "POST", f"/clips?name=a.png&{query}", png())[0].status == 404
    assert ask(server, "POST", "/clip?name=a.png", png())[0].status == 404


@pytest.mark.parametrize("format", ["mp4", "webm", "gif", "webp", "apng", "sheet", "side"])
def test_every_format_can_be_downloaded(server: Server, format: str) -> None:
    token = upload(server, png())[0]["id"]
    response, content = ask(server, "GET", f"/clips/{token}/{format}")
    assert response.status == 200
    heads = {"mp4": b"ftyp", "side": b"ftyp", "webm": b"webm", "gif": b"GIF8", "webp": b"WEBP"}
    assert heads.get(format, b"PNG") in content[:64]


def test_frames_come_as_an_archive_in_the_order_that_was_asked_for(server: Server) -> None:
    token = upload(server, png())[0]["id"]

    def frames(query: str) -> list[list[int]]:
        archive = zipfile.ZipFile(io.BytesIO(ask(server, "GET", f"/clips/{token}/frames?{query}")[1]))
        assert archive.testzip() is None
        return [np.asarray(Pillow.open(archive.open(name))).tolist() for name in sorted(archive.namelist())]

    forth = frames("")
    assert len(forth) == 7
    assert frames("reverse=1") == forth[::-1]
    assert frames("boomerang=1") == forth + forth[-2:0:-1]


def test_a_region_can_be_played_the_other_way_round(server: Server) -> None:
    def frame(query: str) -> bytes:
        token = upload(server, png(), f"name=a.png{query}")[0]["id"]
        return ask(server, "GET", f"/clips/{token}/1")[1]

    assert frame("") != frame("&flip=0,0,100,50&flip=0,50,100,100") == frame("&flip=0,0,100,100")
    response, content = ask(server, "POST", "/clips?name=a.png&flip=0,0,500,9", body=png())
    assert (response.status, b"not a region" in content) == (400, True)


def test_slow_motion_has_forty_two_frames(server: Server) -> None:
    start, *frames = upload(server, png(16, 16), "name=a.png&iters=2")
    assert start["count"] == 42 == len(frames)


@pytest.mark.parametrize(("data", "words"), [(b"hello", "is not a photo"), (png()[:200], "cut short"), (b"", "empty")])
def test_what_is_no_photo_is_told_by_its_name(server: Server, data: bytes, words: str) -> None:
    (event,) = upload(server, data, "name=my%20note.jpg")
    assert str(event["error"]).startswith("my note.jpg: ")
    assert words in str(event["error"])


def test_uploads_are_limited_in_bytes_and_pixels(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    response, content = ask(server, "POST", "/clips?name=a.png", **{"Content-Length": str(jobs.MAX_BYTES + 1)})
    assert (response.status, b"64 MB" in content) == (413, True)  # without a byte of it
    assert ask(server, "POST", "/clips?name=a.png", **{"Transfer-Encoding": "chunked"})[0].status == 411
    monkeypatch.setattr(jobs, "MAX_PIXELS", 100)
    assert "million pixels" in str(upload(server, png())[0]["error"])


def test_an_upload_that_breaks_off_leaves_the_server_at_work(server: Server) -> None:
    with socket.create_connection(server.server_address[:2]) as half:
        half.sendall(b"POST /clips?name=a.png HTTP/1.0\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
    assert len(upload(server, png())) == 8


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/page.html",
        "//etc/passwd",
        "/clips/x/1",
        "/clips/../1",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/x",
    ],
)
def test_there_is_nothing_but_the_page_and_the_clips(server: Server, path: str) -> None:
    response, content = ask(server, "GET", path)
    assert response.status == 404
    assert set(json.loads(content)) == {"error"}


@pytest.mark.parametrize("what", ["..%2f..", "exe", "99999999999999999999", "-1", "²"])
def test_a_clip_has_only_frames_and_formats(server: Server, what: str) -> None:
    from urllib.parse import quote

    token = upload(server, png())[0]["id"]
    assert ask(server, "GET", f"/clips/{token}/{quote(what, safe='%')}")[0].status == 404


def test_other_sites_cannot_use_it(server: Server) -> None:
    own = f"127.0.0.1:{server.server_address[1]}"
    assert ask(server, "GET", "/", Host="evil.example")[0].status == 403  # DNS rebinding
    assert ask(server, "POST", "/clips?name=a", png(), Origin="http://evil.example")[0].status == 403
    assert ask(server, "POST", "/clips?name=a", png(), Origin="null")[0].status == 403
    response, _ = ask(server, "GET", "/", Origin=f"http://{own}")
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] is None
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "own", "trusted"),
    [
        ("localhost:7860", "127.0.0.1", True),
        ("192.168.1.7:7860", "0.0.0.0", True),
        ("[::1]:7860", "::1", True),
        ("desk.local:7860", "desk.local", True),
        ("desk.local:7860", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("[", "127.0.0.1", False),
    ],
)
def test_a_host_is_trusted_by_address_or_by_the_name_that_was_given(host: str, own: str, trusted: bool) -> None:
    assert is_trusted(host, own) is trusted


def test_only_the_last_clips_are_kept(server: Server) -> None:
    tokens = [upload(server, png(8, 8))[0]["id"] for _ in range(jobs.KEPT + 1)]
    found = [ask(server, "GET", f"/clips/{token}/1")[0].status for token in tokens]
    assert found == [404] + [200] * jobs.KEPT


def test_nothing_stays_in_the_temporary_folder(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    token = upload(server, png())[0]["id"]
    assert ask(server, "GET", f"/clips/{token}/frames")[0].status == 200
    until(lambda: not list(tmp_path.iterdir()), "an empty temporary folder")


def test_a_photo_waits_while_another_has_its_turn(server: Server) -> None:
    events: list[dict[str, object]] = []
    second = Thread(target=lambda: events.extend(upload(server, png())))
    with server.jobs._turn:
        second.start()
        second.join(0.5)
        assert second.is_alive()
    second.join()
    assert events[0] == {"waiting": True}
    assert sum("frame" in event for event in events) == 7


def test_a_port_that_is_taken_is_one_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--port"):
        Server("127.0.0.1", server.server_address[1], server.jobs)
    done = command("demo", "--port", server.server_address[1], cwd=tmp_path)
    assert (done.returncode, "--port" in one_line(done)) == (2, True)
    done = command("demo", "--weights", "nowhere.safetensors", cwd=tmp_path)
    assert (done.returncode, "nowhere.safetensors" in one_line(done)) == (4, True)
