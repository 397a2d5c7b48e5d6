"""The page."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from blurlive.evaluation.methods import BLURRED, trivial
from blurlive.evaluation.page import pick
from blurlive.evaluation.protocol import Settings
from blurlive.evaluation.report import make_report
from blurlive.evaluation.summary import headline

from ..browser import find
from .conftest import Fake, rows_of, scored

CHROMIUM = find()


def test_page_shows_the_worst_and_a_few_of_the_best() -> None:
    rows = rows_of(Fake(), clips=8)
    report = make_report(Path("data"), Settings(), [*trivial(), Fake()], rows, [])
    judged = pick(report, 100)
    gains = {
        row.clip: headline(row) - headline(report.table[BLURRED][row.clip]) for row in report.table["fake"].values()
    }
    assert judged == sorted(gains, key=lambda clip: gains[clip])
    assert pick(report, 4) == [*judged[:3], judged[-1]]


def test_page_is_one_file_without_network(data: Path) -> None:
    (data / "clip_1").rename(data / "<b>&_1")
    (data.parent / "theirs/clip_1").rename(data.parent / "theirs/<b>&_1")
    assert scored(data, "--report", data.parent / "out.html")[0] == 0
    page = (data.parent / "out.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:image/webp;base64,)""", page)
    assert "//" not in re.sub(r"data:image/webp;base64,[\w+/=]+", "", page.split("<script>")[0])
    assert "&lt;b&gt;&amp;_1" in page
    assert "<b>&_1" not in page
    assert page.count('<article class="clip"') == 3
    assert page.count('<figure class="tile" data-role="method"') == 3


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)")
def test_page_plays_in_a_browser_without_errors(data: Path) -> None:
    assert scored(data, "--report", data.parent / "out.html")[0] == 0
    dom = loaded(data.parent / "out.html")
    root = re.search(r"<html[^>]*>", dom)
    assert root
    assert 'data-errors="0"' in root[0]
    shown = re.search(r'data-frames="(\d+)"', root[0])
    assert shown
    assert int(shown[1]) > 7
    frames = re.findall(r'<article[^>]*--k: ?(\d)[^>]*data-frame="(\d)"', dom)
    assert len(frames) == 3
    assert len({number for pair in frames for number in pair}) == 1  # all in sync


def loaded(page: Path) -> str:
    """The page's DOM after a second and a half of its own time in a real browser."""
    assert CHROMIUM
    quiet = [
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    options = [*quiet, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}"]
    result = subprocess.run(
        [CHROMIUM, *options, "--virtual-time-budget=1500", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return result.stdout
