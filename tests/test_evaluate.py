"""``blurlive evaluate`` from data to page, on tiny clips made here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import torch
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from blurlive.cli.evaluate import evaluate
from blurlive.errors import BlurliveError, DataError, UsageError, WeightsError
from blurlive.evaluation import flow
from blurlive.evaluation.clips import Clip, ClipSource, count_clips, find_clips, group_of
from blurlive.evaluation.frames import Image
from blurlive.evaluation.journal import Journal
from blurlive.evaluation.lpips import Lpips
from blurlive.evaluation.methods import BLURRED, CENTRE, Folder, trivial
from blurlive.evaluation.page import pick
from blurlive.evaluation.plots import ticks
from blurlive.evaluation.protocol import Row, Settings, Truth, score
from blurlive.evaluation.report import make_report
from blurlive.evaluation.run import run
from blurlive.evaluation.summary import bootstrap, headline, summarise, tabulate, wins

HEIGHT, WIDTH, STEP = 48, 64, 1
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def sharp(seed: int = 0, frames: int = 7) -> Image:
    """A textured scene that moves ``STEP`` pixels to the left from frame to frame."""
    coarse = np.random.default_rng(seed).integers(0, 256, (HEIGHT // 8, WIDTH // 8 + 2, 3), dtype=np.uint8)
    wide = np.asarray(Pillow.fromarray(coarse).resize((WIDTH + 16, HEIGHT), Pillow.Resampling.BICUBIC))
    return np.stack([wide[:, STEP * t : STEP * t + WIDTH] for t in range(frames)])


def exposed(frames: Image, gamma: float = 2.2) -> Image:
    return (255 * np.mean((frames / 255) ** gamma, axis=0) ** (1 / gamma)).round().astype(np.uint8)


def a_clip(seed: int = 0, name: str = "a") -> Clip:
    return Clip(name, exposed(sharp(seed)), sharp(seed))


def save(frames: Image, folder: Path, first: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(frames):
        Pillow.fromarray(frame).save(folder / f"{first + i:02d}.png")


def save_clip(folder: Path, seed: int = 0) -> None:
    save(sharp(seed), folder / "sharp")
    Pillow.fromarray(exposed(sharp(seed))).save(folder / "blurred.png")


def save_video(file: Path, frames: Image) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {
        "macro_block_size": 1,
        "codec": "libx264rgb",
        "pix_fmt_in": "rgb24",
        "pix_fmt_out": "rgb24",
    }
    writer = imageio_ffmpeg.write_frames(str(file), (WIDTH, HEIGHT), output_params=["-crf", "0"], **options)
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


@dataclass
class Fake:
    """The truth, darkened by ``levels``, backwards for the clips in ``turned``; counts what it is asked for."""

    name: str = "fake"
    levels: int = 9
    turned: tuple[str, ...] = ()
    source: str = "a test"
    asked: list[str] = field(default_factory=list)

    def predict(self, clip: Clip) -> Image:
        self.asked.append(clip.name)
        frames = np.maximum(clip.sharp, self.levels) - self.levels
        return frames[::-1] if clip.name in self.turned else frames


def rows_of(*methods: Any, clips: int = 3) -> list[Row]:
    sources = [ClipSource(f"c{i}", "g", lambda i=i: a_clip(i, f"c{i}")) for i in range(clips)]
    outcomes = run(sources, [*trivial(), *methods], Settings())
    return [row for outcome in outcomes for row in outcome.rows]


# --- data -------------------------------------------------------------------------------------------------------------


def test_clip_folders_are_found_in_natural_order(tmp_path: Path) -> None:
    for name in ("clip_10", "clip_9"):
        save_clip(tmp_path / name)
    found = list(find_clips(tmp_path))
    assert [source.name for source in found] == ["clip_9", "clip_10"]
    assert count_clips(tmp_path) == 2
    clip = found[0].load()
    assert np.array_equal(clip.sharp, sharp())
    assert np.array_equal(clip.blurred, exposed(sharp()))


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_trees_are_cut_into_windows_of_seven(tmp_path: Path, gamma: float) -> None:
    frames = sharp(frames=16)
    save(frames, tmp_path / "scene" / "sharp")
    save(frames, tmp_path / "scene" / "blur")
    save(frames[:6], tmp_path / "short")
    found = list(find_clips(tmp_path, gamma))
    assert [(source.name, source.group) for source in found] == [("scene/01", "scene"), ("scene/08", "scene")]
    assert count_clips(tmp_path) == 2
    clip = found[1].load()
    assert np.array_equal(clip.sharp, frames[7:14])
    assert np.array_equal(clip.blurred, exposed(frames[7:14], gamma))


def test_videos_are_cut_into_windows_of_seven(tmp_path: Path) -> None:
    frames = sharp(frames=15)
    save_video(tmp_path / "drive.mp4", frames)
    found = list(find_clips(tmp_path))
    assert [source.name for source in found] == ["drive/000001", "drive/000008"]
    assert count_clips(tmp_path) == count_clips(tmp_path / "drive.mp4") == 2
    assert np.abs(found[1].load().sharp.astype(int) - frames[7:14]).max() <= 2


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("scene3_long", "scene_long"),
        ("street1_2", "street"),
        ("davis_camel_1", "davis"),
        ("toflow_2", "toflow"),
        ("0001", "all"),
    ],
)
def test_groups_go_by_name(name: str, group: str) -> None:
    assert group_of(name) == group


def test_missing_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        find_clips(tmp_path / "nowhere")


@pytest.mark.parametrize("harm", ["few", "size", "garbage", "motion"])
def test_broken_clips_say_what_is_wrong(tmp_path: Path, harm: str) -> None:
    save_clip(tmp_path / "clip")
    if harm == "few":
        (tmp_path / "clip/sharp/07.png").unlink()
    elif harm == "size":
        Pillow.fromarray(sharp()[0][:40]).save(tmp_path / "clip/blurred.png")
    elif harm == "garbage":
        (tmp_path / "clip/sharp/03.png").write_bytes(b"no picture")
    else:
        np.save(tmp_path / "clip/motion.npy", np.zeros((2, 3, 3), np.float32))
    messages = {"few": "6 frames", "size": "64x40", "garbage": "03.png", "motion": "motion.npy"}
    with pytest.raises(DataError, match=messages[harm]):
        next(iter(find_clips(tmp_path))).load()


def test_predictions_are_folders_or_videos(tmp_path: Path) -> None:
    save(sharp(1), tmp_path / "a")
    save_video(tmp_path / "b.mp4", sharp(2))
    method = Folder("theirs", tmp_path)
    assert np.array_equal(method.predict(a_clip(name="a")), sharp(1))
    assert np.abs(method.predict(a_clip(name="b")).astype(int) - sharp(2)).max() <= 2
    with pytest.raises(DataError, match="no frames for this clip"):
        method.predict(a_clip(name="c"))


# --- protocol ---------------------------------------------------------------------------------------------------------


def test_order_is_chosen_once_and_for_all_figures() -> None:
    truth = Truth(a_clip())
    right, wrong = (score("m", "", "g", Fake(turned=t).predict(truth.clip), truth, Settings()) for t in ((), ("a",)))
    assert (right.reversed, wrong.reversed) == (False, True)
    assert right.best == right.forward == wrong.best
    assert headline(wrong) > wrong.forward.value("psnr")
    assert wrong.forward.epe > 2 * wrong.best.epe
    assert right.windows == wrong.windows >= headline(right)


def test_figures_of_the_trivial_rows() -> None:
    blurred, centre = rows_of(clips=1)
    assert (blurred.method, centre.method) == (BLURRED, CENTRE)
    assert blurred.reblur == 100
    assert centre.best.value("psnr.centre") == 100
    assert headline(centre) < headline(blurred)  # its one perfect frame is not counted
    assert blurred.best.epe == pytest.approx(blurred.motion, rel=0.05)  # a still clip misses all of the motion
    assert blurred.motion == pytest.approx(6 * STEP, rel=0.2)


def test_parts_are_frames_of_the_row() -> None:
    figures = rows_of(Fake(), clips=1)[2].best
    assert figures.value("psnr.centre") == figures.psnr[3]
    assert figures.value("ssim.ends") == pytest.approx((figures.ssim[0] + figures.ssim[6]) / 2)
    assert figures.value("psnr") == pytest.approx(np.mean(figures.psnr))


def test_exact_flow_is_what_is_measured_against() -> None:
    clip = a_clip()
    exact = np.zeros((2, HEIGHT, WIDTH), np.float32)
    exact[0] = -6 * STEP
    good = score("m", "", "g", clip.sharp, Truth(Clip("a", clip.blurred, clip.sharp, exact)), Settings())
    bad = score("m", "", "g", clip.sharp, Truth(Clip("a", clip.blurred, clip.sharp, exact + 5)), Settings())
    assert good.motion == pytest.approx(6 * STEP)
    assert good.best.epe < bad.best.epe


def test_without_opencv_flow_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "available", lambda: False)
    rows = rows_of(Fake(), clips=1)
    assert rows[2].best.epe is rows[2].best.warp is rows[2].motion is None
    assert json.loads(json.dumps(rows[2].as_dict()))["best"]["epe"] is None


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match=r"64x40.*64x48"):
        score("m", "", "g", sharp()[:, :40], Truth(a_clip()), Settings())


def lpips_file(file: Path) -> Path:
    torch.manual_seed(0)
    sizes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    weights = {f"features.{i}.weight": torch.randn(o, n, k, k) / 30 for i, (o, n, k) in sizes.items()}
    weights |= {f"features.{i}.bias": torch.randn(o) / 10 for i, (o, _, _) in sizes.items()}
    weights |= {f"lin{j}.model.1.weight": torch.rand(1, o, 1, 1) for j, (o, _, _) in enumerate(sizes.values())}
    save_file(weights, file)
    return file


def alexnet() -> nn.Sequential:
    """torchvision's ``alexnet().features`` without the last pooling."""
    layers = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()]
    layers += [
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, nn.Conv2d(256, 256, 3, padding=1), nn.ReLU())


