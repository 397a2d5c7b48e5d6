"""Training from outside: three stages, exact resumption, honest ends, configuration."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file

from blurlive import weights
from blurlive.errors import ConfigError, DataError, OutputError
from blurlive.models.flow import FlowConfig, FlowNet
from blurlive.models.generator import GeneratorConfig
from blurlive.models.restorer import RestorerConfig
from blurlive.training import checkpoint, journal
from blurlive.training.config import TrainConfig, read_config, stored_config, to_toml
from blurlive.training.director import (
    DirectorTraining,
    gather,
    relative_error,
    train_director,
)
from blurlive.training.export import export
from blurlive.training.flow import FlowTraining, compare, train_flow
from blurlive.training.loop import train
from blurlive.training.run import Run, rate
from blurlive.training.teachers import load_flow, save_flow

ROOT = Path(__file__).parent.parent
TINY = ROOT / "examples" / "tiny.toml"
SMALL: dict[str, Any] = {
    "steps": 4,
    "log_every": 2,
    "validate_every": 2,
    "save_minutes": 0,
    "data.batch": 2,
    "data.size": 32,
    "data.validation": 8,
    "model.generator.widths": [8, 8, 8, 8],
    "model.director.width": 8,
}
pytestmark = pytest.mark.usefixtures("one_thread")
PAPER = {"recipe": "paper", "model.generator.widths": [8, 8, 8, 8], "features": "derivatives"}


@pytest.fixture(autouse=True)
def subnormal_numbers() -> Iterator[None]:
    """Training flushes them in the whole process; hypothesis draws no numbers in one that does."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_tiny", ROOT / "examples" / "train_tiny.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, example: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    example.make_photos(folder, 6)
    return folder


def small(photos: Path, **more: Any) -> TrainConfig:
    names = {name.replace("__", "."): value for name, value in more.items()}
    return read_config(TINY, {**SMALL, "data.path": str(photos), **names})


