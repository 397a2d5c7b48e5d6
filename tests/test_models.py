"""The networks: their shape, their number of convolutions, and how far a pixel reaches."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.models.director import Director, DirectorConfig, direction, half_angle, line, signed_like
from blurlive.models.generator import Generator, GeneratorConfig, spread_field
from blurlive.models.restorer import Restorer, RestorerConfig, luminance, restorer_config

from .conftest import TINY, random_net


def convolutions(net: torch.nn.Module) -> int:
    return sum(isinstance(layer, torch.nn.Conv2d) for layer in net.modules())


@pytest.mark.parametrize("config", [GeneratorConfig(), GeneratorConfig(channels=1, directed=False, init="normal")])
def test_the_generator_has_exactly_thirty_convolutions(config: GeneratorConfig) -> None:
    assert convolutions(Generator(config)) == 30


def test_an_untrained_generator_returns_the_photo_seven_times() -> None:
    blurred, field = torch.rand(2, 3, 32, 48), torch.rand(2, 2, 2, 3)
    frames = Restorer()(blurred, spread_field(field))
    assert frames.shape == (2, 7, 3, 32, 48)
    torch.testing.assert_close(frames, blurred.unsqueeze(1).expand_as(frames))


def test_the_papers_initialisation_is_normal_with_deviation_one_hundredth() -> None:
    net = Generator(GeneratorConfig(init="normal"))
    weights = torch.cat([m.weight.flatten() for m in net.modules() if isinstance(m, torch.nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.01, rel=0.01)
    assert weights.mean().item() == pytest.approx(0.0, abs=1e-4)


def test_a_directed_generator_refuses_to_run_without_a_field() -> None:
    with pytest.raises(ValueError, match="direction field"):
        random_net()(torch.rand(1, 3, 16, 16))


def test_a_luminance_network_keeps_the_colour_differences_of_the_photo() -> None:
    config = RestorerConfig(GeneratorConfig(channels=1, widths=(8, 8, 8, 8), directed=False))
    blurred = torch.rand(1, 3, 32, 32)
    frames = random_net(config)(blurred)
    change = frames - blurred.unsqueeze(1)
    assert change.abs().max() > 1e-3
    torch.testing.assert_close(change, change[:, :, :1].expand_as(change))
    assert luminance(torch.ones(1, 3, 2, 2)).flatten().tolist() == pytest.approx([1.0] * 4)


def test_the_architecture_survives_json() -> None:
    assert restorer_config(TINY.as_dict()) == TINY
    with pytest.raises(TypeError):
        restorer_config({**TINY.as_dict(), "extra": {"widths": [1]}})


def farthest_input(run: Callable[[torch.Tensor], torch.Tensor], size: int) -> int:
    """Pixels from an output to the farthest input with a gradient on it, for outputs at all places within a cell."""
    picture = torch.rand(1, 3, 32, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    output = run(picture.requires_grad_())
    scale = size // output.shape[-1]
    farthest = 0
    for place in range(size // 2, size // 2 + 16, scale):
        (slope,) = torch.autograd.grad(output[..., place // scale].sum(), picture, retain_graph=True)
        felt = slope.flatten(0, -2).abs().sum(0).nonzero().flatten()
        farthest = max(farthest, place - int(felt[0]), int(felt[-1]) - place - scale + 1)
    return farthest


def positive(net: torch.nn.Module) -> torch.nn.Module:
    """Positive weights: nothing cancels and no unit is silent, so that everything that can be felt is."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(1 / max(1, parameter[0].numel()))
    return net.double()


def test_the_generators_reach_is_as_declared_and_no_more_than_a_cell_too_large() -> None:
    net = positive(Generator(GeneratorConfig(widths=(4, 4, 4, 4))))
    field = torch.full((1, 2, 16, 512), 0.5, dtype=torch.float64)
    farthest = farthest_input(lambda picture: net(picture, field), 1024)
    assert Generator.reach - 16 < farthest <= Generator.reach


def test_the_directors_reach_is_as_declared_and_no_more_than_a_cell_too_large() -> None:
    net = positive(Director(DirectorConfig(widths=(4, 4))))
    farthest = farthest_input(net, 768)
    assert Director.reach - 16 < farthest <= Director.reach


@given(st.floats(0, 2 * math.pi), st.floats(0.1, 60.0))
@settings(deadline=None)
def test_a_line_is_the_same_for_both_senses_and_gives_back_its_direction(angle: float, length: float) -> None:
    motion = torch.tensor([length * math.cos(angle), length * math.sin(angle)]).view(2, 1, 1)
    u = direction(motion)
    assert 0 < u.norm() < 1
    torch.testing.assert_close(line(u), line(-u))
    torch.testing.assert_close(signed_like(line(u)[None], u[None])[0], u, atol=1e-4, rtol=1e-3)
    assert half_angle(line(u))[0].item() >= -1e-4  # to the right
