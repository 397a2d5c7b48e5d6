"""The protocol and its figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from blurlive.errors import DataError, WeightsError
from blurlive.evaluation import flow
from blurlive.evaluation.clips import Clip
from blurlive.evaluation.lpips import Lpips
from blurlive.evaluation.methods import BLURRED, CENTRE
from blurlive.evaluation.protocol import Settings, Truth, score
from blurlive.evaluation.report import describe
from blurlive.evaluation.summary import headline

from ..conftest import lpips_file
from .conftest import HEIGHT, STEP, WIDTH, Fake, a_clip, rows_of, sharp


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
    assert centre.best.value("psnr") == headline(centre) < headline(blurred)  # its one perfect frame is not counted
    assert blurred.best.epe == pytest.approx(blurred.motion, rel=0.05)  # a still clip misses all of the motion
    assert blurred.motion == pytest.approx(6 * STEP, rel=0.2)


def test_parts_are_frames_of_the_row() -> None:
    figures = rows_of(Fake(), clips=1)[2].best
    assert figures.value("psnr.centre") == figures.psnr[3]
    assert figures.value("ssim.ends") == pytest.approx((figures.ssim[0] + figures.ssim[6]) / 2)
    assert figures.value("psnr") == pytest.approx(np.mean(figures.psnr))


def test_what_moves_as_the_truth_does_is_steady_and_a_still_picture_of_it_is_not() -> None:
    blurred, _, darker = rows_of(Fake(), clips=1)
    assert darker.best.warp is not None
    assert 0 < darker.best.warp < 0.3 * blurred.best.warp


@pytest.mark.parametrize("size", [(10, 64), (48, 10)])
def test_clips_too_small_for_ssim_are_refused(size: tuple[int, int]) -> None:
    frames = sharp()[:, : size[0], : size[1]]
    with pytest.raises(DataError, match=f"{size[1]}x{size[0]}; at least 11 pixels a side"):
        Truth(Clip("a", frames[3], frames))


def test_exact_flow_is_what_is_measured_against() -> None:
    clip = a_clip()
    exact = np.zeros((2, HEIGHT, WIDTH), np.float32)
    exact[0] = -6 * STEP
    good = score("m", "", "g", clip.sharp, Truth(Clip("a", clip.blurred, clip.sharp, exact)), Settings())
    bad = score("m", "", "g", clip.sharp, Truth(Clip("a", clip.blurred, clip.sharp, exact + 5)), Settings())
    assert good.motion == pytest.approx(6 * STEP)
    assert good.best.epe < bad.best.epe


def test_the_travel_of_cells_is_that_of_the_extractors_canvas() -> None:
    travel = flow.cells_first_to_last(sharp())
    assert travel.shape == (2, 4, 4)  # 48 x 64 pixels, padded to 64 x 64
    assert torch.median(travel[0]).item() == pytest.approx(-6 * STEP, rel=0.2)
    assert torch.median(travel[1]).abs() < 0.5


def test_without_opencv_flow_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "available", lambda: False)
    rows = rows_of(Fake(), clips=1)
    assert rows[2].best.epe is rows[2].best.warp is rows[2].motion is None
    assert json.loads(json.dumps(rows[2].as_dict()))["best"]["epe"] is None


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match=r"64x40.*64x48"):
        score("m", "", "g", sharp()[:, :40], Truth(a_clip()), Settings())


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


def test_rows_are_not_mixed_with_those_of_another_lpips_of_the_same_name(tmp_path: Path) -> None:
    file = lpips_file(tmp_path / "alex.safetensors")
    before = describe(Settings(lpips=Lpips(file)))
    save_file({name: value * 2 for name, value in load_file(file).items()}, file)
    assert describe(Settings(lpips=Lpips(file))) != before


def test_lpips_weights_that_lack_something_are_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"lacks features\.0\.bias"):
        Lpips(tmp_path / "w.safetensors")