def finish(config: TrainConfig, folder: Path, resume: bool = False) -> list[journal.Report]:
    return list(train(config, folder, resume))


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / checkpoint.NAME)


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def test_three_tiny_stages_lower_their_losses(tmp_path: Path, example: ModuleType) -> None:
    example.make_photos(tmp_path / "photos")
    went = example.run(tmp_path, 30)
    own = {"base": ("frames", "direction"), "gram": ("gram", "triples"), "hepta": ("blur_cycle", "frame_cycle")}
    for stage, names in own.items():
        for name in names:  # measured on the same clips, so that no luck of the draw is in it
            before, after = went[stage][name]
            assert after < before, f"{stage}: {name} {before} -> {after}"
    card = weights.read_card(tmp_path / "hepta" / "weights.safetensors")
    assert (card.about["stage"], card.about["recipe"]) == ("hepta", "blurlive")
    assert card.config.generator.widths == (8, 16, 16, 16)
    rows = [json.loads(row) for row in (tmp_path / "base" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 30
    assert rows[-1]["validation"]["blurred"] > 10
    assert Pillow.open(tmp_path / "gram" / "curves.png").size == (1120, 360)
    assert Pillow.open(tmp_path / "gram" / "samples.png").size == (8 * 164, 8 * 164)


def test_the_papers_three_stages(tmp_path: Path, photos: Path) -> None:
    flow = tmp_path / "flow.safetensors"
    save_flow(FlowNet(FlowConfig(widths=(4, 4, 4), reach=1, hidden=(4, 4, 4))), flow, {})
    values = {
        **SMALL,
        **PAPER,
        "data.path": str(photos),
        "steps": 2,
        "triples": 2,
        "flow_net": str(flow),
        "data.workers": 0,
    }
    values.pop("model.director.width")
    reports, before = {}, {}
    for stage in ("base", "gram", "hepta"):
        config = read_config(None, {**values, "stage": stage, **before})
        assert not config.model.generator.directed
        reports[stage] = finish(config, tmp_path / stage)[-1]
        before = {"init": str(tmp_path / stage)}
        values = {name: value for name, value in values.items() if not name.startswith("model")}
    eq5 = {"content", "perceptual", "pair", "adversarial", "critic", "flow"}
    assert set(reports["base"].losses) == eq5
    assert set(reports["gram"].losses) == eq5 | {"gram"}
    assert set(reports["hepta"].losses) == {"blur_cycle", "frame_cycle"}
    assert any(name.startswith("before.") for name in tensors(tmp_path / "hepta"))
    about = weights.read_card(tmp_path / "base" / "weights.safetensors").about
    assert about["features"] == "derivatives (no weights)"
    assert about["flow_net"].startswith("flow.safetensors sha256")


def test_both_players_learn_and_only_from_their_own_loss(tmp_path: Path, photos: Path) -> None:
    losses = {"content": 0, "perceptual": 0, "pair": 0, "flow": 0, "adversarial": 1, "critic": 0}
    run = adversarial_run(tmp_path, photos, losses)
    moved = moved_by_one_step(run)
    assert moved == {"generator": True, "critic": False}
    run = adversarial_run(tmp_path, photos, {**losses, "adversarial": 0, "critic": 1})
    assert moved_by_one_step(run) == {"generator": False, "critic": True}


def adversarial_run(folder: Path, photos: Path, losses: dict[str, int]) -> Run:
    names = {f"losses.{name}": value for name, value in losses.items()}
    values = {**PAPER, "data.path": str(photos), "data.size": 32, "data.batch": 2, "optim.adamw": 1e-3, **names}
    return Run(read_config(None, values), folder)


def moved_by_one_step(run: Run) -> dict[str, bool]:
    from blurlive.data.source import open_source

    critic = run.nets.critic
    assert critic is not None
    before = [[p.clone() for p in net.parameters()] for net in (run.net, critic)]
    batch = next(iter(run.stream(open_source(run.config.data.path))))
    assert not isinstance(batch, DataError)
    run.advance(batch)
    after = [list(net.parameters()) for net in (run.net, critic)]
    moved = [any(not a.equal(b) for a, b in zip(x, y, strict=True)) for x, y in zip(before, after, strict=True)]
    return dict(zip(("generator", "critic"), moved, strict=True))


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
    return subprocess.run(command, env=environment, capture_output=True, timeout=240, check=False).returncode


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


def test_one_process_resumes_mid_way_in_this_one(tmp_path: Path, photos: Path) -> None:
    config = small(photos)
    finish(config, tmp_path / "straight")
    going = train(config, tmp_path / "stopped")
    assert next(going).step == 2
    going.close()  # before the checkpoint of step 2: step 1 is the last
    assert checkpoint.step_of(checkpoint.read_about(tmp_path / "stopped")) == 1
    finish(config, tmp_path / "stopped", resume=True)
    assert same(tensors(tmp_path / "straight"), tensors(tmp_path / "stopped"))


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


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path: Path, photos: Path) -> None:
    going = train(small(photos, log_every=1, optim__adamw=1e38, optim__clip=0, steps=50), tmp_path)
    with pytest.raises(DataError, match=r"not finite|is nan|is inf"):
        list(going)
    assert all(torch.isfinite(value).all() for name, value in tensors(tmp_path).items() if name.startswith("optim"))
    assert not (tmp_path / "weights.safetensors").exists()


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(small(photos, steps=2), tmp_path)
    kept = tensors(tmp_path)

    def full(_: object, part: Path, __: object) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(DataError, match=r"No space left.*previous one is kept"):
        finish(small(photos, steps=3), tmp_path, resume=True)
    assert same(kept, tensors(tmp_path))
    assert not list(tmp_path.glob(".blurlive-*"))


def test_resuming_with_other_networks_or_processes_is_refused(tmp_path: Path, photos: Path) -> None:
    finish(small(photos, steps=1), tmp_path)
    wide = small(photos, model__generator__widths=[16, 16, 16, 16])
    with pytest.raises(DataError, match="does not fit"):
        finish(wide, tmp_path, resume=True)
    about = checkpoint.read_about(tmp_path) | {"world": "4"}
    checkpoint.write_whole(tmp_path / checkpoint.NAME, tensors(tmp_path), about)
    with pytest.raises(ConfigError, match="4 processes"):
        finish(small(photos, steps=2), tmp_path, resume=True)


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


def test_learning_rate_of_the_paper() -> None:
    config = read_config(None, {"recipe": "paper", "steps": 1000})
    rates = [config.optim.adamw * rate(step, config) for step in (0, 500, 999)]
    assert rates == pytest.approx([1e-4, 5e-5, 1e-5])


def test_paper_recipe_to_the_letter() -> None:
    config = read_config(None, {"recipe": "paper"})
    sizes = config.model.generator
    assert (sizes.channels, sizes.directed, sizes.init) == (1, False, "normal")
    assert (config.data.batch, config.data.size, config.optim.muon) == (4, 128, 0)
    assert (config.losses["adversarial"], config.losses["flow"]) == (0.0005, 0.001)
    assert config.data.scene.camera.linear == 1
    assert not config.data.scene.backwards


def test_toml_is_read_back(tmp_path: Path) -> None:
    config = read_config(TINY, {"optim.clip": 0.5, "recipe": "paper"})
    (tmp_path / "x.toml").write_text(to_toml(config))
    assert read_config(tmp_path / "x.toml") == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optim.speed": 1}, "optim.speed"),
        ({"speed": 1}, "speed"),
        ({"steps": "many"}, "steps"),
        ({"steps": 0}, "steps: is 0"),
        ({"losses.beauty": 1}, "no such term in stage base: beauty; it has frames"),
        ({"stage": "final"}, "--stage final"),
        ({"recipe": "secret"}, "--recipe secret"),
        ({"stage": "gram"}, "--init"),
        ({"data.size": 100}, "multiple of 16"),
        ({"steps": 2, "steps.more": 1}, "steps.more: steps is a value"),
        ({"bf16": "perhaps"}, "use auto, on, off"),
        ({"model.generator.init": "magic"}, "use identity, normal"),
    ],
)
def test_impossible_configurations_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(None, values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stage_whose_judges_are_all_missing(tmp_path: Path, photos: Path) -> None:
    only_flow = {"losses.frames": 0, "losses.direction": 0, "losses.flow": 1, "flow_net": "none"}
    with pytest.raises(ConfigError, match="no term is left"):
        Run(small(photos, **{name.replace(".", "__"): value for name, value in only_flow.items()}), tmp_path)


def test_the_bundled_weights_configuration_is_one() -> None:
    config = read_config(ROOT / "examples" / "base.toml", {"data.path": "photos"})
    assert config.losses == {"frames": 1.0, "direction": 0.05}
    assert (config.data.size, config.data.scene.motion.shortest) == (160, 0.3)


def test_bf16_trains_too(tmp_path: Path, photos: Path) -> None:
    assert finish(small(photos, steps=2, bf16="on"), tmp_path)[-1].losses["frames"] < 1


def test_the_flow_network_can_be_trained_and_measured(tmp_path: Path, photos: Path) -> None:
    plan = FlowTraining(steps=2, size=64, batch=2, workers=0, device="cpu")
    tiny = FlowConfig(widths=(4, 4, 4), reach=1, hidden=(4, 4, 4))
    steps = list(train_flow(photos, tmp_path / "flow.safetensors", plan, tiny, every=1))
    assert [step for step, _ in steps] == [1, 2]
    errors = compare(load_flow(tmp_path / "flow.safetensors"), photos, pairs=2, size=64)
    assert errors["ours"] == pytest.approx(errors["zero"], rel=0.2)  # two steps from "nothing moves"
    assert 0 < errors["dis"] != errors["zero"]


def test_the_director_can_be_trained_alone_and_is_what_a_run_starts_from(tmp_path: Path, photos: Path) -> None:
    plan = DirectorTraining(steps=60, examples=32, held_out=8, size=64, batch=8, workers=0, muon=0.0, adamw=0.01)
    sizes = RestorerConfig(GeneratorConfig(widths=(8, 8, 8, 8)), small(photos).model.director)
    file = tmp_path / "director.safetensors"
    steps = [step for step, _ in train_director(photos, file, plan, sizes)]
    assert steps[-1] == 60
    seen = gather(photos, "train", 32, plan, plan.seed)
    director = weights.load(file)[0].director
    assert director is not None
    assert relative_error(director, seen) < 0.8  # 1 is "nothing moves"
    run = Run(small(photos, init=str(file), losses__direction=0, model=sizes), tmp_path / "run")
    assert not any(p.requires_grad for p in run.net.director.parameters())  # type: ignore[union-attr]
