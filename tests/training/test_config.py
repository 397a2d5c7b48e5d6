"""Configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blurlive import weights
from blurlive.errors import ConfigError
from blurlive.training.config import read_config, to_toml
from blurlive.training.run import Run, rate

from ..conftest import random_net
from .conftest import ROOT, TINY, small


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
        ({"model.generator.widths": [0, 8, 8, 8]}, "model: widths are"),
        ({"model.generator.inner": [1.0, 1.0, 1.0, 0.0]}, "model: inner says"),
        ({"data.workers": -1}, "data.workers: is -1; use 0 or more"),
        ({"seed": -1}, "seed: is -1"),
        ({"optim.adamw": -1.0}, "optim.adamw: is -1.0"),
        ({"optim.adamw": float("nan")}, "optim.adamw: Input should be a finite number"),
        ({"optim.ema": -1}, "optim.ema: is -1.0; use 0 or more"),
        ({"optim.ema": 1}, "optim.ema: is 1.0; use less than 1"),
        ({"seed": 2**63}, f"seed: is {2**63}; use less than"),
        ({"gamma": 0}, "gamma: is 0"),
        ({"trust": 1.5}, "trust: is 1.5"),
        ({"astray": -0.1}, "astray: is -0.1"),
        ({"data.scene.exposures": [1, 1, 1]}, "odds that add up to 1"),
        ({"data.scene.motion.shortest": 0}, "0 < shortest <= longest"),
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
    assert config.losses == {"frames": 1.0, "direction": 1.0}
    assert (config.data.size, config.data.context, config.data.batch, config.data.uses) == (192, 64, 32, 5)
    assert config.model == weights.load()[1].config


def test_text_beyond_ascii_is_read_back(tmp_path: Path) -> None:
    config = read_config(TINY, {"data.path": 'ph😀\x7f"\\'})
    (tmp_path / "x.toml").write_text(to_toml(config), encoding="utf-8")
    assert read_config(tmp_path / "x.toml") == config


def test_the_licence_is_that_of_what_a_run_starts_from_unless_told(tmp_path: Path, tiny_weights: Path) -> None:
    free = tmp_path / "free.safetensors"
    weights.save(random_net(), free, {"licence": "CC0-1.0"})
    assert read_config(TINY, {"init": str(free)}).licence == "CC0-1.0"
    assert read_config(TINY, {"init": str(free), "licence": "MIT"}).licence == "MIT"
    assert read_config(TINY, {"init": str(tiny_weights)}).licence == ""
