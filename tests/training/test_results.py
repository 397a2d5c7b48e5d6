"""What a run leaves: weights, notes, event files."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from blurlive import weights
from blurlive.cli import train as cli
from blurlive.data.dataset import WORKER_START, Batch
from blurlive.data.source import Source, open_source
from blurlive.errors import ConfigError, DataError, DeviceError, OutputError, UsageError
from blurlive.training import checkpoint, run
from blurlive.training.config import read_config
from blurlive.training.director import train_director
from blurlive.training.export import export
from blurlive.training.flow import train_flow
from blurlive.training.initial import architecture
from blurlive.training.loop import train
from blurlive.training.ranks import join

from .conftest import finish, small, tensors


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / checkpoint.NAME)
    with pytest.raises(DataError, match=r"checkpoint\.safetensors: is no checkpoint of a run"):
        export(tmp_path)


def test_export_on_demand(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1), tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    net, card = weights.load(export(tmp_path))
    assert card.about["images"] == 2
    assert str(tmp_path) not in json.dumps(card.about)
    stored = tensors(tmp_path)
    assert torch.allclose(net.generator.stem.weight, stored["ema.generator.stem.weight"], atol=1e-3)


def test_what_is_kept_is_the_moving_mean_of_the_weights(tmp_path: Path, photos: Path) -> None:
    """Which forgets faster at first: it would else be of untrained weights for long."""
    trained = run.Run(small(photos, data__validation=0, optim__ema=0.15, optim__adamw=0.01), tmp_path)
    mean = {name: value.clone() for name, value in trained.net.state_dict().items()}
    batches = trained.batches(open_source(photos), workers=0)
    for keep in (1 / 11, 0.15, 0.15):
        trained.advance(next(batches))  # type: ignore[arg-type]
        mean = {name: mean[name].lerp(value, 1 - keep) for name, value in trained.net.state_dict().items()}
    for name, value in trained.ema.state_dict().items():
        torch.testing.assert_close(value, mean[name], msg=name)
    assert not torch.equal(trained.ema.generator.stem.weight, trained.net.generator.stem.weight)


@pytest.mark.skipif(WORKER_START != "fork", reason="a worker would not see the patch")
def test_a_worker_that_is_killed_is_told_in_one_line(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run.make_batch

    def killed(source: Source, size: int, count: int, key: tuple[int, ...]) -> Batch:
        if key[1] == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return made(source, size, count, key)

    monkeypatch.setattr(run, "make_batch", killed)
    config = small(photos, log_every=1, data__workers=1)
    with pytest.raises(DataError, match=r"a process that makes sequences was killed.*data\.workers=0"):
        finish(config, tmp_path)
    monkeypatch.undo()
    assert finish(config, tmp_path, resume=(tmp_path / checkpoint.NAME).exists())[-1].step == 4


def test_memory_that_runs_out_is_told_in_one_line(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> dict[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    reports = train(small(photos, log_every=1), tmp_path)
    assert next(reports).step == 1
    assert next(reports).step == 2  # the checkpoint of the first has been written by now
    monkeypatch.setattr(run.Run, "advance", full)
    with pytest.raises(DeviceError, match=r"out of memory; .* step \d+ is kept, go on with: blurlive train --resume"):
        next(reports)


def test_nothing_held_out_is_said(tmp_path: Path, example: ModuleType) -> None:
    example.make_photos(tmp_path / "one", 1)
    said: list[str] = []
    reports = list(train(small(tmp_path / "one", steps=1), tmp_path / "run", say=said.append))
    assert reports[-1].validation is None
    assert any("nothing is held out" in note for note in said)


def test_tensorboard_shows_each_step_once(tmp_path: Path, photos: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = small(photos, log_every=1, tensorboard=True)
    going = train(config, tmp_path)
    assert [next(going).step for _ in range(3)] == [1, 2, 3]
    going.close()  # before the checkpoint of step 3, which is done, and shown, again
    finish(config, tmp_path, resume=True)
    shown = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    shown.Reload()
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    for part, of in (("loss", "losses"), ("validation", "validation")):
        names = {name for row in rows for name in row[of] or {}}
        for name in names:
            seen = [(event.step, event.value) for event in shown.Scalars(f"{part}/{name}")]
            assert seen == [(row["step"], pytest.approx(row[of][name])) for row in rows if row[of]]
    sheets = shown.Images("samples")
    assert [sheet.step for sheet in sheets] == [row["step"] for row in rows if row["validation"]]
    assert (sheets[-1].width, sheets[-1].height) == Pillow.open(tmp_path / "samples.png").size


def test_tensorboard_that_is_missing_is_told(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"not installed.*blurlive\[tensorboard\]"):
        finish(small(photos, tensorboard=True), tmp_path)
    assert not (tmp_path / checkpoint.NAME).exists()


def test_weights_say_the_licence_that_the_run_was_told(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1, licence="CC-BY-4.0"), tmp_path)
    assert weights.read_card(tmp_path / "weights.safetensors").about["licence"] == "CC-BY-4.0"
    assert read_config(None, {"init": str(tmp_path)}).licence == "CC-BY-4.0"
    assert weights.read_card(export(tmp_path, licence="MIT")).about["licence"] == "MIT"
    finish(small(photos, steps=1, licence="CC0-1.0"), tmp_path, resume=True)
    assert weights.read_card(tmp_path / "weights.safetensors").about["licence"] == "CC0-1.0"


def test_export_and_resume_take_no_option_that_they_would_not_heed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave steps out"):
        cli.train(out=tmp_path, export=True, steps=3)
    for flag in ({"dry_run": True}, {"resume": True}, {"config": tmp_path / "a.toml"}):
        with pytest.raises(UsageError, match=f"leave --{next(iter(flag)).replace('_', '-')} out"):
            cli.train(out=tmp_path, export=True, **flag)
    about = {"step": "1", "config": '{"stage": "base"}'}
    save_file({"a": torch.zeros(1)}, tmp_path / checkpoint.NAME, about)
    with pytest.raises(UsageError, match="is a run of stage base"):
        cli.train(out=tmp_path, resume=True, stage="gram")


@pytest.mark.parametrize("config", ["{", "3", '{"stage": "base"}'])
def test_damaged_notes_of_a_checkpoint_are_one_error(tmp_path: Path, config: str) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / checkpoint.NAME, {"step": "1", "config": config})
    with pytest.raises(DataError, match=r"checkpoint\.safetensors"):
        architecture(str(tmp_path))


@pytest.mark.parametrize("said", ["two", "0", ""])
def test_processes_that_nobody_started(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", said)
    with pytest.raises(UsageError, match="WORLD_SIZE"):
        join("cpu")


def test_processes_of_which_too_little_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="torchrun"):
        join("cpu")


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(DeviceError, match="sees 1 CUDA devices"):
        join("cuda")


@pytest.mark.parametrize("make", [train_director, train_flow])
def test_a_place_that_cannot_be_is_told_before_the_training(make: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        next(make(tmp_path / "no photos", tmp_path / "file" / "net.safetensors"))
