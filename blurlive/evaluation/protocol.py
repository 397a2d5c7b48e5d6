"""The protocol: what is measured, on what, in which order. Figures are comparable if, and only if, this is the same.

* Seven frames in time order of one photo, 8-bit RGB, against the seven true ones, no border left out.
* A clip's PSNR over seven frames is the mean of its seven frame PSNRs, its SSIM likewise; a set's is the mean over
  clips. A frame that equals the truth has no finite PSNR: it is shown as 100 dB and left out of the mean (only "sharp
  centre repeated" has one). ``pooled`` is the PSNR of the mean squared error of all seven frames.
* A clip in which nothing moves, so that the blurred photo repeated is the truth, is scored and left out of the set's
  figures.
* The centre frame is the 4th, the end frames are the 1st and 7th.
* A blurred photo fits a motion and its reverse. ``forward`` takes frames as they come; ``best`` turns a clip round
  where that has the higher seven-frame PSNR: one choice a clip and method, used for every figure.
* ``epe``: end-point error in pixels of the travel from first frame to last at the points of the middle frame,
  estimated by DIS, against that of the true frames by DIS, or the exact one where the set has it.
* ``reblur``: PSNR of the mean of the seven frames, in linear light of the set's gamma, against the blurred photo.
* ``warp``: :func:`blurlive.metrics.warp_error` along the true motion, in grey levels.
* ``windows``: seven-frame PSNR if each 32-pixel window could choose its own order; what it has over ``best`` is lost
  by regions that disagree.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..metrics import (
    SSIM_WINDOW,
    endpoint_error,
    mean_psnr,
    psnr_of,
    reblur,
    seen_twice,
    squared_error,
    ssim,
    warp_error,
    windowed_error,
)
from . import flow
from .clips import Clip
from .frames import Image
from .lpips import SMALLEST as SMALLEST_LPIPS
from .lpips import Lpips

VERSION = 2
"""Of the protocol: raised when a figure's meaning changes."""
CENTRE = 3
ENDS = (0, 6)


@dataclass(frozen=True)
class Settings:
    """``gamma`` of the linear light in which photos were exposed (1: values themselves), and LPIPS, if its weights are
    at hand."""

    gamma: float = 2.2
    lpips: Lpips | None = None


@dataclass(frozen=True)
class Scores:
    """Figures of one order: lists hold one value a frame, None is "not available"."""

    psnr: list[float]
    ssim: list[float]
    pooled: float
    lpips: list[float] | None = None
    epe: float | None = None
    warp: float | None = None

    def value(self, figure: str) -> float | None:
        """One of :data:`FIGURES` as a number: mean, centre or end frames of a list, or the number itself."""
        name, _, part = figure.partition(".")
        values = getattr(self, name)
        if not isinstance(values, list):
            return None if values is None else float(values)
        chosen = {"": values, "centre": [values[CENTRE]], "ends": [values[i] for i in ENDS]}[part]
        return mean_psnr(chosen) if name == "psnr" else sum(chosen) / len(chosen)


FIGURES = (
    *("psnr", "psnr.centre", "psnr.ends", "pooled"),
    *("ssim", "ssim.centre", "ssim.ends"),
    *("lpips", "lpips.centre", "lpips.ends", "epe", "warp"),
)
"""All figures of an order: ``name`` over seven frames, ``name.centre``, ``name.ends``."""


@dataclass(frozen=True)
class Row:
    """One method on one clip. ``motion`` is the blur's length: mean length in pixels of the true flow from first frame
    to last."""

    clip: str
    group: str
    method: str
    source: str
    reversed: bool
    forward: Scores
    best: Scores
    windows: float
    reblur: float
    motion: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Row:
        """The row that :meth:`as_dict` was made of. Raises TypeError or KeyError for anything else."""
        return cls(**{**values, "forward": Scores(**values["forward"]), "best": Scores(**values["best"])})


