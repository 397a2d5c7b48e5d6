"""Photo to frames: pad, tile, run the networks, crop, round.

    extractor = Extractor()                                      # bundled weights, best device
    frames = extractor.extract(load_photo("photo.jpg").pixels)   # (7, H, W, 3) uint8, in time order

Arrays alone: :mod:`blurlive.model` takes photos of any kind, and its clips save themselves.

A large photo runs in tiles. Each tile carries a halo as wide as the network's reach, so the result equals an untiled
run; the direction field is settled once for the whole photo and handed to every tile, so that all of them play the same
way. What moves farther than the networks follow is read and undone at half the size (:mod:`blurlive.pyramid`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import weights as weights_file
from .devices import choose_device, choose_dtype, is_out_of_memory
from .errors import DeviceError
from .models.director import ALIGNED, CELL, OUTPUTS, Director, limited
from .models.generator import FRAMES, Generator, spread_field
from .orient import orient
from .pyramid import FEWEST, Half, halved, halved_field, has_half, merged, share_of_half

Image = NDArray[np.uint8]
TILE = 1280
"""Default side of a tile's own pixels; about 1.5 GB of memory with the halo, in fp32."""
SMALLEST_TILE = 128
WIDER = 8
"""How many times as wide tiles are for what works on cells alone, which takes little memory."""


@dataclass(frozen=True)
class Window:
    """A tile of a canvas: the pixels it owns and the same with a halo, as (top, bottom, left, right)."""

    own: tuple[int, int, int, int]
    seen: tuple[int, int, int, int]


