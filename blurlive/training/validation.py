"""How good a run is so far: figures and a sheet of samples from a held-out set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from ..data.dataset import Batch, make_batch
from ..data.source import open_source
from ..errors import DataError
from ..metrics import PERFECT, psnr
from ..models.director import CELL, cells, direction
from ..models.generator import spread_field
from ..models.restorer import Restorer
from ..orient import oriented_like
from .config import TrainConfig

KEY = 2**31
"""Seed of the held-out sequences: the same for every run, and none that ``--seed`` reaches by accident."""
CLIPS, SEAM = 4, 2
PART = 8
Distance = Callable[[Tensor, Tensor], list[float]]
"""Of each picture of two uint8 stacks ``(T, 3, H, W)``, as :class:`blurlive.evaluation.lpips.Lpips`."""


def validation_set(config: TrainConfig) -> list[Batch]:
    """Fixed sequences from photos or frames that are never trained on; none if there is too little to hold any out."""
    data = config.data
    try:
        source = open_source(data.path, data.scene, "held-out", kind=data.kind, crops=data.crops, size=data.side)
    except DataError:
        return []
    size = max(160 + 2 * data.context, data.side) if source.kind == "photos" else data.side
    return [make_batch(source, size, PART, (KEY, i)) for i in range(data.validation // PART)]


@torch.inference_mode()
def validate(net: Restorer, batches: list[Batch], lpips: Distance | None = None) -> dict[str, float]:
    """Mean PSNR in dB over sequences. ``psnr``: restored as in use, in the order that agrees more with the truth;
    ``psnr_exact``: with exact directions; ``psnr_either``, of an undirected network: the better order; ``blurred``: the
    photo repeated. With ``lpips``, that of each of them too, ``lpips_`` before its name. Sequences in which nothing
    moves, so that it is the truth, are left out; nothing if all are."""
    rows: dict[str, list[float]] = {}
    for batch in batches:
        batch = batch.to(next(net.parameters()).device)
        blurred, sharp = batch.blurred.float() / 255, batch.sharp.float() / 255
        for name, frames in _candidates(net, blurred, batch.motion).items():
            rows.setdefault(name, []).extend(_psnr(frames, sharp))
            if lpips is not None:
                rows.setdefault(f"lpips_{name}", []).extend(_distances(frames, batch.sharp, lpips))
        if net.director is None:
            flipped = _psnr(net(blurred).flip(1), sharp)
            rows.setdefault("psnr_either", []).extend(map(max, rows["psnr"][-len(flipped) :], flipped))
    moving = np.array(rows.get("blurred", [])) < PERFECT
    return {name: float(np.mean(np.array(row)[moving])) for name, row in rows.items()} if moving.any() else {}


def _candidates(net: Restorer, blurred: Tensor, motion: Tensor) -> dict[str, Tensor]:
    repeated = blurred.unsqueeze(1).expand(-1, 7, -1, -1, -1)
    if net.director is None:
        return {"psnr": net(blurred), "blurred": repeated}
    truth = direction(cells(motion, CELL))
    seen = oriented_like(net.director(blurred), truth)
    return {
        "psnr": net(blurred, spread_field(seen)),
        "psnr_exact": net(blurred, spread_field(truth)),
        "blurred": repeated,
    }


def _psnr(frames: Tensor, sharp: Tensor) -> list[float]:
    return [psnr(a.clamp(0, 1), b) for a, b in zip(frames, sharp, strict=True)]


def _distances(frames: Tensor, sharp: Tensor, lpips: Distance) -> list[float]:
    rounded = frames.clamp(0, 1).mul(255).round().to(torch.uint8)
    return [float(np.mean(lpips(a, b))) for a, b in zip(rounded, sharp, strict=True)]


@torch.inference_mode()
def sample_sheet(net: Restorer, batches: list[Batch]) -> Pillow.Image | None:
    """A few held-out clips: blurred photo and seven restored frames, the seven sharp ones below. None without clips."""
    if not batches:
        return None
    batch = batches[0].to(next(net.parameters()).device)
    blurred, sharp = batch.blurred[:CLIPS].float() / 255, batch.sharp[:CLIPS].float() / 255
    frames = _candidates(net, blurred, batch.motion[:CLIPS])["psnr"].clamp(0, 1)
    empty = torch.ones_like(blurred)
    rows = [[photo, *seven] for photo, seven in zip(blurred, frames, strict=True)]
    truths = [[blank, *seven] for blank, seven in zip(empty, sharp, strict=True)]
    grid = [row for both in zip(rows, truths, strict=True) for row in both]
    framed = [torch.cat([torch.nn.functional.pad(p, [SEAM] * 4, value=1.0) for p in row], 2) for row in grid]
    pixels = torch.cat(framed, 1).mul(255).round().to(torch.uint8)
    return Pillow.fromarray(pixels.permute(1, 2, 0).cpu().numpy())
