"""Photo to frames: pad, tile, run the networks, crop, round.

    extractor = Extractor()                                      # bundled weights, best device
    frames = extractor.extract(load_photo("photo.jpg").pixels)   # (7, H, W, 3) uint8, in time order

Arrays alone: :mod:`blurlive.model` takes photos of any kind, and its clips save themselves.

A large photo runs in tiles. Each tile carries a halo as wide as the network's reach, so the result equals an untiled
run; the direction field is settled once for the whole photo and handed to every tile, so that all of them play the same
way. What moves farther than the networks follow is read and undone at half the size (:mod:`blurlive.pyramid`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import weights as weights_file
from .devices import choose_device, choose_dtype, is_out_of_memory
from .errors import DeviceError
from .models.bands import Area
from .models.director import ALIGNED, CELL, OUTPUTS, Director, limited
from .models.generator import FRAMES, Generator, spread_field
from .orient import orient
from .pyramid import (
    FEWEST,
    Half,
    doubled,
    halved,
    halved_cells,
    halved_field,
    has_half,
    merged,
    share_of_far,
    share_of_half,
)
from .tiles import Window, crop_cells, windows, within

Image = NDArray[np.uint8]
TILE = 2048
"""Default side of a tile's own pixels (`benchmarks/memory.py` tells what that takes)."""
SMALLEST_TILE = 128
WIDER = 8
"""How many times as wide tiles are for what works on cells alone, which takes little memory."""


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

    def __repr__(self) -> str:
        return f"<Extractor: {self.card.file.name} on {self.device} in {self.dtype}>"

    def direction(self, photo: Image) -> Tensor | None:
        """Direction field ``(3, h, w)`` of a photo ``(H, W, 3)``, a direction and its doubt per 16 pixels; None for an
        undirected network."""
        return None if self.net.director is None else orient(self._lines(photo, self.net.director))

    def _lines(self, photo: Image, director: Director) -> Tensor:
        """Line field ``(3, h, w)`` of a photo. Its half comes first: where that says that things move far, the photo
        itself is not asked."""
        canvas = _canvas(photo)
        if not has_half(photo):
            return self._own_lines(canvas, director)
        far = doubled(self._lines(halved(photo), director), canvas.shape[0] // CELL, canvas.shape[1] // CELL)
        return merged(self._own_lines(canvas, director, wanted=share_of_far(far) < 1), far)

    def _own_lines(self, canvas: Image, director: Director, wanted: Tensor | None = None) -> Tensor:
        """Line field ``(3, h, w)`` of a canvas by itself; cells that are not ``wanted (h, w)`` may say anything."""
        size = canvas.shape[0] // CELL, canvas.shape[1] // CELL
        features, lines = torch.zeros(director.config.width, *size, dtype=self.dtype), torch.zeros(OUTPUTS, *size)

        def look(window: Window) -> None:
            found = director.features(self._tensor(canvas, window))[0].cpu()
            crop_cells(features, window.own)[:] = crop_cells(found, window.inside)

        def settle(window: Window) -> None:
            found = director.lines(crop_cells(features, window.seen)[None].to(self.device))[0].float().cpu()
            crop_cells(lines, window.own)[:] = crop_cells(found, window.inside)

        self._tiled(canvas, Director.near, look, None if wanted is None else within(wanted, Director.reach))
        self._tiled(canvas, Director.reach, settle, wanted, wider=WIDER)
        return lines

    def extract(self, photo: Image, field: Tensor | None = None) -> Image:
        """Seven frames ``(7, H, W, 3)`` uint8 in time order of a photo ``(H, W, 3)`` uint8 RGB, of the photo's size.

        ``field`` replaces the photo's own direction field; ``-field`` plays it backwards. Frames of a grey photo are
        grey.
        Raises :class:`DeviceError` if memory does not suffice even for small tiles.
        """
        return self._frames(photo, self.direction(photo) if field is None else field)

    def _frames(self, photo: Image, field: Tensor | None, wanted: Tensor | None = None) -> Image:
        """Frames along a field; where no cell is ``wanted (h, w)``, they may be the photo."""
        canvas = _canvas(photo)
        half = None if field is None else self._half(photo, field, wanted)
        spread = None if field is None else spread_field(limited(field)[None])
        frames, grey = np.empty((FRAMES, *photo.shape), np.uint8), _is_grey(photo)
        if wanted is not None:
            frames[:] = photo

        def enlarge(window: Window, half: Half) -> None:
            _put(frames, window.own, half.alone(self._tensor(canvas, window)[0], window.own), grey)

        def generate(window: Window) -> None:
            blurred = self._tensor(canvas, window)
            for at, (sharp,) in self.net.bands(blurred, _in_halves(spread, window.seen), window.inside):
                area = window.on_canvas(at)
                mixed = sharp if half is None else half.mixed(sharp, blurred[(0, ..., *at)], area)
                _put(frames, area, mixed, grey)

        if half is not None:
            self._tiled(canvas, 0, partial(enlarge, half=half), half.used)
            wanted = half.rest if wanted is None else half.rest & wanted
        self._tiled(canvas, Generator.reach, generate, wanted)
        return frames

    def _half(self, photo: Image, field: Tensor, wanted: Tensor | None) -> Half | None:
        """What half the size makes of a photo, if enough of it moves that far."""
        share = share_of_half(field)
        if share.sum() < FEWEST or not has_half(photo):
            return None
        small, used = halved(photo), share > 0
        if wanted is not None:
            used &= within(wanted, CELL)
        return Half(small, self._frames(small, halved_field(field, small), halved_cells(used, small)), share)

    def _tensor(self, canvas: Image, window: Window) -> Tensor:
        top, bottom, left, right = window.seen
        part = torch.from_numpy(canvas[top:bottom, left:right].copy()).to(self.device)  # torch wants it writable
        return part.permute(2, 0, 1)[None].float().div_(255).contiguous(memory_format=torch.channels_last)

    def _tiled(
        self,
        canvas: Image,
        reach: int,
        run: Callable[[Window], None],
        wanted: Tensor | None = None,
        wider: int = 1,
    ) -> None:
        """Run over all tiles, ``wider`` times the usual side, that hold ``wanted`` cells; when memory ends, start again
        with tiles half the side."""
        while True:
            tile = self.tile
            try:
                with torch.inference_mode():
                    for window in windows(canvas.shape[0], canvas.shape[1], tile * wider, reach, wanted):
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


def _is_grey(photo: Image) -> bool:
    """Whether a photo ``(H, W, 3)`` has no colour at all."""
    return bool((photo == photo[..., :1]).all())


def _put(frames: Image, own: Area, sharp: Tensor, grey: bool) -> None:
    """Round ``sharp (7, 3, h, w)`` on its device, its mean over colours if it has to be ``grey``, and write what of it
    lies in ``frames (7, H, W, 3)``."""
    if grey:  # the network, which knows colours only, is off by a level or so in each
        sharp = sharp.mean(1, keepdim=True).expand_as(sharp)
    (top, bottom, left, right), (height, width) = own, frames.shape[1:3]
    rounded = sharp.mul(255).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    frames[:, top:bottom, left:right] = rounded[:, : height - top, : width - left]


def _in_halves(spread: Tensor | None, area: tuple[int, int, int, int]) -> Tensor | None:
    if spread is None:
        return None
    top, bottom, left, right = (edge // 2 for edge in area)
    return spread[:, :, top:bottom, left:right]