def windows(height: int, width: int, tile: int, halo: int) -> Iterator[Window]:
    """Cut a canvas into tiles of about equal size, at most ``tile`` a side, with a halo of at least ``halo`` pixels;
    all numbers are multiples of 32."""
    halo = -(-halo // ALIGNED) * ALIGNED
    for top, bottom in _spans(height, tile):
        for left, right in _spans(width, tile):
            seen = max(0, top - halo), min(height, bottom + halo), max(0, left - halo), min(width, right + halo)
            yield Window((top, bottom, left, right), seen)


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    count = -(-length // tile)
    return pairwise(round(length * i / count / ALIGNED) * ALIGNED for i in range(count + 1))


class Extractor:
    """Weights on a device, ready for any number of photos.

    ``weights``: bundled name, path or ``hf://`` address; ``device``: auto, cpu, cuda, mps; ``dtype``: auto, fp32, bf16,
    fp16; ``tile``: largest side of a tile in pixels. Raises :class:`WeightsError` or :class:`DeviceError`.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        tile: int = TILE,
        *,
        offline: bool = False,
    ) -> None:
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        net, self.card = weights_file.load(weights, offline=offline)
        self.net = net.to(self.device, self.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.tile = max(SMALLEST_TILE, tile // ALIGNED * ALIGNED)

    def direction(self, photo: Image) -> Tensor | None:
        """Direction field ``(3, h, w)`` of a photo ``(H, W, 3)``, a direction and its doubt per 16 pixels; None for an
        undirected network."""
        return None if self.net.director is None else orient(self._lines(photo, self.net.director))

    def _lines(self, photo: Image, director: Director) -> Tensor:
        """Line field ``(3, h, w)`` of a photo, where things move far that of its half."""
        canvas = _canvas(photo)
        size = canvas.shape[0] // CELL, canvas.shape[1] // CELL
        features, lines = torch.empty(director.config.width, *size, dtype=self.dtype), torch.empty(OUTPUTS, *size)

        def look(window: Window) -> None:
            part = director.features(self._tensor(canvas, window))[0].cpu()
            _cells(features, window.own)[:] = _cells(part, _inside(window))

        def settle(window: Window) -> None:
            part = director.lines(_cells(features, window.seen)[None].to(self.device))[0].float().cpu()
            _cells(lines, window.own)[:] = _cells(part, _inside(window))

        self._tiled(canvas, Director.near, look)
        self._tiled(canvas, Director.reach, settle, WIDER)
        return merged(lines, self._lines(halved(photo), director)) if has_half(photo) else lines

    def extract(self, photo: Image, field: Tensor | None = None) -> Image:
        """Seven frames ``(7, H, W, 3)`` uint8 in time order of a photo ``(H, W, 3)`` uint8 RGB, of the photo's size.

        ``field`` replaces the photo's own direction field; ``-field`` plays it backwards.
        Raises :class:`DeviceError` if memory does not suffice even for small tiles.
        """
        if field is None:
            field = self.direction(photo)
        height, width = photo.shape[:2]
        canvas = _canvas(photo)
        half = None if field is None else self._half(photo, field)
        spread = None if field is None else spread_field(limited(field)[None])
        frames = np.empty((FRAMES, height, width, 3), np.uint8)

        def run(window: Window) -> None:
            blurred = self._tensor(canvas, window)
            part = self._generate(blurred, _in_halves(spread, window.seen), window, half)
            top, bottom, left, right = window.own
            frames[:, top:bottom, left:right] = part[:, : height - top, : width - left]

        self._tiled(canvas, Generator.reach, run)
        return frames

    def _half(self, photo: Image, field: Tensor) -> Half | None:
        """What half the size makes of a photo, if enough of it moves that far."""
        share = share_of_half(field)
        if share.sum() < FEWEST or not has_half(photo):
            return None
        small = halved(photo)
        return Half(small, self.extract(small, halved_field(field, small)), share)

    def _generate(self, blurred: Tensor, field: Tensor | None, window: Window, half: Half | None) -> Image:
        """The pixels that a tile owns, as ``(7, h, w, 3)`` uint8: cropped and rounded on the device, copied once."""
        top, bottom, left, right = _inside(window)
        sharp = self.net(blurred, field)[0, :, :, top:bottom, left:right]
        if half is not None:
            sharp = half.mixed(sharp, blurred[0, :, top:bottom, left:right], window.own[0], window.own[2])
        rounded: Tensor = sharp.mul(255).round_().clamp_(0, 255).to(torch.uint8)
        pixels: Image = rounded.permute(0, 2, 3, 1).cpu().numpy()
        return pixels

    def _tensor(self, canvas: Image, window: Window) -> Tensor:
        top, bottom, left, right = window.seen
        part = torch.from_numpy(canvas[top:bottom, left:right].copy()).to(self.device)  # torch wants it writable
        return part.permute(2, 0, 1)[None].float().div_(255).contiguous(memory_format=torch.channels_last)

    def _tiled(self, canvas: Image, reach: int, run: Callable[[Window], None], wider: int = 1) -> None:
        """Run over all tiles, ``wider`` times the usual side; when memory ends, start again with tiles half the
        side."""
        while True:
            tile = self.tile
            try:
                with torch.inference_mode():
                    for window in windows(canvas.shape[0], canvas.shape[1], tile * wider, reach):
                        run(window)
                return
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._shrink_tiles(tile)

    def _shrink_tiles(self, failed: int) -> None:
        """Tiles half as large as those that failed, unless another thread has shrunk them already."""
        if failed <= SMALLEST_TILE:
            raise DeviceError(
                f"{self.device}: out of memory even with {failed}-pixel tiles; use --max-side or --device cpu"
            )
        self.tile = min(self.tile, max(SMALLEST_TILE, failed // 2 // ALIGNED * ALIGNED))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _canvas(photo: Image) -> Image:
    """The photo with sides brought up to multiples of 32 at the right and bottom: mirrored, or repeated if it is
    tiny."""
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or 0 in photo.shape:
        raise ValueError(f"a photo is a (H, W, 3) uint8 array, not {photo.shape} {photo.dtype}")
    down, right = -photo.shape[0] % ALIGNED, -photo.shape[1] % ALIGNED
    if not down and not right:
        return np.ascontiguousarray(photo)
    mode = "reflect" if down < photo.shape[0] and right < photo.shape[1] else "edge"
    padded: Image = np.pad(photo, ((0, down), (0, right), (0, 0)), mode=mode)  # type: ignore[call-overload]
    return padded


def _inside(window: Window) -> tuple[int, int, int, int]:
    """A tile's own pixels in coordinates of what it sees."""
    (top, bottom, left, right), (above, _, before, _) = window.own, window.seen
    return top - above, bottom - above, left - before, right - before


def _cells(field: Tensor, area: tuple[int, int, int, int]) -> Tensor:
    top, bottom, left, right = (edge // CELL for edge in area)
    return field[:, top:bottom, left:right]


def _in_halves(spread: Tensor | None, area: tuple[int, int, int, int]) -> Tensor | None:
    if spread is None:
        return None
    top, bottom, left, right = (edge // 2 for edge in area)
    return spread[:, :, top:bottom, left:right]
