"""Long blur is undone at half the size: lines, fields and frames of two sizes, made one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive import extractor as extractor_module
from blurlive import pyramid
from blurlive.extractor import Extractor
from blurlive.models.bands import Area, Place
from blurlive.models.director import (
    ALIGNED,
    CELL,
    LONGEST,
    Director,
    direction,
    distance,
    limited,
    line,
    motion,
    stretched,
)
from blurlive.pyramid import (
    FAR,
    NEAR,
    SMALLEST,
    Half,
    doubled,
    halved,
    halved_field,
    has_half,
    merged,
    share_of_half,
)
from blurlive.tiles import crop

from .conftest import random_photo


def moving(x: float, y: float, rows: int, columns: int) -> torch.Tensor:
    """The direction field ``(2, rows, columns)`` of one motion in pixels."""
    return direction(torch.tensor([x, y]).view(2, 1, 1).expand(2, rows, columns))


def cells_of(side: int) -> int:
    """Cells along a photo's side, as the director reads it."""
    return -(-side // ALIGNED) * 2


def far_to_near(rows: int, columns: int, longest: float = 120.0) -> torch.Tensor:
    """A direction field ``(3, rows, columns)``: what moves by ``longest`` pixels at the left stands still at the
    right."""
    lengths = torch.linspace(longest, 0, columns).expand(rows, columns)
    return torch.cat([direction(torch.stack([lengths * 0.8, lengths * -0.6])), torch.full((1, rows, columns), 0.05)])


@settings(deadline=None)  # the first call waits for torch
@given(st.integers(1, 400), st.integers(1, 400))
def test_a_photo_and_its_field_are_halved_alike(height: int, width: int) -> None:
    photo = np.full((height, width, 3), 77, np.uint8)
    small = halved(photo)
    assert small.shape == (-(-height // 2), -(-width // 2), 3)
    assert (small == 77).all()
    field = halved_field(moving(24, -8, cells_of(height), cells_of(width)), small)
    assert field.shape == (2, cells_of(small.shape[0]), cells_of(small.shape[1]))
    torch.testing.assert_close(motion(field), torch.tensor([12.0, -4.0]).view(2, 1, 1).expand_as(field))


def test_motion_too_long_for_the_networks_is_kept_and_cut_only_for_them() -> None:
    field = moving(120, 0, 2, 2)
    assert distance(field.norm(dim=0)).max().item() == pytest.approx(120, rel=1e-3)
    assert motion(stretched(field, 1 / 6, math.inf))[0].max().item() == pytest.approx(20, rel=1e-3)
    assert distance(limited(field).norm(dim=0)).max().item() == pytest.approx(LONGEST, rel=1e-3)


def test_lines_of_half_the_size_count_where_they_are_long() -> None:
    own, long, short = (line(moving(*way)) for way in ((3, 0, 4, 4), (0, 35, 2, 2), (0, NEAR / 2, 2, 2)))
    torch.testing.assert_close(merged(own, doubled(long, 4, 4)), line(moving(0, 70, 4, 4)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(merged(own, doubled(short, 4, 4)), own)


def test_a_line_in_doubt_stays_as_much_in_doubt_in_proportion() -> None:
    own, long = line(moving(3, 0, 4, 4)), line(moving(0, 35, 2, 2))
    doubtful = torch.cat([long[:2] / 4, long[2:]])
    found = merged(own, doubled(doubtful, 4, 4))
    assert (found[:2].norm(dim=0) / found[2]).mean().item() == pytest.approx(1 / 4, rel=1e-3)


def test_shares_grow_with_the_motion() -> None:
    share = share_of_half(far_to_near(6, 40))
    assert share[:, 0].min() == 1
    assert share[:, -1].max() == 0
    assert (share.diff(dim=1) <= 0).all()
    assert share_of_half(moving(NEAR, 0, 4, 4)).max() == 0
    assert share_of_half(moving(0, FAR + 1e-3, 4, 4)).min() == 1


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 6), st.integers(1, 6))
def test_a_part_is_mixed_as_the_whole_is(top: int, left: int, rows: int, columns: int) -> None:
    """Also beyond the photo's end, where tiles hold what was mirrored."""
    generator = torch.Generator().manual_seed(1)
    rows, columns = min(rows, 6 - top), min(columns, 6 - left)
    small, frames = random_photo(45, 47).copy(), np.stack([random_photo(45, 47, seed) for seed in range(7)])
    half = Half(small, frames, share_of_half(far_to_near(6, 6, 50.0)))
    sharp, blurred = (torch.rand(*shape, 96, 96, generator=generator) for shape in ((7, 3), (3,)))
    area = top * CELL, (top + rows) * CELL, left * CELL, (left + columns) * CELL
    part = half.mixed(crop(sharp, area), crop(blurred, area), area)
    whole = half.mixed(sharp, blurred, (0, 96, 0, 96))
    torch.testing.assert_close(part, crop(whole, area), atol=1e-6, rtol=0)


def test_what_moves_far_shows_what_half_the_size_made_of_it(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = random_photo(SMALLEST + 14, SMALLEST + 77)
    field = moving(60, 0, cells_of(SMALLEST + 14), cells_of(SMALLEST + 77))
    small = halved(photo)
    expected = extractor.extract(small, halved_field(field, small))
    assert expected.shape == (7, *small.shape)

    def likeness(frames: np.ndarray) -> float:
        reduced = np.stack([halved(frame) for frame in frames])
        return float(np.corrcoef(reduced.ravel(), expected.ravel())[0, 1])

    assert likeness(extractor.extract(photo, field)) > 0.95
    monkeypatch.setattr(pyramid, "SMALLEST", math.inf)
    assert likeness(extractor.extract(photo, field)) < 0.9


def test_what_moves_little_is_left_to_the_photo_itself(extractor: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, field = random_photo(SMALLEST, SMALLEST), moving(NEAR - 1, 0, *[cells_of(SMALLEST)] * 2)
    frames = extractor.extract(photo, field)
    monkeypatch.setattr(pyramid, "SMALLEST", math.inf)
    assert not has_half(photo)
    assert np.array_equal(frames, extractor.extract(photo, field))


def test_tiles_agree_where_half_the_size_is_mixed_in(extractor: Extractor, tiny_weights: Path) -> None:
    photo, field = random_photo(SMALLEST + 30, 700), far_to_near(cells_of(SMALLEST + 30), cells_of(700))
    tiled = Extractor(tiny_weights, "cpu", "fp32", tile=128)
    difference = np.abs(extractor.extract(photo, field).astype(int) - tiled.extract(photo, field).astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("side", [48, SMALLEST + 30])
def test_frames_of_a_grey_photo_are_grey(extractor: Extractor, side: int) -> None:
    photo, field = random_photo(side, side), far_to_near(cells_of(side), cells_of(side))
    grey = photo[..., :1].repeat(3, 2)
    frames = extractor.extract(grey, field)
    assert (frames == frames[..., :1]).all()
    assert not (frames == grey).all()  # and something was done to it
    grey[0, 0, 0] ^= 64  # one pixel of colour
    coloured = extractor.extract(grey, field)
    assert not (coloured == coloured[..., :1]).all()


def test_the_opposite_field_is_the_opposite_at_half_the_size_too(extractor: Extractor) -> None:
    photo, field = random_photo(SMALLEST, SMALLEST), far_to_near(*[cells_of(SMALLEST)] * 2)
    small = halved(photo)
    backwards = halved_field(-field, small)
    torch.testing.assert_close(backwards[:2], -halved_field(field, small)[:2])
    assert not np.array_equal(extractor.extract(photo, field), extractor.extract(photo, -field))


def test_what_half_the_size_makes_alone_is_not_made_at_full_size(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor, the other way round, at half the size what nobody takes from there; and nothing else comes out."""
    photo = random_photo(SMALLEST, 2 * SMALLEST)
    field = far_to_near(*(cells_of(side) for side in photo.shape[:2]))
    shapes: list[torch.Size] = []
    real = extractor.net.bands

    def bands(blurred: torch.Tensor, field: torch.Tensor | None, inside: Area) -> Iterator[tuple[Place, torch.Tensor]]:
        shapes.append(blurred.shape[-2:])
        return real(blurred, field, inside)

    monkeypatch.setattr(extractor.net, "bands", bands)
    thrifty = extractor.extract(photo, field)
    (small_rows, small_columns), (rows, columns) = shapes
    assert (small_rows, rows) == (SMALLEST // 2, SMALLEST)
    assert columns < photo.shape[1]
    assert columns + 2 * small_columns < 2 * photo.shape[1]
    whole = made_everywhere(extractor, photo, field, monkeypatch)
    assert shapes[3][1] == photo.shape[1]
    assert np.abs(thrifty.astype(int) - whole).max() <= 1
    assert (thrifty != whole).mean() < 1e-3


def test_three_sizes_show_what_they_would_if_all_were_made_everywhere(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = random_photo(2 * SMALLEST, 3 * SMALLEST)
    field = far_to_near(*(cells_of(side) for side in photo.shape[:2]))
    thrifty = extractor.extract(photo, field)
    whole = made_everywhere(extractor, photo, field, monkeypatch)
    assert np.abs(thrifty.astype(int) - whole).max() <= 1
    assert (thrifty != whole).mean() < 1e-3


def made_everywhere(
    extractor: Extractor, photo: np.ndarray, field: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray:
    """Frames, each size of the pyramid made of the whole photo."""
    monkeypatch.setattr(Half, "rest", property(lambda half: torch.ones_like(half.share, dtype=torch.bool)))
    monkeypatch.setattr(extractor_module, "halved_cells", lambda *_: None)
    return extractor.extract(photo, field)


def test_a_photo_is_not_asked_where_its_half_says_that_things_move_far(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = random_photo(SMALLEST, 3 * SMALLEST)
    director = extractor.net.director
    assert director is not None
    far = line(far_to_near(12, 36)[:2])
    own = extractor._own_lines
    asked: list[torch.Tensor | None] = []

    def lines(canvas: np.ndarray, director: Director, wanted: torch.Tensor | None = None) -> torch.Tensor:
        if canvas.shape[0] < SMALLEST:
            return far
        asked.append(wanted)
        return own(canvas, director, wanted)

    monkeypatch.setattr(extractor, "_own_lines", lines)
    thrifty = extractor.direction(photo)
    (wanted,) = asked
    assert wanted is not None
    assert not wanted[:, 0].any()
    assert wanted[:, -1].all()
    monkeypatch.setattr(extractor, "_own_lines", lambda canvas, director, **_: lines(canvas, director))
    whole = extractor.direction(photo)
    assert thrifty is not None
    assert whole is not None
    torch.testing.assert_close(thrifty, whole, atol=1e-5, rtol=0)