def test_lpips_is_its_definition(tmp_path: Path) -> None:
    lpips = Lpips(lpips_file(tmp_path / "alex.safetensors"))
    net = alexnet()
    net.load_state_dict({k.removeprefix("features."): v for k, v in lpips.weights.items() if k.startswith("features.")})
    pair = [torch.from_numpy(sharp(seed)[:1]).permute(0, 3, 1, 2) for seed in (0, 1)]
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    states = [(x / 127.5 - 1 - shift.view(3, 1, 1)) / scale.view(3, 1, 1) for x in pair]
    expected = 0.0
    for i, layer in enumerate(net):
        states = [layer(x) for x in states]
        if i in (1, 4, 7, 9, 11):
            a, b = (nn.functional.normalize(x, dim=1) for x in states)
            head = lpips.weights[f"lin{(1, 4, 7, 9, 11).index(i)}.model.1.weight"]
            expected += ((a - b) ** 2 * head).sum(1).mean().item()
    assert lpips(*pair) == pytest.approx([expected], rel=1e-4)
    assert lpips(pair[0], pair[0]) == [0]


def test_lpips_weights_that_lack_something_are_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"lacks features\.0\.bias"):
        Lpips(tmp_path / "w.safetensors")


# --- run, journal -----------------------------------------------------------------------------------------------------


