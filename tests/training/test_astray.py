"""Fields that are led astray, as a director's are on real photos."""

from __future__ import annotations

import math

import torch

from blurlive.models.director import UNIT, direction, motion
from blurlive.training.astray import LENGTH, SHORT, TURN, astray


def fields(count: int = 400) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    lengths = 4 + 4 * torch.rand(count, 1, 1, 1, generator=random)
    angles = 2 * math.pi * torch.rand(count, 1, 1, 1, generator=random)
    return direction(torch.cat([lengths * torch.cos(angles), lengths * torch.sin(angles)], 1)).expand(-1, -1, 6, 6)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_only_the_share_asked_for_goes_astray() -> None:
    field = fields()
    assert torch.equal(astray(field, 0.0, draws()), field)
    changed = (astray(field, 0.7, draws()) - field).abs().amax((1, 2, 3)) > 0
    assert 0.6 < changed.float().mean() < 0.8
    assert not torch.equal(astray(field, 1.0, draws()), astray(field, 1.0, draws(1)))
    assert torch.equal(astray(field, 1.0, draws()), astray(field, 1.0, draws()))


def test_angles_and_lengths_err_by_as_much_as_is_said() -> None:
    field = fields()
    wrong = astray(field, 1.0, draws())
    longer = torch.log(motion(wrong).norm(dim=1) / motion(field).norm(dim=1))
    cosine = (wrong * field).sum(1) / (wrong.norm(dim=1) * field.norm(dim=1))
    angle = torch.arccos(cosine.clamp(-1, 1))
    assert abs(longer.mean() - SHORT) < 0.05
    assert 0.6 < longer.std() / math.hypot(*LENGTH) < 1.1  # less than both: the slow part is interpolated
    assert 0.6 < angle.square().mean().sqrt() / math.hypot(*TURN) < 1.1


def test_some_fields_lose_their_borders() -> None:
    field = fields(200).clone()
    field[..., 3:] = 0  # half of the picture stands still
    moved = astray(field, 1.0, draws())[..., 3:].abs().amax((1, 2, 3)) > 0
    assert 0.2 < moved.float().mean() < 0.4


def test_doubt_stays_what_still_stays_still_and_nothing_becomes_too_long() -> None:
    field = torch.cat([torch.zeros(3, 2, 4, 4), torch.full((3, 1, 4, 4), 0.3)], 1)
    torch.testing.assert_close(astray(field, 1.0, draws()), field, atol=1e-4, rtol=0)
    long = direction(torch.full((1, 2, 4, 4), 60.0))
    assert astray(long, 1.0, draws()).norm(dim=1).max() < math.log1p(40 * math.e) / math.log1p(UNIT)
