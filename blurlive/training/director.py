"""Train the director alone, before the generator: on many synthesised pictures, kept in memory.

    for step, error in train_director(Path("photos"), Path("director.safetensors")): ...

Beside the generator, in its small batches, it learns many times as slowly (on a CPU: a GPU takes both in large ones).
Each picture serves as eight, mirrored and turned. ``examples/train_director.py`` shows progress; the result is what
``blurlive train --config examples/base.toml --init director.safetensors`` starts from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import weights
from ..data.dataset import Batch, Stream, loader, make_batch
from ..data.motion import MotionRange
from ..data.replay import posed_as
from ..data.source import Photos
from ..data.synthesis import SceneSpec
from ..errors import ConfigError
from ..models.blocks import gradient
from ..models.director import CELL, FAINT, Director, cells, direction, line, statistics
from ..models.restorer import Restorer, RestorerConfig
from .initial import initial
from .journal import make_folder_of
from .optim import Muon, remember_rates, scale_rates, split

PART = 8
"""Pictures that are synthesised at a time."""
KEY = 2**31 + 2
"""Seed of the held-out pictures."""
ENOUGH = 200_000
"""Cells that the whitening is learnt from: copies in fp32 of more would take gigabytes."""
FULL = 0.3
"""Share of the steps at full rates, of a director that begins from nothing."""
COUNTS = (0.15, 3.0)
"""Least and most that a cell counts, by its texture."""
SHORTEST = 0.3
"""Shortest motion of a scene that moves, in pixels: the director has to know faint blur from soft texture."""


@dataclass(frozen=True)
class DirectorTraining:
    """How the director is trained: ``examples`` pictures of ``size`` pixels a side are synthesised once (0.3 MB of
    memory each at 320, a quarter of it at 160), ``held_out`` ones to measure on. They are that large since what the
    director learnt on 160 pixels did not hold for the middle of larger pictures. ``muon`` and ``adamw`` are learning
    rates; both fall linearly to nothing after three tenths of the steps. ``init`` names weights to go on from, as for
    ``blurlive train``; then they fall from the first step on, which is kinder to what was learnt."""

    steps: int = 3400
    examples: int = 10_000
    held_out: int = 400
    size: int = 320
    batch: int = 8
    muon: float = 0.01
    adamw: float = 1e-3
    init: str = ""
    seed: int = 0
    workers: int = 1


def train_director(
    photos: Path, file: Path, training: DirectorTraining | None = None, config: RestorerConfig | None = None
) -> Iterator[tuple[int, float]]:
    """Train on the photos in ``photos`` and write a weights file, with the generator as it was, or untrained; yields
    the step and the held-out error (see :func:`relative_error`) a hundred times.

    Raises :class:`ConfigError` for a network without a director or a size that is not of whole cells,
    :class:`DataError` without photos, :class:`OutputError` if the file cannot be written.
    """
    plan = training or DirectorTraining()
    make_folder_of(file)
    random = torch.Generator().manual_seed(plan.seed)
    torch.manual_seed(plan.seed)
    net = initial(plan.init) if plan.init else Restorer(config)
    net.requires_grad_(True)
    if net.director is None:
        raise ConfigError("model.generator.directed: is False; only a directed network has a director to train")
    if plan.size < CELL or plan.size % CELL:
        raise ConfigError(f"size: is {plan.size}; use a multiple of {CELL}")
    held_out = gather(photos, "held-out", plan.held_out, plan, KEY)  # a folder of too few photos is told at once
    train = gather(photos, "train", plan.examples, plan, plan.seed)
    if not plan.init:  # trained weights are of the whitening that they were trained with
        some = train.blurred[: max(1, ENOUGH // (plan.size // CELL) ** 2)]
        net.director.standardise(torch.cat([statistics(part.float() / 255) for part in torch.split(some, PART)]))
    optimizers, full = _optimizers(net.director, plan), 0.0 if plan.init else FULL
    for step in range(1, plan.steps + 1):
        share = min(1.0, (1 - (step - 1) / plan.steps) / (1 - full))
        _advance(net.director, optimizers, draw(train, plan.batch, random), share)
        if step % max(1, plan.steps // 100) == 0 or step == plan.steps:
            yield step, relative_error(net.director, held_out)
    weights.save(net, file, {"stage": "director", "data": photos.name, "training": asdict(plan)}, torch.float32)


def gather(photos: Path, split: str, count: int, plan: DirectorTraining, key: int) -> Batch:
    """``count`` synthesised pictures as the director meets them: no sharp frames, and the motion of each cell,
    ``(N, 2, h, w)``."""
    source = Photos(photos, SceneSpec(motion=MotionRange(shortest=SHORTEST)), split)
    batches = loader(Stream(partial(_batch, source, plan.size, key)), plan.workers)
    side = plan.size // CELL
    # Filled in place: parts and the whole at one time would be twice the gigabytes.
    pictures = torch.empty(count, 3, plan.size, plan.size, dtype=torch.uint8)
    made = Batch(pictures, pictures[:, None, :0], torch.empty(count, 2, side, side))
    for first in range(0, count, PART):
        part, left = next(batches), count - first
        made.blurred[first : first + PART] = part.blurred[:left]
        made.motion[first : first + PART] = cells(part.motion[:left], CELL)
    return made


def _batch(source: Photos, size: int, key: int, step: int) -> Batch:
    return make_batch(source, size, PART, (key, step))


def draw(examples: Batch, count: int, random: torch.Generator) -> Batch:
    """A random batch, in one of the eight positions that flips and transposition give."""
    chosen = torch.randint(len(examples.blurred), (count,), generator=random)
    mirrored, upside_down, lying = (torch.rand(3, generator=random) < 0.5).tolist()
    batch = Batch(examples.blurred[chosen], examples.sharp[chosen], examples.motion[chosen])
    return posed_as(batch, mirrored, upside_down, lying, backwards=False)


@torch.no_grad()
def relative_error(net: Director, examples: Batch) -> float:
    """Mean squared error of the line field, as a share of what "nothing moves" would have."""
    lines = torch.cat([net(part.float() / 255) for part in torch.split(examples.blurred, PART)])
    truth = line(direction(examples.motion))
    return float(F.mse_loss(lines, truth) / truth.square().mean())


def texture(picture: Tensor) -> Tensor:
    """How much the error of each cell of ``picture (N, 3, H, W)`` counts, ``(N, 1, H/16, W/16)``, of mean 1 over each
    picture: in proportion to its derivatives, since a wrong motion costs frames nothing where there is nothing to
    see."""
    dx, dy = gradient(picture.mean(1, keepdim=True))
    sizes = F.avg_pool2d(torch.sqrt(dx.square() + dy.square()), CELL) + FAINT
    counts = (sizes / sizes.mean((2, 3), keepdim=True)).clamp(*COUNTS)
    return counts / counts.mean((2, 3), keepdim=True)


def line_error(lines: Tensor, picture: Tensor, motion: Tensor) -> Tensor:
    """Mean squared error of the line field ``(N, 3, h, w)`` of ``picture (N, 3, H, W)``, whose cells move by ``motion
    (N, 2, h, w)``, cells counting by their :func:`texture`. Squared: L1 would prefer "no line" wherever it is
    unsure."""
    return (texture(picture) * (lines - line(direction(motion))).square()).mean()


def _optimizers(net: Director, plan: DirectorTraining) -> list[torch.optim.Optimizer]:
    hidden, rest = split(net)
    made = [Muon(hidden, plan.muon), torch.optim.AdamW(rest, plan.adamw, weight_decay=0.0)]
    remember_rates(made)
    return made


def _advance(net: Director, optimizers: list[torch.optim.Optimizer], batch: Batch, share: float) -> None:
    """One step at a ``share`` of the rates."""
    picture = batch.blurred.float() / 255
    torch.autograd.backward(line_error(net(picture), picture, batch.motion))
    scale_rates(optimizers, share)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