def test_clips_are_read_as_they_are_needed() -> None:
    read: list[int] = []

    def sources() -> Iterator[ClipSource]:
        for i in range(20):
            read.append(i)
            yield ClipSource(f"c{i}", "g", lambda i=i: a_clip(i, f"c{i}"))

    outcomes = run(sources(), trivial(), Settings(), jobs=2)
    assert next(outcomes).clip == "c0"
    assert len(read) <= 3
    assert [outcome.clip for outcome in outcomes] == [f"c{i}" for i in range(1, 20)]


def test_a_broken_clip_does_not_end_the_run() -> None:
    def broken() -> Clip:
        raise DataError("c.png: is broken")

    sources = [ClipSource("c", "g", broken), ClipSource("a", "g", a_clip)]
    outcomes = list(run(sources, trivial(), Settings()))
    assert [len(outcome.rows) for outcome in outcomes] == [0, 2]
    assert outcomes[0].broken == ["c.png: is broken"]


def test_journal_goes_on_where_a_kill_cut_it(tmp_path: Path) -> None:
    file, rows = tmp_path / "rows.jsonl", rows_of(Fake())
    journal = Journal(file, {"gamma": 2.2}, resume=False)
    for row in rows:
        journal.add(row)
    file.write_text(file.read_text()[:-30])
    again = Journal(file, {"gamma": 2.2}, resume=True)
    assert list(again.rows.values()) == rows[:-1]
    again.add(rows[-1])
    assert list(Journal(file, {"gamma": 2.2}, resume=True).rows.values()) == rows
    with pytest.raises(UsageError, match="other settings"):
        Journal(file, {"gamma": 1.0}, resume=True)


