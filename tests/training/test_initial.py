"""What a stage starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from blurlive import weights
from blurlive.errors import ConfigError
from blurlive.models.restorer import Restorer, restorer_config
from blurlive.training.initial import initial, licence

from .conftest import finish, small

SIZES: dict[str, Any] = {
    "generator": {"widths": [8, 8, 8, 8], "inner": [1.0, 1.0, 1.5, 1.0]},
    "director": {"width": 8},
}


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """Weights of which none is 0."""
    torch.manual_seed(0)
    net = Restorer(restorer_config(SIZES))
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, 0.1)
    weights.save(net, tmp_path / "narrow.safetensors", {"licence": "MIT"}, torch.float32)
    return tmp_path / "narrow.safetensors"


@pytest.mark.parametrize(
    "sizes",
    [{"inner": [2.0, 1.5, 2.0, 1.0]}, {"widths": [16, 12, 8, 10], "inner": [1.0, 1.5, 1.5, 1.0]}],
    ids=["inside", "outside"],
)
def test_a_widened_network_says_the_same_and_then_learns(
    sizes: dict[str, Any], narrow: Path, photos: Path, tmp_path: Path
) -> None:
    wider = small(photos, init=str(narrow), **{f"model__generator__{name}": value for name, value in sizes.items()})
    before, after = initial(str(narrow)), initial(str(narrow), wider.model)
    assert after.config == wider.model != before.config
    assert len(after.generator.enc0[0].conv1.weight) == 16
    blurred, field = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(after.generator(blurred, field), before.generator(blurred, field))
    finish(wider, tmp_path / "run")
    learnt = weights.load(tmp_path / "run" / "weights.safetensors")[0]
    assert learnt.config == wider.model
    assert learnt.generator.enc0[0].conv2.weight[:, 8:].abs().max() > 0


def test_a_larger_director_says_the_same_and_then_learns(narrow: Path, photos: Path, tmp_path: Path) -> None:
    sizes = {"width": 12, "depth": 2, "pixels": [4, 4, 8]}
    larger = small(photos, init=str(narrow), **{f"model__director__{name}": value for name, value in sizes.items()},
                   model__generator__widths=[8, 8, 8, 8], model__generator__inner=[1.0, 1.0, 1.5, 1.0])  # fmt: skip
    before, after = initial(str(narrow)).director, initial(str(narrow), larger.model).director
    assert before is not None
    assert after is not None
    picture = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(after(picture), before(picture), atol=1e-4, rtol=1e-4)
    finish(larger, tmp_path / "run")
    learnt = weights.load(tmp_path / "run" / "weights.safetensors")[0].director
    assert learnt is not None
    assert learnt.config == larger.model.director
    assert learnt.look is not None
    assert learnt.look.down2.weight.abs().max() > 0


def test_no_network_is_made_narrower(narrow: Path, photos: Path, tmp_path: Path) -> None:
    narrower = small(
        photos, init=str(narrow), model__generator__widths=[16, 8, 8, 8], model__generator__inner=[1.0, 1.0, 1.0, 1.0]
    )
    with pytest.raises(ConfigError, match="its network is another than"):
        finish(narrower, tmp_path / "run")


def test_a_folder_is_a_run_or_what_one_exported_and_neither_is_told(photos: Path, tmp_path: Path) -> None:
    finish(small(photos, steps=2, licence="CC0-1.0"), tmp_path / "run")
    (tmp_path / "exported").mkdir()
    (tmp_path / "run" / weights.EXPORTED).rename(tmp_path / "exported" / weights.EXPORTED)
    run, exported = (initial(str(tmp_path / name)).state_dict() for name in ("run", "exported"))
    for name, value in run.items():
        torch.testing.assert_close(exported[name], value, atol=1e-2, rtol=1e-2)  # in half precision
    for name in ("run", "exported", f"exported/{weights.EXPORTED}"):
        assert licence(str(tmp_path / name)) == "CC0-1.0", name
    (tmp_path / "empty").mkdir()
    for ask in (initial, licence):
        with pytest.raises(ConfigError, match=r"empty: neither checkpoint\.safetensors nor weights\.safetensors in it"):
            ask(str(tmp_path / "empty"))


def test_weights_that_say_no_licence_have_none(tmp_path: Path) -> None:
    weights.save(Restorer(restorer_config(SIZES)), tmp_path / "bare.safetensors", {}, torch.float32)
    assert licence(str(tmp_path / "bare.safetensors")) == ""
