"""bf16, and the networks that are trained by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d

from blurlive import weights
from blurlive.errors import ConfigError, DataError, WeightsError
from blurlive.losses import discrimination
from blurlive.models.discriminator import Discriminator, DiscriminatorConfig
from blurlive.models.flow import FlowConfig
from blurlive.models.generator import GeneratorConfig
from blurlive.models.restorer import RestorerConfig
from blurlive.training.director import (
    KEY,
    DirectorTraining,
    gather,
    relative_error,
    texture,
    train_director,
)
from blurlive.training.flow import FlowTraining, compare, train_flow
from blurlive.training.run import Run
from blurlive.training.teachers import FLOW_FORMAT, load_flow

from .conftest import finish, small


def test_bf16_trains_too(tmp_path: Path, photos: Path) -> None:
    on, off = (finish(small(photos, steps=2, bf16=how), tmp_path / how)[-1].losses for how in ("on", "off"))
    assert on != off
    assert on == pytest.approx(off, rel=0.2)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_discriminator_learns_which_frames_are_real_one_by_one(channels: int) -> None:
    critic = Discriminator(DiscriminatorConfig(channels, widths=(8, 8, 8, 8)))
    optimizer = torch.optim.Adam(critic.parameters(), 1e-2)
    real = torch.rand(6, channels, 32, 48)
    fake = avg_pool2d(real, 3, 1, 1)
    for _ in range(60):
        loss = discrimination(critic(real), critic(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = critic(torch.cat([real, fake]))
        assert answers.shape == (12, 1, 2, 3)
        assert answers[:6].min() > 0 > answers[6:].max()
        torch.testing.assert_close(critic(fake[2:3]), answers[8:9])  # whatever else is judged


def test_the_papers_discriminator_starts_as_its_generator_does() -> None:
    critic = Discriminator(DiscriminatorConfig(init="normal"))
    weights = torch.cat([layer.weight.flatten() for layer in critic.modules() if isinstance(layer, torch.nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.01, rel=0.02)
    assert not critic.head.bias.any()  # type: ignore[union-attr]


def test_the_flow_network_can_be_trained_and_measured(tmp_path: Path, photos: Path) -> None:
    plan = FlowTraining(steps=2, size=64, batch=2, workers=0, device="cpu")
    tiny = FlowConfig(widths=(4, 4, 4), reach=1, hidden=(4, 4, 4))
    steps = list(train_flow(photos, tmp_path / "flow.safetensors", plan, tiny, every=1))
    assert [step for step, _ in steps] == [1, 2]
    errors = compare(load_flow(tmp_path / "flow.safetensors"), photos, pairs=2, size=64)
    assert errors["ours"] == pytest.approx(errors["zero"], rel=0.2)  # two steps from "nothing moves"
    assert 0 < errors["dis"] != errors["zero"]


def test_cells_with_texture_count_more_and_all_of_them_as_much_as_before() -> None:
    picture = torch.full((2, 3, 64, 64), 0.5)
    picture[:, :, :, 32:] += 0.3 * torch.rand(2, 1, 64, 32, generator=torch.Generator().manual_seed(1))
    counts = texture(picture)
    assert counts.shape == (2, 1, 4, 4)
    assert counts[..., :1].max() < 0.3 < 1 < counts[..., 2:].min()
    torch.testing.assert_close(counts.mean((1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(texture(picture / 4)[..., 2:], counts[..., 2:], atol=0.2, rtol=0)


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
    held_out = gather(photos, "held-out", 8, plan, KEY)
    further = replace(plan, steps=1, adamw=0.0, init=str(file))  # goes on from there, by nothing
    [(_, error)] = train_director(photos, tmp_path / "further.safetensors", further)
    assert error == pytest.approx(relative_error(director, held_out), rel=1e-3)
    run = Run(small(photos, init=str(file), losses__direction=0, model=sizes), tmp_path / "run")
    assert not any(p.requires_grad for p in run.net.director.parameters())  # type: ignore[union-attr]


def test_what_the_director_cannot_be_trained_on_is_told_before_pictures_are_made(
    tmp_path: Path, photos: Path, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, undirected = tmp_path / "director.safetensors", RestorerConfig(GeneratorConfig(directed=False))
    example.make_photos(tmp_path / "one", 1)
    monkeypatch.setattr("blurlive.training.director.cells", None)  # nothing is made
    with pytest.raises(DataError, match="no readable photo in it \\(held-out\\)"):
        next(train_director(tmp_path / "one", file))
    with pytest.raises(ConfigError, match="only a directed network"):
        next(train_director(photos, file, config=undirected))
    with pytest.raises(ConfigError, match="size: is 100; use a multiple of 16"):
        next(train_director(photos, file, DirectorTraining(size=100)))


def test_examples_are_as_many_as_asked_for_and_the_same_whatever_their_number(photos: Path) -> None:
    plan = DirectorTraining(size=64, workers=0)
    few, more = (gather(photos, "train", count, plan, key=1) for count in (9, 11))
    assert (few.blurred.shape, few.motion.shape) == ((9, 3, 64, 64), (9, 2, 4, 4))
    assert few.blurred.equal(more.blurred[:9])
    assert few.motion.equal(more.motion[:9])


@pytest.mark.parametrize("architecture", ["[1]", "{", "null", '{"widths": [0]}'])
def test_a_damaged_flow_network_is_one_error(tmp_path: Path, architecture: str) -> None:
    file = tmp_path / "flow.safetensors"
    save_file({"x": torch.zeros(1)}, file, {"format": FLOW_FORMAT, "architecture": architecture})
    with pytest.raises(WeightsError, match=r"flow\.safetensors"):
        load_flow(file)
