"""Runs that are killed, repeated, or end for a reason."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from blurlive import workshop
from blurlive.data.dataset import Batch
from blurlive.errors import ConfigError, DataError, OutputError
from blurlive.training import checkpoint
from blurlive.training.config import stored_config, to_toml
from blurlive.training.loop import train
from blurlive.training.run import Run

from .conftest import ROOT, finish, small, tensors


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from blurlive.training import config, loop
torch.set_num_threads(1)
settings = config.read_config(Path(sys.argv[1]))
folder, kill_at = Path(sys.argv[2]), int(sys.argv[3])
resume = (folder / "checkpoint.safetensors").exists()
for report in loop.train(settings, folder, resume):
    if report.step == kill_at and os.environ.get("RANK", "0") == "0":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def start(script: Path, *arguments: object, processes: int = 1) -> int:
    many = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--local-addr",
        "127.0.0.1",
        "--nproc-per-node",
        str(processes),
    ]
    command = [sys.executable, *(many if processes > 1 else []), str(script), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=240, check=False)
    print(done.stderr.decode())  # pytest shows it where the test fails
    return done.returncode


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_goes_on_to_the_bit(tmp_path: Path, photos: Path, processes: int) -> None:
    script, settings = tmp_path / "killed.py", tmp_path / "run.toml"
    script.write_text(KILLED)
    settings.write_text(to_toml(small(photos, log_every=1)))
    assert start(script, settings, tmp_path / "straight", 0, processes=processes) == 0
    status = start(script, settings, tmp_path / "killed", 3, processes=processes)
    assert status == (-signal.SIGKILL if processes == 1 else 1)
    assert checkpoint.step_of(checkpoint.read_about(tmp_path / "killed")) == 2
    assert start(script, settings, tmp_path / "killed", 0, processes=processes) == 0
    assert same(tensors(tmp_path / "straight"), tensors(tmp_path / "killed"))
    rows = [[json.loads(row) for row in (tmp_path / name / "metrics.jsonl").open()] for name in ("straight", "killed")]
    losses = [[(row["step"], row["losses"]) for row in run] for run in rows]
    assert losses[0] == losses[1]
    assert [row["step"] for row in rows[1]] == [1, 2, 3, 4]
    assert rows[0][-1]["images"] == 4 * 2 * processes


@pytest.mark.parametrize("uses", [1, 3])
def test_a_run_that_is_left_early_goes_on_to_the_bit(tmp_path: Path, photos: Path, uses: int) -> None:
    config = small(photos, data__uses=uses, save_minutes=60)
    finish(config, tmp_path / "straight")
    going = train(config, tmp_path / "stopped")
    assert next(going).step == 2
    going.close()
    assert checkpoint.step_of(checkpoint.read_about(tmp_path / "stopped")) == 2
    finish(config, tmp_path / "stopped", resume=True)
    assert same(tensors(tmp_path / "straight"), tensors(tmp_path / "stopped"))


@pytest.mark.parametrize(("times", "kept"), [(1, 3), (2, 1)])
def test_ctrl_c_waits_for_the_end_of_a_step_and_a_second_one_does_not(
    tmp_path: Path, photos: Path, times: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(small(photos, steps=1), tmp_path)
    advance = Run.advance

    def interrupted(run: Run, batch: Batch) -> dict[str, float]:
        done = advance(run, batch)
        if run.step == 3:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return done

    monkeypatch.setattr(Run, "advance", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        list(train(small(photos, log_every=3, save_minutes=60), tmp_path, resume=True, say=said.append))
    assert said[-1] == "stopping at the end of this step; a second time stops at once"
    assert signal.getsignal(signal.SIGINT) is handler
    assert checkpoint.step_of(checkpoint.read_about(tmp_path)) == kept
    assert [json.loads(row)["step"] for row in (tmp_path / "metrics.jsonl").open()] == [1, 3][:kept]


def test_a_run_in_another_thread_needs_no_signals(tmp_path: Path, photos: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert [report.step for report in pool.submit(finish, small(photos), tmp_path).result()] == [2, 4]


def test_the_seed_decides_everything(tmp_path: Path, photos: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        finish(small(photos, seed=seed, steps=1), tmp_path / name)
    a, b, c = (tensors(tmp_path / name) for name in "abc")
    assert same(a, b)
    assert not same(a, c)


def test_a_run_is_not_overwritten(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1), tmp_path)
    with pytest.raises(OutputError, match="--resume"):
        finish(small(photos, steps=1), tmp_path)


@pytest.mark.skipif(workshop.fcntl is None, reason="needs locks")
def test_two_processes_do_not_train_into_one_folder(tmp_path: Path, photos: Path) -> None:
    going = train(small(photos, log_every=1), tmp_path)
    next(going)  # nothing is saved yet
    kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="another process trains into it"):
        finish(small(photos), tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept
    next(going)
    with pytest.raises(OutputError, match="another process trains into it"):
        finish(small(photos, steps=9), tmp_path, resume=True)
    assert [report.step for report in going] == [3, 4]
    assert finish(small(photos, steps=5), tmp_path, resume=True)[-1].step == 5


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path: Path, photos: Path) -> None:
    going = train(small(photos, log_every=1, optim__adamw=1e38, optim__clip=0, steps=50), tmp_path)
    with pytest.raises(DataError, match=r"not finite|is nan|is inf"):
        list(going)
    assert all(torch.isfinite(value).all() for value in tensors(tmp_path).values())
    assert not (tmp_path / "weights.safetensors").exists()


def test_weights_that_are_not_finite_replace_no_checkpoint(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1), tmp_path)
    kept = tensors(tmp_path)
    run = Run(small(photos, steps=1), tmp_path)
    with torch.no_grad():
        run.net.generator.stem.weight[0] = torch.inf
    with pytest.raises(DataError, match=r"model\.generator\.stem\.weight is not finite; the last checkpoint is kept"):
        run.save()
    assert same(kept, tensors(tmp_path))


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(small(photos, steps=2), tmp_path)
    kept = tensors(tmp_path)

    def full(_: object, part: Path, __: object) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OutputError, match=r"No space left.*step 2 is kept"):
        finish(small(photos, steps=3), tmp_path, resume=True)
    assert same(kept, tensors(tmp_path))
    assert not list(tmp_path.glob(".blurlive-*"))


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_folder_that_cannot_be_made_is_told_so(tmp_path: Path, photos: Path, place: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match=f"{place}: cannot be written .*another folder with --out"):
        finish(small(photos, steps=1), tmp_path / place)
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_that_is_removed_ends_the_run(tmp_path: Path, photos: Path) -> None:
    going = train(small(photos, log_every=1), tmp_path / "run")
    next(going)
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(OutputError, match=r"run: cannot be written \(No such file.*no checkpoint to go on from"):
        list(going)


def test_resuming_with_other_networks_or_processes_is_refused(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1), tmp_path)
    wide = small(photos, model__generator__widths=[16, 16, 16, 16])
    with pytest.raises(DataError, match="does not fit"):
        finish(wide, tmp_path, resume=True)
    about = checkpoint.read_about(tmp_path) | {"world": "4"}
    checkpoint.write_whole(tmp_path / checkpoint.NAME, tensors(tmp_path), about)
    again = f"go on with: torchrun --nproc-per-node 4 -m blurlive train --resume --out {tmp_path}"
    with pytest.raises(ConfigError, match=f"4 processes, not 1; {again}$"):
        finish(small(photos, steps=2), tmp_path, resume=True)
    assert checkpoint.kept(tmp_path) == f"step 1 is kept, {again}"


def test_a_checkpoint_without_the_newer_notes_goes_on(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1), tmp_path)
    about = checkpoint.read_about(tmp_path)
    old = {
        name: value for name, value in json.loads(about["config"]).items() if name not in {"recipe", "init", "features"}
    }
    notes = {"step": about["step"], "config": json.dumps(old)}
    checkpoint.write_whole(tmp_path / checkpoint.NAME, tensors(tmp_path), notes)
    config = stored_config(checkpoint.read_about(tmp_path), {"steps": 2})
    assert config.recipe == "blurlive"
    assert finish(config, tmp_path, resume=True)[-1].step == 2
