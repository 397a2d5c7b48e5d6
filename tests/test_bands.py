"""Bands of a picture: together, or of a part alone, they are what the network makes of the whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.models import generator
from blurlive.models.bands import ROWS, Span, convolved, spans
from blurlive.models.blocks import ResidualBlock
from blurlive.models.director import DirectorConfig
from blurlive.models.generator import GeneratorConfig
from blurlive.models.restorer import RestorerConfig

from .conftest import random_net

NETS = {
    "directed": GeneratorConfig(widths=(4, 4, 4, 4)),
    "luminance": GeneratorConfig(channels=1, widths=(4, 4, 4, 4)),
    "undirected": GeneratorConfig(widths=(4, 4, 4, 4), directed=False),
}


@given(st.integers(0, 20), st.integers(1, 300), st.integers(1, 3000), st.integers(1, 10**5))
def test_spans_own_every_row_once_and_begin_at_multiples(first: int, count: int, width: int, places: int) -> None:
    start, stop = first * ROWS, first * ROWS + count
    found = list(spans(start, stop, stop + 1, width, places))
    assert (found[0].start, found[-1].stop) == (start, stop)
    assert all(before.stop == after.start for before, after in pairwise(found))
    assert all(span.start % ROWS == 0 for span in found)
    assert all((span.stop - span.start) * width <= max(places, ROWS * width) for span in found)


@given(st.integers(0, 8), st.integers(1, 9), st.integers(0, 8), st.integers(1, 9))
@settings(deadline=None)
def test_a_part_of_a_convolution_is_that_of_the_whole(top: int, height: int, left: int, width: int) -> None:
    seen, weight, bias = torch.rand(1, 2, top + height + 1, left + width), torch.randn(3, 2, 3, 3), torch.randn(3)
    rows, columns = Span(top, top + height, top + height + 1), Span(left, left + width, left + width)
    whole = torch.nn.functional.conv2d(seen, weight, bias, padding=1)
    torch.testing.assert_close(convolved(seen, rows, columns, weight, bias), whole[..., top:-1, left:])


@pytest.mark.parametrize("name", NETS)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_bands_of_a_part_are_those_of_the_whole(name: str, data: st.DataObject) -> None:
    net = random_net(RestorerConfig(NETS[name], DirectorConfig(width=4)))
    blurred, field = torch.rand(2, 3, 96, 80), torch.randn(2, 3, 48, 40)
    whole = net(blurred, field)  # one band
    top, bottom = sorted(data.draw(st.lists(st.integers(0, 6), min_size=2, max_size=2, unique=True)))
    left, right = sorted(data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=2, unique=True)))
    inside = (top * 16, bottom * 16, left * 16, right * 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "CACHED", 1)
        torch.testing.assert_close(net(blurred, field), whole)
        places, parts = zip(*net.bands(blurred, field, inside), strict=True)
    assert len(parts) == bottom - top
    own = whole[..., inside[0] : inside[1], inside[2] : inside[3]]
    torch.testing.assert_close(torch.cat(parts, -2), own)
    for at, part in zip(places, parts, strict=True):
        torch.testing.assert_close(part, whole[(..., *at)])


@given(st.floats(-2, 2))
@settings(deadline=None)
def test_a_block_answers_alike_whether_it_learns_or_not(slope: float) -> None:
    block, x = ResidualBlock(4, 6), torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        block.act.weight.fill_(slope)
        before, still = x.clone(), block(x)
    torch.testing.assert_close(block(x), still)
    torch.testing.assert_close(x, before)
