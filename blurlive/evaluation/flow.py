"""Optical flow for measuring: OpenCV's DIS (Kroeger et al. 2016), of the extra ``eval``."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..models.director import ALIGNED, CELL, cells
from .frames import Image

MIDDLE = 3
SMALLEST = 16
"""Sides in pixels below which DIS finds no patches to match."""
Grey = NDArray[np.uint8]


def available() -> bool:
    """Whether OpenCV is there."""
    return importlib.util.find_spec("cv2") is not None


def too_small(frames: Image) -> bool:
    """Whether flow cannot be estimated between frames ``(T, H, W, 3)`` of that size."""
    return bool(min(frames.shape[1:3]) < SMALLEST)


def first_to_last(frames: Image) -> Tensor:
    """Travel ``(2, H, W)`` in pixels (x, y) from the first of ``frames (7, H, W, 3)`` to the last, of what the middle
    one shows.

    Flow from the middle frame to the last, less that to the first: two halves are found where DIS misses the whole (12
    pixels of fine texture, say), and synthesised clips give their exact travel at the same points.
    """
    grey = greys(frames)
    return flow(grey[MIDDLE], grey[-1]) - flow(grey[MIDDLE], grey[0])


def cells_first_to_last(frames: Image) -> Tensor:
    """Mean of :func:`first_to_last` over each cell ``(2, h, w)`` of the canvas that the extractor works on: what the
    director should see."""
    travel = first_to_last(frames)
    down, right = (-side % ALIGNED for side in travel.shape[1:])
    return cells(F.pad(travel[None], (0, right, 0, down), mode="replicate"), CELL)[0]


def neighbours(frames: Image) -> Tensor:
    """Flow ``(T - 1, 2, H, W)`` in pixels from each of ``frames (T, H, W, 3)`` to the next."""
    grey = greys(frames)
    return torch.stack([flow(a, b) for a, b in pairwise(grey)])


def greys(frames: Image) -> list[Grey]:
    """Luminance of each frame."""
    import cv2

    return [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in frames]


def flow(start: Grey, end: Grey) -> Tensor:
    """Flow ``(2, H, W)`` in pixels (x, y) from one luminance ``(H, W)`` to another."""
    import cv2

    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return torch.from_numpy(estimator.calc(start, end, None)).permute(2, 0, 1)
