"""Batches of synthesised sequences as tensors; every batch is a function of (seed, step, rank) alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .photos import PhotoBank
from .synthesis import SceneSpec, synthesize


@dataclass(frozen=True)
class Batch:
    """``blurred (N, 3, S, S)`` and ``sharp (N, 7, 3, S, S)``, uint8 RGB; ``motion (N, 2, S, S)`` in pixels, first to last frame."""

    blurred: Tensor
    sharp: Tensor
    motion: Tensor


def make_batch(bank: PhotoBank, spec: SceneSpec, size: int, count: int, key: tuple[int, ...]) -> Batch:
    """``count`` sequences drawn from generators seeded by ``key`` and their place in the batch."""
    items = [synthesize(np.random.default_rng([*key, i]), bank, size, spec) for i in range(count)]
    return Batch(
        torch.from_numpy(np.stack([s.blurred for s in items])).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(np.stack([s.sharp for s in items])).permute(0, 1, 4, 2, 3).contiguous(),
        torch.from_numpy(np.stack([s.motion for s in items])),
    )


class Stream(IterableDataset[Batch]):
    """Endless batches from ``start`` on; worker w of W makes every W-th, so that their order does not depend on W."""

    def __init__(
        self, bank: PhotoBank, spec: SceneSpec, size: int, batch: int, seed: int, rank: int = 0, start: int = 0
    ) -> None:
        self.bank, self.spec, self.size, self.batch = bank, spec, size, batch
        self.seed, self.rank, self.start = seed, rank, start

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        step = self.start + first
        while True:
            yield make_batch(self.bank, self.spec, self.size, self.batch, (self.seed, step, self.rank))
            step += stride


def loader(stream: Stream, workers: int) -> Iterator[Batch]:
    """Batches made ahead by ``workers`` processes (0: in this one)."""
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None))