class Truth:
    """A clip as the measure: tensors and true flow, made once for all methods."""

    def __init__(self, clip: Clip) -> None:
        if min(clip.sharp.shape[1:3]) < SSIM_WINDOW:
            raise DataError(f"{clip.name}: {_size(clip.sharp)}; at least {SSIM_WINDOW} pixels a side are needed")
        self.clip = clip
        self.sharp = _tensor(clip.sharp)  # (7, 3, H, W) uint8
        self.blurred = _tensor(clip.blurred[None])
        self.flows = flow.available() and not flow.too_small(clip.sharp)

    @cached_property
    def travel(self) -> Tensor | None:
        """Exact or estimated flow ``(2, H, W)`` from first frame to last."""
        if self.clip.motion is not None:
            return torch.from_numpy(self.clip.motion)
        return flow.first_to_last(self.clip.sharp) if self.flows else None

    @cached_property
    def steps(self) -> Tensor | None:
        """Flow ``(6, 2, H, W)`` from each true frame to the next."""
        return flow.neighbours(self.clip.sharp) if self.flows else None

    @cached_property
    def seen_twice(self) -> Tensor | None:
        """Points ``(6, H, W)`` that temporal consistency is measured on."""
        return None if self.steps is None else seen_twice(self.sharp, self.steps)

    @cached_property
    def motion(self) -> float | None:
        """Mean length of :attr:`travel` in pixels."""
        return None if self.travel is None else float(self.travel.square().sum(0).sqrt().mean())


def score(method: str, source: str, group: str, frames: Image, truth: Truth, settings: Settings) -> Row:
    """Everything that is measured of ``frames (7, H, W, 3)``. Raises DataError if they are not of the clip's size."""
    if frames.shape != truth.clip.sharp.shape:
        raise DataError(f"{method}: {_size(frames)} for {truth.clip.name}, whose truth is {_size(truth.clip.sharp)}")
    tensor = _tensor(frames)
    errors = squared_error(tensor, truth.sharp), squared_error(tensor.flip(0), truth.sharp)
    means = [mean_psnr(psnr_of(error).tolist()) for error in errors]
    turned = means[1] > means[0]
    forward = _scores(frames, truth, errors[0], settings)
    return Row(
        clip=truth.clip.name,
        group=group,
        method=method,
        source=source,
        reversed=turned,
        forward=forward,
        best=_scores(frames[::-1], truth, errors[1], settings) if turned else forward,
        windows=max(*means, mean_psnr(psnr_of(windowed_error(*errors)[:, None]).tolist())),
        reblur=float(psnr_of(squared_error(reblur(tensor, settings.gamma), truth.blurred)).item()),
        motion=truth.motion,
    )


def _scores(frames: Image, truth: Truth, error: Tensor, settings: Settings) -> Scores:
    tensor = _tensor(frames)
    return Scores(
        psnr=psnr_of(error).tolist(),
        ssim=ssim(tensor, truth.sharp).tolist(),
        pooled=float(psnr_of(error[None]).item()),
        lpips=_lpips(tensor, truth.sharp, settings.lpips),
        epe=_endpoint_error(frames, truth),
        warp=_warp_error(tensor, truth),
    )


def _lpips(frames: Tensor, truth: Tensor, lpips: Lpips | None) -> list[float] | None:
    return None if lpips is None or min(frames.shape[-2:]) < SMALLEST_LPIPS else lpips(frames, truth)


def _warp_error(frames: Tensor, truth: Truth) -> float | None:
    if truth.steps is None or truth.seen_twice is None:
        return None
    return warp_error(frames, truth.steps, truth.seen_twice)


def _endpoint_error(frames: Image, truth: Truth) -> float | None:
    if truth.travel is None or not truth.flows:
        return None
    return endpoint_error(flow.first_to_last(frames), truth.travel)


def _tensor(frames: Image) -> Tensor:
    """``(T, 3, H, W)`` of ``(T, H, W, 3)``, a view where possible."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)


def _size(frames: Image) -> str:
    return f"{frames.shape[0]} frames of {frames.shape[2]}x{frames.shape[1]}"
