"""Weights on a device, ready for any number of photos: what programs and the command line call.

    model = blurlive.load()
    model.extract("photo.jpg").save("clip.mp4")             # 7 frames, one forward pass
    model.slowmo("photo.jpg", iters=2).save("slow.mp4")     # 42 frames, made while they are written

Threads may share a model: nothing in it changes but the size of its tiles, when memory ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import slowmo
from .clips import Clip, Stream
from .extractor import Extractor
from .image import PhotoLike, load_photo
from .regions import BoxLike, boxes_of


def load(
    weights: str | Path | None = None, device: str = "auto", dtype: str = "auto", *, offline: bool = False
) -> Model:
    """A model, ready to use.

    ``weights``: bundled name (None for the default), path or ``hf://org/repo[@rev]/file``, the last from the cache
    alone if ``offline``; ``device``: auto, cpu, cuda, cuda:1, mps; ``dtype``: auto, fp32, bf16, fp16. Raises
    :class:`WeightsError` or :class:`DeviceError`.
    """
    return Model(Extractor(weights, device, dtype, offline=offline))


@dataclass(frozen=True, eq=False)
class Model:
    """Made by :func:`load`. A photo is whatever :func:`load_photo` takes: a path, bytes, a binary file, a Pillow image,
    an RGB array ``(H, W, 3)`` or a grey one ``(H, W)`` of uint8, or a :class:`Photo`.

    ``extractor`` is the machine inside: arrays and direction fields, weights card, device, number format, tiles.
    """

    extractor: Extractor

    def extract(self, photo: PhotoLike, *, reverse: bool = False, flip: Sequence[BoxLike] = ()) -> Clip:
        """Seven frames of the photo's size. ``reverse`` plays them the other way, which the photo cannot tell; ``flip``
        does so with regions of it that move independently: boxes ``(left, top, right, bottom)`` in percent of its
        sides.

        Raises :class:`InputError` for what is no photo, :class:`UsageError` for what is no box, :class:`DeviceError` if
        memory does not suffice.
        """
        regions = boxes_of(flip)
        photo = load_photo(photo)
        frames, _ = slowmo.extract(self.extractor, photo.pixels, reverse=reverse, flip=regions)
        return Clip(frames, photo)

    def slowmo(
        self, photo: PhotoLike, iters: int = 2, *, reverse: bool = False, flip: Sequence[BoxLike] = ()
    ) -> Stream:
        """A stream of ``7 * 6^(iters-1)`` frames: 7, 42, 252, ... The photo is read now, frames are made as they are
        taken.

        Raises as :meth:`extract`, and :class:`UsageError` for less than one round.
        """
        count, regions = slowmo.frame_count(iters), boxes_of(flip)
        photo = load_photo(photo)
        frames = slowmo.slowmo(self.extractor, photo.pixels, iters, reverse=reverse, flip=regions)
        return Stream(frames, photo, count)
