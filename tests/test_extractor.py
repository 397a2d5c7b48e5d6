"""Photo to frames: any size, tiles equal to the whole, both number formats, memory that ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blurlive import weights
from blurlive.errors import DeviceError
from blurlive.extractor import Extractor
from blurlive.models.bands import Area, Place
from blurlive.models.director import DirectorConfig
from blurlive.models.generator import Generator, GeneratorConfig
from blurlive.models.restorer import RestorerConfig
from blurlive.tiles import crop_cells, windows

from .conftest import random_net, random_photo


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 5), (48, 64), (33, 70)])
def test_frames_have_the_photos_size(extractor: Extractor, size: tuple[int, int]) -> None:
    frames = extractor.extract(random_photo(*size))
    assert frames.shape == (7, *size, 3)
    assert frames.dtype == np.uint8


def test_frames_differ_from_the_photo_and_from_each_other(extractor: Extractor) -> None:
    photo = random_photo(48, 64)
    frames = extractor.extract(photo).astype(int)
    assert all(np.abs(frame - photo).max() > 3 for frame in frames)
    assert np.abs(frames[0] - frames[6]).max() > 3


def test_frames_of_a_grey_photo_are_grey_and_those_of_any_other_are_not(extractor: Extractor) -> None:
    grey = random_photo(48, 64).mean(-1, keepdims=True).astype(np.uint8).repeat(3, -1)
    frames = extractor.extract(grey)
    assert (np.ptp(frames, axis=-1) == 0).all()
    assert np.abs(frames.astype(int) - grey).max() > 3
    grey[5, 7, 2] ^= 1
    assert np.ptp(extractor.extract(grey), axis=-1).any()


@pytest.mark.parametrize("directed", [True, False])
def test_a_tiled_run_equals_an_untiled_one(tmp_path: Path, directed: bool) -> None:
    generator = GeneratorConfig(widths=(4, 4, 4, 4), directed=directed)
    net = random_net(RestorerConfig(generator, DirectorConfig(width=4)))
    weights.save(net, tmp_path / "net.safetensors", {}, torch.float32)
    photo = random_photo(270, 1100)  # too wide for one tile of cells, too
    whole = Extractor(tmp_path / "net.safetensors", "cpu", "fp32", tile=4096)
    tiled = Extractor(tmp_path / "net.safetensors", "cpu", "fp32", tile=128)
    fields = whole.direction(photo), tiled.direction(photo)
    if directed:
        assert fields[0] is not None
        assert fields[1] is not None
        torch.testing.assert_close(fields[0], fields[1], atol=1e-5, rtol=0)
    difference = np.abs(whole.extract(photo).astype(int) - tiled.extract(photo).astype(int))
    # Frames are 8 bits: a difference below 1e-4 can still fall on either side of a rounding edge.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@torch.inference_mode()
def test_a_tile_with_its_halo_equals_the_whole_to_one_part_in_ten_thousand() -> None:
    net = random_net(RestorerConfig(GeneratorConfig(widths=(4, 4, 4, 4)), DirectorConfig(width=4)))
    # Places are fp32 numbers, good to a ten-thousandth of a pixel at this width: in white noise that alone shows.
    photo, field = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 64, 960), 9, 1, 4), torch.randn(1, 2, 32, 480)
    whole = net(photo, field)
    window = next(w for w in windows(64, 960, 320, Generator.reach) if w.own[2] == 320)
    _, _, left, right = window.seen
    part = net(photo[..., left:right], field[..., left // 2 : right // 2])
    own = part[..., window.own[2] - left : window.own[3] - left]
    assert (own - whole[..., window.own[2] : window.own[3]]).abs().max() < 1e-4
    assert left > 0  # the halo really was cut
    assert right < 960


@given(st.integers(1, 45), st.integers(1, 45), st.integers(4, 20), st.integers(0, 6))
def test_windows_own_every_pixel_once_and_see_their_halo(rows: int, columns: int, tile: int, halo: int) -> None:
    height, width, tile, halo = rows * 32, columns * 32, tile * 32, halo * 32
    owned = np.zeros((height, width), int)
    for window in windows(height, width, tile, halo):
        top, bottom, left, right = window.own
        owned[top:bottom, left:right] += 1
        assert 0 < bottom - top <= tile
        assert 0 < right - left <= tile
        assert window.seen == (
            max(0, top - halo),
            min(height, bottom + halo),
            max(0, left - halo),
            min(width, right + halo),
        )
        assert all(edge % 32 == 0 for edge in (*window.own, *window.seen))
    assert (owned == 1).all()


@given(st.integers(1, 20), st.integers(1, 20), st.integers(2, 10), st.integers(0, 3), st.data())
def test_windows_own_every_wanted_cell_once_and_leave_out_what_they_can(
    rows: int, columns: int, tile: int, halo: int, data: st.DataObject
) -> None:
    places = data.draw(st.sets(st.tuples(st.integers(0, 2 * rows - 1), st.integers(0, 2 * columns - 1)), max_size=4))
    wanted, owned = torch.zeros(2 * rows, 2 * columns, dtype=torch.bool), torch.zeros(2 * rows, 2 * columns)
    for row, column in places:
        wanted[row, column] = True
    for window in windows(rows * 32, columns * 32, tile * 32, halo * 32, wanted):
        here = crop_cells(wanted, window.own)
        edges = (here[:2], here[-2:], here[:, :2], here[:, -2:])  # two cells are 32 pixels
        assert all(edge.any() for edge in edges)
        crop_cells(owned, window.own).add_(1)
        top, bottom, left, right = window.own
        inside_top, inside_bottom, inside_left, inside_right = window.inside
        assert (inside_bottom - inside_top, inside_right - inside_left) == (bottom - top, right - left)
        assert window.seen[0] == max(0, top - halo * 32)
        assert window.seen[3] == min(columns * 32, right + halo * 32)
    assert (owned[wanted] == 1).all()
    assert owned.max() <= 1


def test_bf16_shows_the_same_picture_to_within_two_levels(tmp_path: Path) -> None:
    net = random_net()
    with torch.no_grad():
        net.generator.head.weight.mul_(0.1)  # a residual of the size that a trained network has
    weights.save(net, tmp_path / "net.safetensors", {}, torch.float32)
    photo = random_photo(64, 96)
    exact, coarse = (Extractor(tmp_path / "net.safetensors", "cpu", dtype) for dtype in ("fp32", "bf16"))
    field = exact.direction(photo)
    difference = np.abs(exact.extract(photo, field).astype(int) - coarse.extract(photo, field).astype(int))
    assert difference.max() <= 2
    assert np.abs(exact.extract(photo, field).astype(int) - photo).max() > 4


def test_the_opposite_field_is_used(extractor: Extractor) -> None:
    photo = random_photo(64, 64)
    field = torch.ones(2, 4, 4)
    assert not np.array_equal(extractor.extract(photo, field), extractor.extract(photo, -field))


def test_when_memory_ends_tiles_shrink_and_the_result_is_the_same(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = random_photo(300, 900)
    expected = Extractor(tiny_weights, "cpu", "fp32").extract(photo)
    scarce = Extractor(tiny_weights, "cpu", "fp32", tile=512)
    real = scarce.net.bands

    def bands(blurred: torch.Tensor, field: torch.Tensor | None, inside: Area) -> Iterator[tuple[Place, torch.Tensor]]:
        if blurred.shape[-1] > 600:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(blurred, field, inside)

    monkeypatch.setattr(scarce.net, "bands", bands)
    frames = scarce.extract(photo)
    assert scarce.tile < 512
    assert np.abs(frames.astype(int) - expected.astype(int)).max() <= 1


def test_when_memory_ends_for_good_one_line_says_what_to_do(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hopeless = Extractor(tiny_weights, "cpu", "fp32")

    def bands(*_: object) -> Iterator[tuple[Place, torch.Tensor]]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(hopeless.net, "bands", bands)
    with pytest.raises(DeviceError, match="--max-side"):
        hopeless.extract(random_photo(32, 32))


@pytest.mark.parametrize("device", ["cuda:77", "mps", "tpu", "nonsense", "meta"])
def test_a_device_that_is_not_there_is_named(tiny_weights: Path, device: str) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has an Apple GPU")
    with pytest.raises(DeviceError, match=device):
        Extractor(tiny_weights, device)


def test_an_unknown_number_format_is_named(tiny_weights: Path) -> None:
    with pytest.raises(DeviceError, match="int3"):
        Extractor(tiny_weights, "cpu", "int3")


def test_anything_but_an_rgb_photo_is_a_mistake_of_the_caller(extractor: Extractor) -> None:
    with pytest.raises(ValueError, match="uint8"):
        extractor.extract(np.zeros((8, 8, 3), np.float32))  # type: ignore[arg-type]
