"""benchmarks/heldout.py: what it prints is what training says of the same weights."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.heldout import main
from blurlive import weights
from blurlive.evaluation.lpips import Lpips
from blurlive.training.validation import validate, validation_set

from ..conftest import lpips_file, random_net
from .conftest import small


@pytest.mark.parametrize("sharpened", [0.0, 1.0])
def test_held_out_figures_are_those_of_training(
    photos: Path,
    tmp_path: Path,
    sharpened: float,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "random.safetensors"
    weights.save(random_net(), file, {})
    given = {"data.validation": 8, "data.context": 0, "data.scene.camera.sharpened": sharpened}
    settings = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    monkeypatch.setattr(sys, "argv", ["heldout.py", str(photos), "--weights", str(file), *settings])
    main()
    seen = capsys.readouterr().out.split()
    config = small(photos, data__validation=8, data__context=0, data__scene={"camera": {"sharpened": sharpened}})
    figures = validate(weights.load(file)[0].eval(), validation_set(config))
    assert seen == [*(part for key, value in figures.items() for part in (key, f"{value:.2f}")), str(file)]


def test_lpips_is_that_of_the_same_sequences(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, judge = tmp_path / "random.safetensors", lpips_file(tmp_path / "alex.safetensors")
    weights.save(random_net(), file, {})
    given = ["--set", "data.validation=8", "--set", "data.context=0"]
    monkeypatch.setattr(sys, "argv", ["heldout.py", str(photos), "--weights", str(file), "--lpips", str(judge), *given])
    main()
    said = dict(re.findall(r"lpips_(\w+) ([\d.]+)", capsys.readouterr().out))
    (batch,) = validation_set(small(photos, data__validation=8, data__context=0, data__scene={}))
    rows = [Lpips(judge)(one.expand_as(seven), seven) for one, seven in zip(batch.blurred, batch.sharp, strict=True)]
    assert float(said["blurred"]) == pytest.approx(np.mean(rows), abs=1e-4)
    assert set(said) == {"psnr", "psnr_exact", "blurred"}
    assert len(set(said.values())) == 3


@pytest.mark.parametrize(
    ("more", "told"), [([], "holds out no scene"), (["--set", "seed"], "NAME=VALUE"), (["--set", "sed=1"], "sed")]
)
def test_what_cannot_be_judged_is_told_in_one_line(
    more: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["heldout.py", str(tmp_path / "nowhere"), *more])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert told in capsys.readouterr().err.splitlines()[-1]
