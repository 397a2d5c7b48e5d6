"""Where results go, decided before any work."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blurlive.cli.plan import Places, plan
from blurlive.errors import OutputError, UsageError


def paths(
    sources: list[str], outputs: list[str] | None = None, formats: list[str] | None = None, *, overwrite: bool = False
) -> list[list[str]]:
    places = Places(outputs, formats, overwrite=overwrite, skip_existing=False)
    return [[target.path.as_posix() for target in wanted] for wanted in plan(sources, places)]


@pytest.mark.parametrize(
    ("sources", "outputs", "formats", "expected"),
    [
        (["in/a.jpg"], None, None, [["in/a.mp4"]]),
        (["-"], None, None, [["stdin.mp4"]]),
        (["a.jpg"], ["x.gif"], None, [["x.gif"]]),
        (["a.jpg"], ["x.gif", "out"], None, [["x.gif", "out"]]),
        (["a.jpg"], ["out.v2/"], None, [["out.v2"]]),
        (["a.jpg"], ["./-"], None, [["-"]]),
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
        (["a.png"], [""], None, OutputError, "an empty name"),
    ],
)
def test_mistakes(
    sources: list[str], outputs: list[str] | None, formats: list[str] | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        paths(sources, outputs, formats)


@pytest.mark.parametrize(
    ("sources", "outputs", "formats", "words"),
    [
        (["in/a.jpg", "in/a.webp"], None, ["webp"], "in/a.webp: is another photo of this batch"),
        (["in/0004.png"], ["in"], None, "in: holds a photo of this batch"),
        (["x/in.jpg", "out/in/1.png"], ["out"], None, "out/in: holds a photo of this batch"),
    ],
)
def test_overwriting_spares_all_photos_of_the_batch(
    sources: list[str], outputs: list[str] | None, formats: list[str] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        paths(sources, outputs, formats, overwrite=True)
    assert paths(sources, outputs, formats), "what is there is told later, or skipped"


def named(template: str, sources: list[str], formats: list[str] | None = None) -> list[list[str]]:
    places = Places(["out"], formats or ["gif"], overwrite=False, skip_existing=False, name=template)
    return [[target.path.as_posix() for target in wanted] for wanted in plan(sources, places)]


def test_a_template_names_results() -> None:
    assert named("{stem}-{frames}f", ["in/a.jpg"]) == [["out/a-7f.gif"]]
    assert named("{parent}_{index:03}.{format}", ["in/a.jpg", "b/a.jpg"]) == [
        ["out/in_001.gif.gif"],
        ["out/b_002.gif.gif"],
    ]
    assert named("{{{stem}}}", ["-"], ["frames", "mp4"]) == [["out/{stdin}", "out/{stdin}.mp4"]]
    assert named("x", ["in/a.jpg"], ["frames"]) == [["out/x"]]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{name}", "there is no {name}; use {stem}"),
        ("{stem.__class__}", "there is no"),
        ("{}", "there is no {}"),
        ("{stem", "expected '}'"),
        ("{stem:d}", "cannot be filled in"),
        ("{index:{stem}}", "cannot be filled in"),
        ("{parent}/{stem}", "no file name"),
        ("", "no file name"),
        ("..", "no file name"),
        ("clip", "would be the result of both a.jpg and b.jpg; add {stem} or {index}"),
        ("{parent}", "both"),
    ],
)
def test_templates_that_will_not_do(template: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        named(template, ["a.jpg", "b.jpg"])


def test_a_template_and_a_file_contradict_each_other() -> None:
    places = Places(["x.gif"], None, overwrite=False, skip_existing=False, name="{stem}")
    with pytest.raises(UsageError, match="has a name already"):
        plan(["a.jpg"], places)


def test_a_frame_of_a_video_does_not_take_the_name_of_the_video() -> None:
    places = Places(None, None, overwrite=False, skip_existing=False, moment="2.5s")
    assert [target.path.as_posix() for target in plan(["in/a.mp4"], places)[0]] == ["in/a-2.5s.mp4"]


@pytest.mark.parametrize(
    ("sources", "outputs", "formats", "words"),
    [
        (["a.jpg", "b.jpg"], ["-"], None, "one clip of one photo"),
        (["a.jpg"], ["-", "x.gif"], None, "one clip of one photo"),
        (["a.jpg"], ["-"], ["gif", "mp4"], "one clip of one photo"),
        (["a.jpg"], ["-"], ["frames"], "many files"),
    ],
)
def test_standard_output_takes_one_file(
    sources: list[str], outputs: list[str], formats: list[str] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        paths(sources, outputs, formats)
    assert paths(["a.jpg"], ["-"], ["gif"]) == [["-"]]


@given(
    st.lists(st.sampled_from(["a.jpg", "A.png", "b.jpg", "x/a.jpg", "x/a-2.png", "a-2.jpg"]), min_size=2, unique=True)
)
def test_no_two_photos_share_a_result(sources: list[str]) -> None:
    everything = [
        path.lower() for formats in (["gif"], ["frames"]) for row in paths(sources, ["out"], formats) for path in row
    ]
    assert len(set(everything)) == len(everything) == 2 * len(sources)