def test_what_is_done_is_not_scored_again() -> None:
    method = Fake()
    sources = [ClipSource(name, "g", lambda name=name: a_clip(0, name)) for name in ("a", "b")]
    outcomes = list(run(sources, [method], Settings(), done={("a", "fake", "a test")}))
    assert [len(outcome.rows) for outcome in outcomes] == [0, 1]
    assert method.asked == ["b"]


# --- summary ----------------------------------------------------------------------------------------------------------


def test_summary_adds_up() -> None:
    rows = rows_of(Fake("good", 3), Fake("poor", 60, turned=("c1",)))
    table = tabulate(rows, [BLURRED, CENTRE, "good", "poor"])
    blurred, _, good, poor = summarise(table)
    assert (good.clips, good.reversed, poor.reversed) == (3, 0, 1)
    values = [headline(row) for row in table["good"].values()]
    assert good.best["psnr"] == pytest.approx(np.mean(values))
    assert good.interval[0] <= good.best["psnr"] <= good.interval[1]
    assert good.gain.mean == pytest.approx(good.best["psnr"] - blurred.best["psnr"])
    assert poor.gain.worst == pytest.approx(
        min(headline(table["poor"][c]) - headline(table[BLURRED][c]) for c in table["poor"])
    )
    assert poor.forward["psnr"] < poor.best["psnr"]
    assert good.best["lpips"] is None
    assert (wins(table)["good"]["poor"], wins(table)["poor"]["good"]) == (3, 0)


def test_methods_are_compared_on_the_same_clips() -> None:
    rows = [row for row in rows_of(Fake("good"), Fake("gaps", 5)) if (row.method, row.clip) != ("gaps", "c1")]
    table = tabulate(rows, [BLURRED, CENTRE, "good", "gaps"])
    assert [list(clips) for clips in table.values()] == [["c0", "c2"]] * 4


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_intervals_stay_within_the_values(values: list[float]) -> None:
    low, high = bootstrap(np.array(values))
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert (low, high) == bootstrap(np.array(values))


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
@settings(deadline=None)
def test_ticks_enclose_the_values_evenly(values: list[float]) -> None:
    found = ticks(values)
    assert 2 <= len(found) <= 12
    assert np.allclose(np.diff(found), found[1] - found[0])
    assert found[0] <= min(values) + 1e-6 and max(values) <= found[-1] + 1e-6  # noqa: PT018


# --- command ----------------------------------------------------------------------------------------------------------


