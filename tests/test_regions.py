"""Regions of a photo that play the other way round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import blurlive
from blurlive.errors import UsageError
from blurlive.models.generator import GeneratorConfig
from blurlive.models.restorer import RestorerConfig
from blurlive.orient import flipped
from blurlive.regions import Box, box_of, boxes_of
from blurlive.weights import save

from .conftest import random_net, random_photo

edges = st.lists(st.floats(0, 100), min_size=2, max_size=2, unique=True).map(sorted)
boxes = st.tuples(edges, edges).map(lambda pair: Box(pair[0][0], pair[1][0], pair[0][1], pair[1][1]))


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "50,0,10,100", "0,0,0,9", "0,0,101,9", "nan,0,9,9"]
)
def test_what_is_no_region_is_told_as_it_was_given(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--flip {text}: not a region")):
        box_of(text)


def test_a_region_is_named_by_text_or_numbers() -> None:
    left = Box(0, 12.5, 50, 100)
    assert box_of("0, 12.5,50,1e2") == left
    assert boxes_of([(0, 12.5, 50, 100), left]) == [left, left]


@pytest.mark.parametrize("flip", [(0, 0, 50, 100), "0,0,50,100", [(1, 2, 3)], [(0, 0, 50, "wide")], [None]])
def test_what_is_no_list_of_regions_is_told_so(flip: Any, tiny_weights: Path) -> None:
    model = blurlive.load(tiny_weights, "cpu", "fp32")
    for make in (model.extract, model.slowmo):
        with pytest.raises(UsageError, match=re.escape(f"flip={flip!r}: not a list of regions; give (left, ")):
            make(random_photo(32, 32), flip=flip)


@pytest.mark.parametrize("edge", [12, 15, 85, 95, 99.99])
def test_regions_that_meet_share_no_cell_and_leave_none_out(edge: float) -> None:
    """Ten cells of 16 pixels have their centres at 5, 15, ... 95 percent."""
    field = torch.rand(3, 10, 10) + 0.1
    for first, second in (
        (Box(0, 0, edge, 100), Box(edge, 0, 100, 100)),
        (Box(0, 0, 100, edge), Box(0, edge, 100, 100)),
    ):
        turned = flipped(field, [first, second], 160, 160)
        assert torch.equal(turned[:2], -field[:2])
    left = flipped(field, [Box(0, 0, 15, 100)], 160, 160)[0] < 0
    assert left.sum(1).tolist() == [1] * 10
    upper = flipped(field, [Box(0, 0, 100, 26)], 160, 160)[0] < 0
    assert upper.sum(0).tolist() == [3] * 10


@settings(deadline=None, max_examples=40)
@given(st.lists(boxes, max_size=3), st.integers(1, 300), st.integers(1, 300))
def test_turning_a_region_round_twice_changes_nothing(regions: list[Box], height: int, width: int) -> None:
    field = torch.rand(3, -(-height // 16), -(-width // 16)) + 0.1
    turned = flipped(field, regions, height, width)
    assert torch.equal(turned.abs(), field)
    assert torch.equal(turned[2], field[2])
    assert torch.equal(flipped(turned, regions[::-1], height, width), field)


def test_a_cell_turns_round_where_the_region_holds_its_centre() -> None:
    turned = flipped(torch.ones(3, 2, 4), [Box(25, 0, 62, 60)], 32, 64)  # centres at 12.5, 37.5, ... and 25, 75 %
    assert turned[0].tolist() == [[1, -1, 1, 1], [1, 1, 1, 1]]


def test_a_region_plays_the_other_way_and_the_rest_as_before(tmp_path: Path) -> None:
    net = random_net()
    assert net.director is not None
    with torch.no_grad():  # what it sees moves
        net.director.head.bias += torch.tensor([0.5, 0.0, 9.0])
    save(net, tmp_path / "moving.safetensors", {}, torch.float32)
    model, photo = blurlive.load(tmp_path / "moving.safetensors", "cpu", "fp32"), random_photo(32, 800)
    forth, back = model.extract(photo).frames, model.extract(photo, reverse=True).frames
    mixed = model.extract(photo, flip=[(0, 0, 32, 100)]).frames
    far = 256 + 240  # as far as the generator sees beyond the region
    assert not np.array_equal(mixed[:, :, :far], forth[:, :, :far])
    np.testing.assert_array_equal(mixed[:, :, far:], forth[:, :, far:])
    np.testing.assert_array_equal(mixed[:, :, : 256 - 240], back[:, :, : 256 - 240])
    whole = model.extract(photo, reverse=True, flip=[(0, 0, 100, 100)])
    np.testing.assert_array_equal(whole.frames, forth)
    np.testing.assert_array_equal(next(iter(model.slowmo(photo, 1, flip=[(0, 0, 32, 100)]))), mixed[0])


def test_weights_without_a_direction_field_have_no_regions_to_turn(tmp_path: Path) -> None:
    net = random_net(RestorerConfig(GeneratorConfig(widths=(8, 8, 8, 8), directed=False)))
    save(net, tmp_path / "plain.safetensors", {}, torch.float32)
    model = blurlive.load(tmp_path / "plain.safetensors", "cpu", "fp32")
    with pytest.raises(UsageError, match="no direction"):
        model.extract(random_photo(32, 32), flip=[(0, 0, 50, 100)])
