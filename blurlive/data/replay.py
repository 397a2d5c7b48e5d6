"""Use each synthesised sequence several times: making it keeps a CPU busy for much of the step that learns from it.

Every ``uses``-th batch is fresh; those between are drawn from the latest :data:`KEPT` fresh ones, sequence by sequence,
each mirrored, turned or played backwards at random. What is drawn is a function of (seed, step), so a run that is
resumed goes on alike: it makes the batches kept then once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .dataset import Batch

KEPT = 48
"""Fresh batches that are kept to draw from."""


def first_needed(step: int, uses: int) -> int:
    """Number of the first fresh batch that the steps from ``step`` on draw from."""
    return max(0, -(-step // uses) - KEPT)


def replayed(
    fresh: Iterator[Batch], uses: int, step: int, draws: Callable[[int], torch.Generator], *, one_way: bool = False
) -> Iterator[Batch]:
    """Batches from ``step`` on, each sequence used ``uses`` times in the mean. ``fresh`` are those from
    :func:`first_needed` on; ``draws`` gives the random numbers of a step; with ``one_way`` what runs to the right goes
    on doing so."""
    kept: deque[Batch] = deque(maxlen=KEPT)
    for _ in range(first_needed(step, uses), -(-step // uses)):
        kept.append(next(fresh))
    while True:
        if step % uses == 0:
            kept.append(next(fresh))
            yield kept[-1]
        else:
            yield _drawn(kept, draws(step), one_way)
        step += 1


def _drawn(kept: deque[Batch], random: torch.Generator, one_way: bool) -> Batch:
    count = len(kept[0].blurred)
    which = torch.randint(len(kept), (count,), generator=random).tolist()
    slot = torch.randint(count, (count,), generator=random).tolist()
    coins = (torch.rand(count, 4, generator=random) < 0.5).tolist()
    if one_way:
        coins = [[mirrored, upside_down, False, mirrored] for mirrored, upside_down, *_ in coins]
    chosen = [_one(kept[w], s) for w, s in zip(which, slot, strict=True)]
    posed = [posed_as(batch, *coin) for batch, coin in zip(chosen, coins, strict=True)]
    return Batch(*(torch.cat(parts) for parts in zip(*((b.blurred, b.sharp, b.motion) for b in posed), strict=True)))


def _one(batch: Batch, place: int) -> Batch:
    here = slice(place, place + 1)
    return Batch(batch.blurred[here], batch.sharp[here], batch.motion[here])


def posed_as(batch: Batch, mirrored: bool, upside_down: bool, lying: bool, backwards: bool) -> Batch:
    """The same sequences mirrored left to right, top to bottom, with rows and columns swapped, played backwards."""
    blurred, sharp, motion = batch.blurred, batch.sharp, batch.motion
    x, y = motion.unbind(1)
    if mirrored:
        blurred, sharp, x, y = blurred.flip(-1), sharp.flip(-1), -x.flip(-1), y.flip(-1)
    if upside_down:
        blurred, sharp, x, y = blurred.flip(-2), sharp.flip(-2), x.flip(-2), -y.flip(-2)
    if lying:
        blurred, sharp, x, y = blurred.mT, sharp.mT, y.mT, x.mT
    if backwards:
        sharp, x, y = sharp.flip(1), -x, -y
    return Batch(blurred, sharp, _stacked(x, y))


def _stacked(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x, y], 1)
