"""Where results go, decided before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blurlive.cli.plan import Places, plan
from blurlive.errors import OutputError, UsageError


def paths(sources: list[str], outputs: list[str] | None = None, formats: list[str] | None = None) -> list[list[str]]:
    places = Places([Path(o) for o in outputs] if outputs else None, formats, overwrite=False, skip_existing=False)
    return [[target.path.as_posix() for target in wanted] for wanted in plan(sources, places)]


@pytest.mark.parametrize(
    ("sources", "outputs", "formats", "expected"),
    [
        (["in/a.jpg"], None, None, [["in/a.mp4"]]),
        (["-"], None, None, [["stdin.mp4"]]),
        (["a.jpg"], ["x.gif"], None, [["x.gif"]]),
        (["a.jpg"], ["x.gif", "out"], None, [["x.gif", "out"]]),
        (["a.jpg"], ["out"], ["mp4", "sheet"], [["out/a.mp4", "out/a.sheet.png"]]),
        (["a.jpg"], ["out"], ["mp4", "frames"], [["out/a.mp4", "out/a"]]),
        (["a.jpg"], ["x.mp4"], ["gif"], [["x.mp4", "x.gif"]]),
        (["a.jpg"], None, ["webm", "side"], [["a.webm", "a.side.mp4"]]),
        (["a.jpg", "b.jpg"], ["out"], None, [["out/a"], ["out/b"]]),
        (["1/a.jpg", "2/a.jpg"], ["out"], ["gif"], [["out/a.gif"], ["out/a-2.gif"]]),
        (["1/a.jpg", "2/a.jpg"], None, None, [["1/a.mp4"], ["2/a.mp4"]]),
        (["a.jpg", "a.png"], None, None, [["a.mp4"], ["a-2.mp4"]]),
    ],
)
def test_targets(
    sources: list[str], outputs: list[str] | None, formats: list[str] | None, expected: list[list[str]]
) -> None:
    assert paths(sources, outputs, formats) == expected


@pytest.mark.parametrize(
    ("sources", "outputs", "formats", "error", "words"),
    [
        (["a.jpg", "b.jpg"], ["x.mp4"], None, UsageError, "folder"),
        (["a.jpg"], None, ["docx"], UsageError, "docx"),
        (["a.jpg"], ["x.docx"], None, OutputError, "docx"),
        (["a.png"], ["a.png"], None, UsageError, "photo itself"),
    ],
)
def test_mistakes(
    sources: list[str], outputs: list[str] | None, formats: list[str] | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        paths(sources, outputs, formats)


@given(
    st.lists(st.sampled_from(["a.jpg", "A.png", "b.jpg", "x/a.jpg", "x/a-2.png", "a-2.jpg"]), min_size=2, unique=True)
)
def test_no_two_photos_share_a_result(sources: list[str]) -> None:
    everything = [
        path.lower() for formats in (["gif"], ["frames"]) for row in paths(sources, ["out"], formats) for path in row
    ]
    assert len(set(everything)) == len(everything) == 2 * len(sources)
