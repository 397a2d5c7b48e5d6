"""The page in a real browser."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image as Pillow

from blurlive.demo.server import Server

from ..browser import Browser, find, until
from ..cli.conftest import ENV
from .conftest import png

PROGRAM = find()


in_browser = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    browser = Browser(PROGRAM, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser, server: Server) -> Iterator[Browser]:
    chromium.open(server.url)
    yield chromium
    assert chromium.errors == []


READY = "!document.querySelector('#downloads button').disabled"
FRAME = "document.querySelector('#picture').dataset.frame"


@in_browser
def test_the_page_plays_scrubs_flips_zooms_and_downloads(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "my photo.png").write_bytes(png())
    browser.give("#file", tmp_path / "my photo.png")
    browser.wait(READY)
    browser.wait(f"{FRAME} === '3'")  # it plays
    browser.run(
        "document.querySelector('#frame').value = 2; document.querySelector('#frame').dispatchEvent(new Event('input'))"
    )
    assert browser.run(f"[{FRAME}, document.querySelector('#count').textContent]") == ["2", "2 / 7"]
    browser.key("ArrowRight")
    assert browser.run(FRAME) == "3"
    browser.run("document.querySelector('#flip').click()")
    assert browser.run(f"[{FRAME}, document.querySelector('#count').textContent]") == ["3", "5 / 7"]
    browser.key("ArrowLeft")
    assert browser.run(FRAME) == "4"
    left, top, width, height = browser.run(
        "(({x, y, width, height}) => [x, y, width, height])(canvas.getBoundingClientRect())"
    )
    browser.drag(
        (left + width / 2, top + height / 2),
        (left + width * 0.6, top + height * 0.6),
        (left + width - 2, top + height - 2),
    )
    assert browser.run("view.x >= 15 && view.y >= 11 && view.w <= 17")
    browser.key("Escape")
    assert browser.run("view.w") == 32
    browser.run("document.querySelector('input[name=fps]').focus()")
    browser.key("f")
    browser.key(" ")
    assert browser.run("[pressed($('flip')), pressed($('play'))]") == [False, True], (
        "a choice in focus leaves keys alone"
    )
    browser.key("ArrowRight")
    assert browser.run("pressed($('play'))"), "and has its arrows"
    browser.run("document.querySelector('button[value=gif]').click()")
    until(lambda: (browser.folder / "my photo.gif").exists(), "a download")
    with Pillow.open(browser.folder / "my photo.gif") as gif:
        assert (gif.n_frames, gif.size) == (7, (32, 24))


@in_browser
def test_a_region_dragged_over_plays_the_other_way_until_that_is_undone(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png())
    browser.give("#file", tmp_path / "photo.png")
    browser.wait(READY)
    left, top, width, height = browser.run(
        "(({x, y, width, height}) => [x, y, width, height])(canvas.getBoundingClientRect())"
    )
    browser.key("r")
    assert browser.run("[pressed($('region')), pressed($('play'))]") == [True, False]
    middle = (left + width / 2, top + height / 2)
    browser.drag((left + 2, top + 2), (left + width / 4, top + height / 4), middle)
    browser.wait(
        "flips.length === 1 && clip.flips.length === 1 && !document.querySelector('#downloads button').disabled"
    )
    edges = [float(edge) for edge in browser.run("flips[0]").split(",")]
    assert max(abs(edge - right) for edge, right in zip(edges, (0, 0, 50, 50), strict=True)) < 3
    assert browser.run("[view.w, pressed($('region')), $('whole').hidden]") == [32, False, False]
    browser.run("document.querySelector('#whole').click()")
    browser.wait(f"clip.flips.length === 0 && {READY}")
    assert browser.run("$('whole').hidden")
    browser.key("r")
    browser.key("Escape")
    assert browser.run("[pressed($('region')), main.classList.contains('choosing')]") == [False, False]


@in_browser
def test_the_page_says_what_is_wrong_and_takes_the_next_photo(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("hello")
    browser.give("#file", tmp_path / "note.jpg")
    browser.wait("!document.querySelector('#alert').hidden")
    assert browser.run("document.querySelector('#alert').textContent").startswith("note.jpg: is not a photo")
    assert browser.run("document.querySelector('#clip').hidden")
    (tmp_path / "photo.png").write_bytes(png(16, 16))
    browser.give("#file", tmp_path / "photo.png")
    browser.wait(READY)
    assert browser.run("document.querySelector('#alert').hidden")
    browser.run("document.querySelector('input[name=iters][value=\"2\"]').click()")
    browser.wait(f"{READY} && document.querySelector('#frame').max === '42'")


@in_browser
def test_the_second_of_two_photos_given_quickly_is_shown(browser: Browser) -> None:
    answers = "() => new Response('')"
    browser.run(
        "(() => { const real = window.fetch; window.fetch = (url, {signal}) => { window.fetch = real;"
        "return new Promise((_, no) => signal.addEventListener('abort', () => no(new DOMException('', 'AbortError'))));"
        "}; make(new File(['a'], 'a.png')); })()"
    )
    (browser.folder / "b.png").write_bytes(png())
    browser.give("#file", browser.folder / "b.png")
    browser.wait(READY)
    assert not browser.run("document.querySelector('#clip').hidden")
    hanging = "url => { window.asked_of = url; return new Promise(() => {}); }"
    browser.run(
        f"(() => {{ const real = window.fetch; window.fetch = {hanging}; make(new File(['d'], 'd.png'));"
        "window.asked_of = ''; document.querySelector('input[name=iters]:not(:checked)').click();"
        "window.fetch = real; })()"
    )
    assert browser.run("window.asked_of").startswith("clips?name=d.png"), "another length of the photo asked for last"
    browser.run(f"window.fetch = {answers}; make(new File(['c'], 'c.png'))")
    assert not browser.run("document.querySelector('#alert').hidden")


@in_browser
def test_every_control_has_a_name_and_the_page_fits_a_phone(browser: Browser) -> None:
    browser.resize(360, 640)
    browser.run("Object.assign(document.querySelector('#clip'), {hidden: false, inert: false})")
    assert browser.run("document.documentElement.scrollWidth") <= 360
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    controls = [
        n for n in nodes if n.get("role", {}).get("value") in ("button", "slider", "radio", "image", "progressbar")
    ]
    assert len(controls) > 15
    assert [n["role"]["value"] for n in controls if not n.get("name", {}).get("value")] == []


def test_control_c_ends_it_quietly(tmp_path: Path, tiny_weights: Path) -> None:
    arguments = [sys.executable, "-m", "blurlive", "demo", "--port", "0", "--weights", str(tiny_weights)]
    process = subprocess.Popen(
        arguments, cwd=tmp_path, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with urlopen(url, timeout=30) as page:
        assert "shrunk to 1024 pixels on a side" in page.read().decode()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False)
