"""The networks: their shape, their number of convolutions, and how far a pixel reaches."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.models.blocks import gradient
from blurlive.models.director import (
    LONGEST,
    Director,
    DirectorConfig,
    direction,
    half_angle,
    lengthened,
    line,
    local,
    motion,
    stretched,
    sureness,
)
from blurlive.models.generator import TAPS, WEIGHT, Generator, GeneratorConfig, spread_field
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
    biases = [m.bias for m in net.modules() if isinstance(m, torch.nn.Conv2d) and m.bias is not None]
    assert len(biases) > 20
    assert not any(bias.any() for bias in biases)


def test_slopes_are_levels_a_pixel_and_half_as_steep_at_the_border() -> None:
    x, y = torch.arange(6.0).expand(5, 6), torch.arange(5.0).view(5, 1).expand(5, 6)
    right, down = gradient((3 * x - 2 * y)[None, None])
    assert (right[..., 1:-1] == 3).all()
    assert (down[..., 1:-1, :] == -2).all()
    assert (right[..., [0, -1]] == 1.5).all()
    assert (down[..., [0, -1], :] == -1).all()


def test_a_directed_generator_refuses_to_run_without_a_field() -> None:
    with pytest.raises(ValueError, match="direction field"):
        random_net()(torch.rand(1, 3, 16, 16))


def test_a_luminance_network_keeps_the_colour_differences_of_the_photo() -> None:
    config = RestorerConfig(GeneratorConfig(channels=1, widths=(8, 8, 8, 8), directed=False))
    blurred, net = torch.rand(1, 3, 32, 32), random_net(config)
    frames = net(blurred)
    torch.testing.assert_close(luminance(frames), net.generator(luminance(blurred)))
    change = frames - blurred.unsqueeze(1)
    assert change.abs().max() > 1e-3
    torch.testing.assert_close(change, change[:, :, :1].expand_as(change))
    assert luminance(torch.ones(1, 3, 2, 2)).flatten().tolist() == pytest.approx([1.0] * 4)


def test_the_architecture_survives_json() -> None:
    assert restorer_config(TINY.as_dict()) == TINY
    looking = RestorerConfig(TINY.generator, DirectorConfig(8, 2, (4, 8, 8)))
    assert restorer_config(json.loads(json.dumps(looking.as_dict()))) == looking
    with pytest.raises(ValueError, match="three widths or none"):
        restorer_config({**TINY.as_dict(), "director": {"pixels": [4, 8]}})
    with pytest.raises(TypeError):
        restorer_config({**TINY.as_dict(), "extra": {"widths": [1]}})


def farthest_input(run: Callable[[torch.Tensor], torch.Tensor], size: int) -> int:
    """Pixels from an output to the farthest input with a gradient on it, for outputs at all places within two cells."""
    picture = torch.rand(1, 3, 32, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    output = run(picture.requires_grad_())
    scale = size // output.shape[-1]
    farthest = 0
    for place in range(size // 2, size // 2 + 32, scale):
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
    field = direction(torch.tensor([100.0, 0.0], dtype=torch.float64).view(1, 2, 1, 1)).expand(1, 2, 16, 512)
    farthest = farthest_input(lambda picture: net(picture, field), 1024)
    assert Generator.reach - 16 < farthest <= Generator.reach


def test_the_directors_reach_is_as_declared_and_no_more_than_a_cell_too_large() -> None:
    net = positive(Director(DirectorConfig(width=4, depth=2, pixels=(4, 4, 4))))
    farthest = farthest_input(net, 768)
    assert Director.reach - 16 < farthest <= Director.reach
    assert Director.near - 16 < farthest_input(net.features, 512) <= Director.near


@given(st.floats(0, 2 * math.pi), st.floats(0.1, 60.0))
@settings(deadline=None)
def test_a_line_is_the_same_for_both_senses_and_gives_back_its_direction(angle: float, length: float) -> None:
    travel = torch.tensor([length * math.cos(angle), length * math.sin(angle)]).view(2, 1, 1)
    u = direction(travel)
    assert u.norm().item() == pytest.approx(math.log1p(length) / math.log1p(64), rel=1e-3)
    torch.testing.assert_close(line(u), line(-u))
    right = half_angle(line(u))
    torch.testing.assert_close(right * torch.sign((right * u).sum()), u, atol=1e-4, rtol=1e-3)
    assert half_angle(line(u))[0].item() >= -1e-4  # to the right
    torch.testing.assert_close(motion(u), travel * min(1.0, LONGEST / length), atol=1e-3, rtol=1e-3)


@given(st.floats(0, 2 * math.pi), st.floats(0.1, 30.0), st.floats(0.2, 2.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_motion_twice_as_far_is_a_longer_field_of_the_same_doubt_in_proportion(
    angle: float, length: float, factor: float, share: float
) -> None:
    travel = torch.tensor([length * math.cos(angle), length * math.sin(angle)]).view(2, 1, 1)
    near, far = (torch.cat([u, share * u.norm(dim=0, keepdim=True)]) for u in map(direction, (travel, travel * factor)))
    torch.testing.assert_close(stretched(near, factor), far, atol=1e-4, rtol=1e-3)
    lines = [line(u) * torch.tensor([1 - share, 1 - share, 1.0]).view(3, 1, 1) for u in (near[:2], far[:2])]
    torch.testing.assert_close(lengthened(lines[0], factor), lines[1], atol=1e-4, rtol=1e-3)


def test_a_doubtful_line_keeps_its_length_and_has_little_say() -> None:
    doubtful = torch.tensor([0.1, 0.0, 0.8]).view(3, 1, 1)
    assert half_angle(doubtful).flatten().tolist() == pytest.approx([0.8, 0.0])
    assert half_angle(sureness(doubtful)).flatten().tolist() == pytest.approx([0.1, 0.0])


def test_taps_reach_back_and_forth_along_the_motion() -> None:
    """A head that gives the last tap the whole weight shows the picture one motion further on."""
    net = Generator(GeneratorConfig(widths=(4, 4, 4, 4)))
    with torch.no_grad():
        net.head.bias[[frame * len(TAPS) + TAPS.index(1.0) for frame in range(7)]] = 1 / WEIGHT  # type: ignore[index]
    blurred = torch.rand(1, 3, 32, 64)
    field = direction(torch.tensor([6.0, 0.0]).view(1, 2, 1, 1)).expand(1, 2, 16, 32)
    frames = net(blurred, field)
    torch.testing.assert_close(frames[:, 3, :, :, :-8], blurred[..., 6:-2], atol=1e-4, rtol=1e-3)


def test_taps_of_a_crop_are_those_of_the_whole_picture_when_told_what_is_around() -> None:
    net = Generator(GeneratorConfig(widths=(4, 4, 4, 4)))
    with torch.no_grad():  # the same weights everywhere, so that nothing but taps can differ
        net.head.bias.normal_()  # type: ignore[union-attr]
    blurred, motion = torch.rand(1, 3, 80, 96), torch.tensor([9.0, 4.0])
    field = direction(motion.view(1, 2, 1, 1)).expand(1, 2, 40, 48)
    whole = net(blurred, field)[..., 16:-16, 16:-16]
    crop, part = blurred[..., 16:-16, 16:-16], field[..., 8:-8, 8:-8]
    torch.testing.assert_close(net(crop, part, blurred), whole, atol=1e-4, rtol=1e-4)
    assert (net(crop, part) - whole).abs().max() > 0.1
    torch.testing.assert_close(net(blurred, field, blurred)[..., 16:-16, 16:-16], whole)


def test_no_field_however_still_or_doubtful_stops_a_gradient() -> None:
    """The frames' loss teaches the director through the taps."""
    lines = torch.zeros(1, 3, 2, 2, requires_grad=True)
    net = random_net().generator
    net(torch.rand(1, 3, 32, 32), spread_field(half_angle(lines))).sum().backward()
    assert lines.grad is not None
    assert lines.grad.isfinite().all()


def test_pixels_add_nothing_at_first_and_see_no_brightness_in_contrast() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 64)
    plain, looking = Director(DirectorConfig(8)), Director(DirectorConfig(8, pixels=(4, 4, 4)))
    looking.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(looking(picture), plain(picture))
    bright, dim = (local(picture * share)[:, 12:] for share in (1.0, 0.25))
    torch.testing.assert_close(dim, bright, atol=0.05, rtol=0)
    assert (local(picture)[:, :12] - local(picture / 4)[:, :12]).abs().max() > 0.3


def test_whitened_statistics_are_white() -> None:
    seen = torch.randn(4, 480, 32, 32) @ torch.randn(32, 32) + 3
    director = Director()
    director.standardise(seen)
    mean, whitening = director.get_buffer("mean"), director.get_buffer("whitening")
    white = torch.einsum("oc,nchw->onhw", whitening, seen - mean.view(1, -1, 1, 1)).flatten(1)
    torch.testing.assert_close(torch.cov(white), torch.eye(480), atol=0.02, rtol=0)
