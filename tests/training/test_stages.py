"""The three stages."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image as Pillow

from blurlive import weights
from blurlive.data.dataset import Batch
from blurlive.data.source import open_source
from blurlive.errors import DataError
from blurlive.losses import average
from blurlive.models.director import stretched
from blurlive.models.features import Derivatives
from blurlive.models.flow import FlowConfig, FlowNet
from blurlive.orient import oriented_like
from blurlive.training.config import read_config
from blurlive.training.nets import Nets
from blurlive.training.run import Run
from blurlive.training.stages import STAGES, GramPass, HeptaPass, Pass, Settings
from blurlive.training.teachers import save_flow

from .conftest import SMALL, finish, small, tensors

PAPER = {"recipe": "paper", "model.generator.widths": [8, 8, 8, 8], "features": "derivatives"}


def test_three_tiny_stages_lower_their_losses(tmp_path: Path, example: ModuleType) -> None:
    example.make_photos(tmp_path / "photos")
    went = example.run(tmp_path, 60)
    own = {
        "base": ("frames", "direction"),
        "gram": ("triples",),
        "hepta": ("blur_cycle", "frame_cycle"),
    }
    for stage, names in own.items():
        for name in names:  # measured on the same clips, so that no luck of the draw is in it
            before, after = went[stage][name]
            assert after < before, f"{stage}: {name} {before} -> {after}"
    card = weights.read_card(tmp_path / "hepta" / "weights.safetensors")
    assert (card.about["stage"], card.about["recipe"]) == ("hepta", "blurlive")
    assert card.config.generator.widths == (8, 16, 16, 16)
    rows = [json.loads(row) for row in (tmp_path / "base" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 60
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


@pytest.mark.parametrize("stage", ["base", "gram"])
def test_relative_terms_say_the_same_however_large_features_are(tmp_path: Path, photos: Path, stage: str) -> None:
    asked = ["relative_perceptual", *(["relative_gram"] if stage == "gram" else [])]
    run = Run(small(photos, data__size=32, data__validation=0), tmp_path)
    batch = next(run.batches(open_source(photos), workers=0))
    assert isinstance(batch, Batch)
    said = []
    for scale in (1, 200):
        features = torch.nn.Sequential(Derivatives(), Times(scale))
        nets = dataclasses.replace(run.nets, features=features)
        terms = STAGES[stage].step(nets, batch, 0, torch.Generator().manual_seed(0), asked, Settings(triples=2))
        said.append([terms[name].item() for name in asked])
    assert said[1] == pytest.approx(said[0], rel=1e-4)
    assert min(said[0]) > 0


@pytest.mark.parametrize("term", ["gram", "relative_gram"])
def test_gram_matrices_come_nearer_on_what_is_learnt_from(tmp_path: Path, photos: Path, term: str) -> None:
    """On one batch and by this term alone; what so short a training brings to other photos is luck."""
    run = Run(small(photos, data__size=32, data__validation=0), tmp_path)
    batch = next(run.batches(open_source(photos), workers=0))
    assert isinstance(batch, Batch)
    nets = dataclasses.replace(run.nets, features=Derivatives())
    optimizer = torch.optim.Adam(run.net.generator.parameters(), 2e-3)
    went = []
    for _ in range(20):  # the same triples in each
        loss = STAGES["gram"].step(nets, batch, 0, torch.Generator().manual_seed(0), [term], Settings(triples=2))[term]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        went.append(loss.item())
    assert went[-1] < 0.9 * went[0], went


class Times(torch.nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features * self.factor


def adversarial_run(folder: Path, photos: Path, losses: dict[str, int]) -> Run:
    names = {f"losses.{name}": value for name, value in losses.items()}
    values = {**PAPER, "data.path": str(photos), "data.size": 32, "data.batch": 2, "optim.adamw": 1e-3, **names}
    return Run(read_config(None, values), folder)


def moved_by_one_step(run: Run) -> dict[str, bool]:
    from blurlive.data.source import open_source

    critic = run.nets.critic
    assert critic is not None
    before = [[p.clone() for p in net.parameters()] for net in (run.net, critic)]
    batch = next(run.batches(open_source(run.config.data.path), workers=0))
    assert not isinstance(batch, DataError)
    run.advance(batch)
    after = [list(net.parameters()) for net in (run.net, critic)]
    moved = [any(not a.equal(b) for a, b in zip(x, y, strict=True)) for x, y in zip(before, after, strict=True)]
    return dict(zip(("generator", "critic"), moved, strict=True))


def test_the_director_and_the_taps_see_around_the_crop(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wholes: list[torch.Tensor] = []
    monkeypatch.setattr(Nets, "generate", spy(Nets.generate, [], wholes))
    run = Run(small(photos, data__context=32, data__size=32, data__validation=0), tmp_path)
    assert run.net.director is not None
    with torch.no_grad():  # what it sees moves
        run.net.director.head.bias += torch.tensor([0.0, 0.0, 9.0])
    batch = next(run.batches(open_source(photos), workers=0))
    assert isinstance(batch, Batch)
    assert batch.blurred.shape[-2:] == (96, 96)
    now = Pass(run.nets, batch, 10**6, torch.Generator().manual_seed(0), Settings(context=32))
    assert now.frames.shape == (2, 7, 3, 32, 32)
    assert torch.equal(wholes[0], batch.blurred.float() / 255)
    assert now.lines.shape == (2, 3, 6, 6)
    whole = oriented_like(now.lines, now.whole_truth)[..., 2:4, 2:4]
    told = [any(torch.equal(one, field[i]) for field in (whole, now.truth)) for i, one in enumerate(now.field)]
    assert told == [True, True]
    misled = Pass(run.nets, batch, 10**6, torch.Generator().manual_seed(0), Settings(context=32, astray=1.0))
    assert not torch.equal(misled.field, now.field)  # type: ignore[arg-type]
    assert torch.equal(now.sharp, batch.sharp[..., 32:64, 32:64].float() / 255)


def test_averages_of_frames_are_told_the_motion_as_photos_are(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(small(photos, data__context=32, data__size=32, data__validation=0), tmp_path)
    batch = next(run.batches(open_source(photos), workers=0))
    assert isinstance(batch, Batch)
    told: list[torch.Tensor] = []
    wholes: list[torch.Tensor] = []
    monkeypatch.setattr(Nets, "generate", spy(Nets.generate, told, wholes))
    hepta = HeptaPass(run.nets, batch, 10**6, torch.Generator().manual_seed(0), Settings(context=32))
    assert hepta.out.shape == hepta.sharp.shape
    assert told[0] is hepta.field
    torch.testing.assert_close(wholes[0], average(batch.sharp.float() / 255))
    assert torch.equal(hepta.blurred, wholes[0][..., 32:64, 32:64])
    gram = GramPass(run.nets, batch, 10**6, torch.Generator().manual_seed(0), Settings(context=32))
    assert gram.field is not None
    assert gram.got.shape[:3] == (len(gram.chosen), len(gram.sharp), 3)
    assert wholes[1].shape == (len(gram.chosen) * len(gram.sharp), 3, 96, 96)
    for field, (first, _, last) in zip(told[1].chunk(len(gram.chosen)), gram.chosen, strict=True):
        torch.testing.assert_close(field, stretched(gram.field, (last - first) / 6))


def test_pairs_are_averages_without_the_middle_frame_which_is_wanted_all_the_same(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(small(photos, data__validation=0), tmp_path)
    batch = next(run.batches(open_source(photos), workers=0))
    assert isinstance(batch, Batch)
    wholes: list[torch.Tensor] = []
    monkeypatch.setattr(Nets, "generate", spy(Nets.generate, [], wholes))
    gram = GramPass(run.nets, batch, 10**6, torch.Generator().manual_seed(0), Settings(triples=9, pairs=1.0))
    assert gram.got.shape == gram.wanted.shape == (9, len(gram.sharp), 3, *gram.sharp.shape[2:])
    for whole, (first, middle, last) in zip(wholes[0].chunk(9), gram.chosen, strict=True):
        torch.testing.assert_close(whole, average(gram.sharp[:, [first, last]]))
        assert not torch.equal(whole, average(gram.sharp[:, [first, middle, last]]))
    some = GramPass(run.nets, batch, 10**6, torch.Generator().manual_seed(0), Settings(triples=9, pairs=0.5))
    assert {len(places) for places in some._averaged()} == {2, 3}


def spy(
    generate: Callable[..., torch.Tensor], fields: list[torch.Tensor], wholes: list[torch.Tensor] | None = None
) -> Callable[..., torch.Tensor]:
    """``generate`` that remembers the fields it was told, and what it was shown around the picture."""

    def generated(
        nets: Nets, picture: torch.Tensor, field: torch.Tensor, around: torch.Tensor | None = None
    ) -> torch.Tensor:
        fields.append(field)
        if wholes is not None and around is not None:
            wholes.append(around)
        return generate(nets, picture, field, around=around)

    return generated
