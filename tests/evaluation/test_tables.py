"""Tables on the terminal show the report's figures; pictures of the page show the frames."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from blurlive.evaluation.clips import Clip
from blurlive.evaluation.frames import Image
from blurlive.evaluation.methods import trivial
from blurlive.evaluation.pictures import Crop, busiest, strip
from blurlive.evaluation.protocol import Settings
from blurlive.evaluation.report import Report, make_report
from blurlive.evaluation.tables import tables

from .conftest import Fake, rows_of, sharp


@pytest.fixture
def report() -> Report:
    return make_report(Path("data"), Settings(), [*trivial(), Fake(turned=("c1",))], rows_of(Fake(turned=("c1",))), [])


def test_every_figure_stands_in_its_column(report: Report) -> None:
    shown = [
        {str(column.header): [str(cell) for cell in column.cells] for column in table.columns}
        for table in tables(report)
    ]
    headline, others, groups, frames, wins = shown
    methods = [summary.method for summary in report.summaries]
    assert [table["method"] for table in shown] == [methods] * 5
    fake = report.summaries[2]
    best, gain = fake.best, fake.gain
    assert {name: cells[2] for name, cells in headline.items()} == {
        "method": "fake",
        "PSNR": f"{fake.forward['psnr']:.2f}",
        "better of two": f"{best['psnr']:.2f}",
        "95 %": f"{fake.interval[0]:.2f} to {fake.interval[1]:.2f}",
        "gain": f"{gain.mean:+.2f}",
        "worst": f"{gain.worst:+.2f}",
        "SSIM": f"{best['ssim']:.4f}",
        "EPE px": f"{best['epe']:.2f}",
        "LPIPS": "n/a",
        "turned": "1/3",
    }
    centre, ends = (f"{best['psnr.centre']:.2f}", f"{best['psnr.ends']:.2f}")
    assert (others["centre"][2], others["ends"][2], others["warp"][2]) == (centre, ends, f"{best['warp']:.2f}")
    assert (others["free windows"][2], others["re-blur"][2]) == (f"{fake.windows:.2f}", f"{fake.reblur:.2f}")
    assert groups["g x3"][2] == f"{gain.mean:+.2f} ({gain.worst:+.2f})"
    assert [frames[str(number)][2] for number in range(1, 8)] == [f"{value:.2f}" for value in fake.frames_psnr]
    assert [wins[method][2] for method in methods] == [*(str(report.wins["fake"][other]) for other in methods[:2]), ""]


def shown_in(address: str) -> Image:
    kind, data = address.split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(data))))


def test_a_strip_holds_all_frames_from_top_to_bottom() -> None:
    frames = sharp()
    stacked = shown_in(strip(frames)).reshape(frames.shape)
    assert np.abs(stacked.astype(int) - frames).mean() < 6


@pytest.mark.parametrize(
    ("size", "small"), [((90, 720), (45, 360)), ((960, 300), (480, 150)), ((2, 2000), (1, 360)), ((30, 20), (30, 20))]
)
def test_a_large_frame_is_shrunk_to_fit_the_page(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert shown_in(strip(np.zeros((7, *size, 3), np.uint8))).shape == (7 * small[0], small[1], 3)


def test_the_busiest_part_is_where_the_photo_is_most_blurred() -> None:
    frames = np.full((7, 200, 300, 3), 100, np.uint8)
    blurred = frames[3].copy()
    blurred[20:60, 10:50] = 103
    blurred[120:160, 180:220] = 160
    part = busiest(Clip("a", blurred, frames))
    assert (part.height, part.width) == (72, 108)
    assert part.top <= 120 < 160 <= part.top + 72
    assert part.left <= 180 < 220 <= part.left + 108
    assert (part.of(blurred[None]) == 160).all(-1).sum() == 40 * 40
    assert busiest(Clip("a", blurred[:50, :60], frames[:, :50, :60])) == Crop(0, 0, 50, 60)
