"""Blur synthesis: the blurred photo is what the sharp frames average to, and the motion is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from blurlive.data.bend import draw_bend
from blurlive.data.disk import scene_spec, write_clips
from blurlive.data.layers import Layer, Patch, overlaid, warped
from blurlive.data.motion import MotionRange, camera, path, pixels, travel
from blurlive.data.photos import PhotoBank, chosen
from blurlive.data.synthesis import SceneSpec, Sequence, _blob, _likeness, synthesize, synthesize_pair
from blurlive.errors import DataError, OutputError, UsageError

from .conftest import random_photo

SIZE = 64
PLAIN = scene_spec("1", plain=True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(3):
        Pillow.fromarray(random_photo(160, 200, i)).save(folder / f"p{i}.png")
    return folder


@pytest.fixture(scope="module")
def bank(photos: Path) -> PhotoBank:
    return PhotoBank(photos)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_plain_blur_is_the_mean_of_the_seven(bank: PhotoBank, seed: int) -> None:
    clip = synthesize(np.random.default_rng(seed), bank, SIZE, PLAIN)
    assert clip.sharp.shape == (7, SIZE, SIZE, 3)
    assert np.abs(clip.sharp.mean(0) - clip.blurred).max() <= 0.51


def test_gamma_blur_is_the_mean_of_light(bank: PhotoBank) -> None:
    clip = synthesize(np.random.default_rng(3), bank, SIZE, scene_spec("2.2", plain=True))
    light = ((clip.sharp / 255.0) ** 2.2).mean(0) ** (1 / 2.2) * 255
    assert np.abs(light - clip.blurred).max() <= 0.51


@pytest.mark.parametrize("exposed", [2, 3])
def test_averages_of_two_and_three_frames(bank: PhotoBank, exposed: int) -> None:
    odds = (0.0, 1.0, 0.0) if exposed == 3 else (0.0, 0.0, 1.0)
    clip = synthesize(np.random.default_rng(1), bank, SIZE, replace(PLAIN, exposures=odds))
    seen = clip.sharp[[0, 3, 6]] if exposed == 3 else clip.sharp[[0, 6]]
    assert np.abs(seen.mean(0) - clip.blurred).max() <= 0.51


def test_with_sevenths_too_lengths_are_from_first_frame_to_last(bank: PhotoBank) -> None:
    spec = replace(PLAIN, plain=0.0, bending=0.0, objects=(1.0,))
    ends, sevenths = (
        synthesize(np.random.default_rng(8), bank, SIZE, replace(spec, sevenths=share)) for share in (0.0, 1.0)
    )
    assert ends.motion.any()
    assert np.allclose(ends.motion, sevenths.motion, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_seven_frames_average_better_to_an_exposure_of_sevenths(bank: PhotoBank, seed: int) -> None:
    motion = replace(PLAIN.motion, shortest=4.0, longest=6.0, still=0.0)
    spec = replace(PLAIN, plain=0.0, motion=motion, objects=(1.0,), bending=1.0)

    def off(share: float) -> float:
        clip = synthesize(np.random.default_rng(seed), bank, SIZE, replace(spec, sevenths=share))
        return float(np.abs(clip.sharp.mean(0) - clip.blurred).mean())

    assert off(1.0) < off(0.0)


def test_the_same_seed_gives_the_same_bytes(bank: PhotoBank) -> None:
    a, b, c = (synthesize(np.random.default_rng(seed), bank, SIZE, SceneSpec()) for seed in (5, 5, 6))
    assert a.blurred.tobytes() == b.blurred.tobytes()
    assert a.sharp.tobytes() == b.sharp.tobytes()
    assert a.motion.tobytes() == b.motion.tobytes()
    assert a.blurred.tobytes() != c.blurred.tobytes()


def test_a_camera_that_sharpens_shows_the_same_scene_crisper(bank: PhotoBank) -> None:
    def seen(share: float) -> Sequence:
        spec = replace(PLAIN, camera=replace(PLAIN.camera, sharpened=share), soft=0.0, faint=0.0)
        return synthesize(np.random.default_rng(4), bank, SIZE, spec)

    plain, crisp = seen(0.0), seen(1.0)
    assert plain.motion.tobytes() == crisp.motion.tobytes()
    for before, after in ((plain.sharp, crisp.sharp), (plain.blurred[None], crisp.blurred[None])):
        steps = [float(np.abs(np.diff(pictures.astype(float), axis=2)).mean()) for pictures in (before, after)]
        assert steps[1] > 1.05 * steps[0]
        assert np.abs(before.astype(float) - after).mean() < 30
    assert np.abs(crisp.sharp.mean(0) - crisp.blurred).mean() < 2  # both alike: its frames still average to the photo


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_in_a_sharp_scene_nothing_moves(bank: PhotoBank, seed: int) -> None:
    clip = synthesize(np.random.default_rng(seed), bank, SIZE, replace(PLAIN, sharp=1.0, objects=(0.0, 1.0)))
    assert not clip.motion.any()
    assert (clip.sharp == clip.blurred).all()


def test_scenes_that_move_move_as_before(bank: PhotoBank) -> None:
    plain, mixed = (
        [synthesize(np.random.default_rng(seed), bank, SIZE, replace(PLAIN, sharp=share)) for seed in range(12)]
        for share in (0.0, 0.5)
    )
    moving = [(a, b) for a, b in zip(plain, mixed, strict=True) if b.motion.any()]
    assert 0 < len(moving) < sum(bool(clip.motion.any()) for clip in plain)
    assert all(a.blurred.tobytes() == b.blurred.tobytes() for a, b in moving)


def residual(first: np.ndarray, last: np.ndarray, flow: np.ndarray) -> tuple[float, float]:
    """Mean differences of the inner pixels of ``first`` and ``last``, with ``last`` brought back along ``flow`` and as
    it is."""
    y, x = np.mgrid[: first.shape[0], : first.shape[1]].astype(np.float32)
    back = cv2.remap(last, x + flow[0], y + flow[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    inner = (slice(16, -16), slice(16, -16))
    return tuple(float(np.abs(first[inner].astype(float) - p[inner]).mean()) for p in (back, last))  # type: ignore[return-value]


@pytest.mark.parametrize("bending", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_exact_flow_brings_the_last_frame_back_to_the_first(bank: PhotoBank, seed: int, bending: float) -> None:
    far = MotionRange(shortest=6, longest=10, still=0)
    spec = replace(PLAIN, motion=far, objects=(1.0, 0.0, 0.0, 0.0), bending=bending)
    pair = synthesize_pair(np.random.default_rng(seed), bank, 96, spec)
    along, as_it_is = residual(pair.first, pair.last, pair.flow)
    assert along < 3
    assert along < as_it_is / 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_a_cut_out_is_rendered_where_it_is_seen_and_only_there(seed: int, bends: bool) -> None:
    rng = np.random.default_rng(seed)
    motion = camera(rng, np.linspace(0, 1, 7), SIZE, 20.0, MotionRange())
    texture = random_photo(40, 40, seed % 1000)
    bend = draw_bend(rng, texture, 20.0, np.array([20.0, 0.0])) if bends else None
    cut_out = Layer(texture, 1.0, np.ones((40, 40), np.float32), motion, rng.uniform(-60, 60, 2), bend)
    far, middle = 400, slice(200 - SIZE // 2, 200 + SIZE // 2)
    for instant in (0, 3, 6):
        patch = warped(cut_out, instant, far)
        assert patch.alpha is not None
        assert max(edge.max() for edge in (patch.alpha[0], patch.alpha[-1], patch.alpha[:, 0], patch.alpha[:, -1])) == 0
        assert patch.alpha.size < far * far / 4
        pictures = []
        for size in (SIZE, far):
            below = Patch(np.zeros((size, size, 3), np.uint8), None, (slice(0, size),) * 2)
            pictures.append(overlaid([below, warped(cut_out, instant, size)]).astype(int))
        off = np.abs(pictures[0] - pictures[1][middle, middle])
        # OpenCV 4 samples at 32nds of a pixel: 8 levels of an edge from 0 to 255, and opacity has edges too.
        assert off.max() <= 16
        assert (off > 2).mean() < 0.005


def test_some_motions_mostly_turn_or_zoom() -> None:
    def lengths(turning: float) -> tuple[float, float]:
        """Mean travel over 50 scenes of 64 pixels: in the middle, and at a corner."""
        spec = MotionRange(turning=turning, swinging=0, tilt=0)
        moves = (camera(np.random.default_rng(seed), np.linspace(0, 1, 37), SIZE, 10.0, spec) for seed in range(50))
        far = [np.linalg.norm(travel(move, pixels(SIZE), len(move) // 2), axis=0) for move in moves]
        return float(np.mean([one[SIZE // 2, SIZE // 2] for one in far])), float(np.mean([one[0, 0] for one in far]))

    shifted, turned = lengths(0.0), lengths(1.0)
    assert shifted[0] == pytest.approx(10, abs=1)
    assert turned[0] < 3 < 8 < turned[1] < 12


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(1, 30))
def test_a_swinging_camera_moves_what_is_beyond_and_what_is_before_opposite_ways(seed: int, length: float) -> None:
    spec = MotionRange(swinging=1, turning=0, rotation=0, zoom=0, even=1)
    motion = camera(np.random.default_rng(seed), np.linspace(0, 1, 7), SIZE, length, spec)
    moved = travel(motion, pixels(SIZE), 3)
    ways = moved.reshape(2, -1)
    farthest = ways[:, np.linalg.norm(ways, axis=0).argmax()]
    assert (farthest @ ways).min() < -0.01 * farthest @ farthest
    assert np.linalg.norm(moved, axis=0).max() < 1.6 * length
    round_it = np.linalg.det((motion[-1] - motion[0])[:2, :2])  # of a shear 0, of a turn on flat ground more
    assert round_it > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.5, 40))
def test_even_paths_are_straight_and_of_one_speed(seed: int, length: float) -> None:
    times = np.linspace(0, 1, 7)
    steps = np.diff(path(np.random.default_rng(seed), times, length, MotionRange(even=1.0)), axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:1], steps.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(steps.sum(0)), length)
    restless = np.diff(path(np.random.default_rng(seed), times, length, MotionRange(even=0.0)), axis=0)
    assert np.abs(restless - restless[:1]).max() > 1e-6 * length


def test_faint_layers_show_less_contrast_around_the_same_mean(bank: PhotoBank) -> None:
    contrasts = {}
    for share in (0.0, 1.0):
        spec = replace(PLAIN, faint=share, soft=0.0, objects=(1.0,))
        clips = [synthesize(np.random.default_rng(seed), bank, SIZE, spec) for seed in range(6)]
        contrasts[share] = float(np.mean([clip.sharp.std((1, 2)).mean() for clip in clips]))
    assert contrasts[1.0] < 0.5 * contrasts[0.0]


def test_a_cut_out_follows_what_its_photo_shows() -> None:
    """A bright plank across the middle of a dark texture: the shape keeps to the plank."""
    texture = np.full((96, 96, 3), 20, np.uint8)
    texture[36:60] = 220
    like = _likeness(texture)
    assert -1 <= like.min() < -0.2
    assert like.max() == pytest.approx(1, abs=0.05)
    inside = np.zeros((96, 96), bool)
    inside[36:60] = True
    within = []
    for hint in (None, like):
        shapes = [_blob(np.random.default_rng(seed), 96, hint) for seed in range(30)]
        within.append(np.mean([shape[inside].sum() / shape.sum() for shape in shapes]))
    free, led = within
    assert led > free + 0.1, (free, led)


def test_canonical_order_plays_to_the_right(bank: PhotoBank) -> None:
    one_way = replace(PLAIN, backwards=False)
    means = [synthesize(np.random.default_rng(seed), bank, SIZE, one_way).motion[0].mean() for seed in range(12)]
    assert min(means) >= 0
    both = [synthesize(np.random.default_rng(seed), bank, SIZE, PLAIN).motion[0].mean() for seed in range(12)]
    assert min(both) < 0 < max(both)


def test_splits_share_no_photo(tmp_path: Path) -> None:
    for count in (2, 5, 400):
        names = [tmp_path / f"{i}.jpg" for i in range(count)]
        train, held = chosen(names, "train"), chosen(names, "held-out")
        assert train
        assert held
        assert sorted(train + held) == sorted(names)


def test_a_folder_without_photos_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(DataError, match="no readable photo"):
        PhotoBank(tmp_path)


def test_a_set_on_disk_is_reproducible_and_whole(photos: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        folders = list(write_clips(photos, tmp_path / out, 2, SIZE, 7, SceneSpec()))
        assert [folder.name for folder in folders] == ["0001", "0002"]
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 2 * 9
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    motion = np.load(tmp_path / "a/0001/motion.npy")
    assert motion.shape == (2, SIZE, SIZE)
    assert motion.dtype == np.float32
    assert Pillow.open(tmp_path / "a/0001/sharp/07.png").size == (SIZE, SIZE)


def test_a_set_is_never_overwritten(photos: Path, tmp_path: Path) -> None:
    list(write_clips(photos, tmp_path / "a", 1, SIZE, 0, PLAIN))
    with pytest.raises(OutputError, match="exists already"):
        list(write_clips(photos, tmp_path / "a", 1, SIZE, 0, PLAIN))
    with pytest.raises(UsageError, match="--gamma 3"):
        scene_spec("3")