def command(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr (the error's message included) of ``blurlive evaluate``."""
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, BlurliveError):
        return result.exception.exit_code, result.stdout, result.stderr + str(result.exception)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for i in range(3):
        save_clip(tmp_path / f"data/clip_{i}", i)
        save(np.maximum(sharp(i), 20) - 20, tmp_path / f"theirs/clip_{i}")
    return tmp_path / "data"


def scored(data: Path, *more: object) -> tuple[int, str, str]:
    theirs = f"theirs={data.parent / 'theirs'}"
    return command("--data", data, "--weights", "none", "--pred", theirs, "--json", data.parent / "out.json", *more)


def test_command_writes_table_and_json(data: Path) -> None:
    code, out, _ = scored(data)
    assert code == 0
    assert all(text in out for text in (BLURRED, CENTRE, "theirs", "3 clips", "n/a"))
    report = json.loads((data.parent / "out.json").read_text())
    assert [method["method"] for method in report["methods"]] == [BLURRED, CENTRE, "theirs"]
    assert len(report["rows"]) == 9
    row = report["rows"][-1]
    assert (row["clip"], row["method"], len(row["best"]["psnr"]), row["best"]["lpips"]) == ("clip_2", "theirs", 7, None)
    assert report["wins"]["theirs"][BLURRED] == 3
    assert report["settings"]["gamma"] == 2.2


def test_readme_tables_come_out_of_the_json(data: Path) -> None:
    assert scored(data)[0] == 0
    script = Path(__file__).parent.parent / "benchmarks/tables.py"
    result = subprocess.run(
        [sys.executable, script, data.parent / "out.json"], capture_output=True, text=True, check=True
    )
    gain = json.loads((data.parent / "out.json").read_text())["methods"][2]["gain"]
    assert "3 clips" in result.stdout
    assert f"| theirs | {gain['mean']:+.2f} ({gain['worst']:+.2f}) |" in result.stdout


def test_command_skips_what_is_broken_and_exits_with_8(data: Path) -> None:
    (data / "clip_1/sharp/02.png").unlink()
    code, out, err = scored(data)
    assert code == DataError.exit_code == 8
    assert "2 clips" in out
    assert "skipped clip_1" in err
    assert len(json.loads((data.parent / "out.json").read_text())["broken"]) == 1


def test_command_resumes(data: Path) -> None:
    (data / "clip_1/sharp/02.png").rename(data / "kept.bak")
    assert scored(data)[0] == 8
    (data / "kept.bak").rename(data / "clip_1/sharp/02.png")
    shutil.rmtree(data.parent / "theirs/clip_0")  # scored before: not needed again
    code, out, _ = scored(data, "--resume")
    assert code == 0
    assert "3 clips" in out


def test_command_scores_our_network(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Extractor:
        dtype = torch.float32

        def __init__(self, *options: str | None) -> None:
            self.options = options

        def extract(self, photo: Image) -> Image:
            return np.repeat(photo[None], 7, 0)

    import blurlive.extractor

    monkeypatch.setattr(blurlive.extractor, "Extractor", Extractor)
    code, out, _ = command("--data", data, "--weights", "models/base.safetensors", "--weights", "ours=b.safetensors")
    assert code == 0
    assert "base" in out
    assert "ours" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume",), "give the --json FILE"),
        (("--pred", "jin"), "write NAME=DIR"),
        (("--pred", "jin=nowhere"), "no such folder"),
        (("--pred", f"{BLURRED}=."), "two methods are called"),
    ],
)
def test_command_says_what_is_wrong_with_its_options(data: Path, options: tuple[str, ...], message: str) -> None:
    code, _, err = command("--data", data, "--weights", "none", *options)
    assert code == UsageError.exit_code
    assert message in err


def test_command_says_that_there_is_nothing(tmp_path: Path) -> None:
    code, _, err = command("--data", tmp_path, "--weights", "none")
    assert code == DataError.exit_code
    assert "no clip" in err


# --- page -------------------------------------------------------------------------------------------------------------


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
    assert "//" not in re.sub(r"data:image/webp;base64,[\w+/=]+|//[^\n]*", "", page.split("<script>")[0])
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
