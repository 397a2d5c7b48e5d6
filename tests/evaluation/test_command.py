"""The command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from blurlive import weights
from blurlive.cli.evaluate import _methods
from blurlive.errors import DataError, OutputError, UsageError, WeightsError
from blurlive.evaluation.frames import Image
from blurlive.evaluation.methods import BLURRED, CENTRE, Network

from ..conftest import random_net
from .conftest import command, save, scored, sharp


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
    script = Path(__file__).parents[2] / "benchmarks/tables.py"
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


def test_rows_of_a_run_that_stopped_are_not_thrown_away(data: Path) -> None:
    assert scored(data)[0] == scored(data)[0] == 0, "a run that ended may be repeated"
    rows = data.parent / "out.rows.jsonl"
    cut = "".join(rows.read_text().splitlines(keepends=True)[:5])
    rows.write_text(cut)
    code, _, err = scored(data)
    assert (code, rows.read_text()) == (UsageError.exit_code, cut)
    assert "--resume, or remove it" in err
    assert scored(data, "--resume")[0] == scored(data)[0] == 0


def test_offline_weights_come_from_the_cache_alone(data: Path) -> None:
    code, _, err = command("--data", data, "--weights", "hf://org/none/a.safetensors", "--offline")
    assert (code, "the network is switched off" in err) == (WeightsError.exit_code, True)


def test_other_frames_of_the_same_name_are_scored_again(data: Path) -> None:
    def best() -> float:
        return json.loads((data.parent / "out.json").read_text())["methods"][2]["best"]["psnr"]

    assert scored(data)[0] == 0
    before = best()
    save(sharp(0) // 2, data.parent / "theirs/clip_0")
    assert scored(data, "--resume")[0] == 0
    assert best() < before


class Card:
    file = Path(__file__)


def test_command_scores_our_network(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Extractor:
        dtype = torch.float32
        card = Card

        def __init__(self, *options: str | None, **_: bool) -> None:
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


@pytest.mark.parametrize("option", ["--json", "--report"])
@pytest.mark.parametrize("place", [".", "missing/out"])
def test_a_place_that_cannot_be_written_is_told_before_the_scoring(data: Path, option: str, place: str) -> None:
    code, out, err = command("--data", data, "--weights", "none", option, data / place if place != "." else place)
    assert (code, out) == (OutputError.exit_code, "")
    assert place in err


def test_a_wrong_folder_costs_no_rows(data: Path) -> None:
    assert scored(data)[0] == 0
    rows = (data.parent / "out.rows.jsonl").read_text()
    code, _, err = command("--data", data / "nowhere", "--weights", "none", "--json", data.parent / "out.json")
    assert code == DataError.exit_code
    assert "nowhere" in err
    assert (data.parent / "out.rows.jsonl").read_text() == rows


def test_brackets_in_names_are_no_markup(data: Path) -> None:
    for folder in (data, data.parent / "theirs"):
        (folder / "clip_0").rename(folder / "walk[night]")
    code, out, err = command("--data", data, "--weights", "none", "--pred", f"jin[/b]={data.parent / 'theirs'}")
    assert code == 0, err
    assert "walk[night] x1" in out
    assert "jin[/b]" in out


def test_a_path_may_hold_an_equals_sign(tmp_path: Path, tiny_weights: Path) -> None:
    folder = tmp_path / "lr=0.1"
    folder.mkdir()
    file = shutil.copy(tiny_weights, folder / "net.safetensors")
    unnamed, named = _methods([str(file), f"ours={file}"], None, "cpu", "fp32")[2:]
    assert (unnamed.name, named.name) == ("net", "ours")
    assert unnamed.source == named.source


def test_other_weights_of_the_same_name_are_another_source(tmp_path: Path, tiny_weights: Path) -> None:
    file = tmp_path / "net.safetensors"
    shutil.copy(tiny_weights, file)
    before = Network("ours", str(file), "cpu", "fp32").source
    weights.save(random_net(seed=1), file, {})
    assert Network("ours", str(file), "cpu", "fp32").source != before
