"""Batches of sequences as tensors; every batch is a function of (seed, step, rank) alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..errors import DataError
from .photos import PhotoBank
from .source import Source
from .synthesis import SceneSpec, synthesize_pair

Item = TypeVar("Item")
WORKER_NICE = 5
"""How far loader workers stand back behind the training process, in steps of Unix priority."""
WORKER_START = "fork" if sys.platform == "linux" else None
"""How loader workers start: on Linux by a fork, as before Python 3.14, so that they share the photos in memory with the
training process. Its new default, a server that starts them, gives each a copy, and a run stopped by a signal for its
whole group ends in tracebacks."""


@dataclass(frozen=True)
class Batch:
    """``blurred (N, 3, S, S)`` and ``sharp (N, 7, 3, S, S)``, uint8 RGB; ``motion (N, 2, S, S)``, float32, in pixels
    from first frame to last."""

    blurred: Tensor
    sharp: Tensor
    motion: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, part.name).to(device, non_blocking=True) for part in fields(self)))

    def inner(self, margin: int) -> Batch:
        """The same without ``margin`` pixels on each side."""
        return Batch(*(inner(getattr(self, part.name), margin) for part in fields(self)))


def inner(picture: Tensor, margin: int) -> Tensor:
    """``(..., H, W)`` without ``margin`` rows and columns on each side."""
    height, width = picture.shape[-2:]
    return picture[..., margin : height - margin, margin : width - margin]


@dataclass(frozen=True)
class FlowBatch:
    """``first`` and ``last (N, 3, S, S)``, uint8 RGB; ``flow (N, 2, S, S)``, float32, in pixels from first to last."""

    first: Tensor
    last: Tensor
    flow: Tensor


def make_batch(source: Source, size: int, count: int, key: tuple[int, ...]) -> Batch:
    """``count`` sequences drawn from generators seeded by ``key`` and their place in the batch."""
    items = source.sequences(key, count, size)
    return Batch(
        torch.from_numpy(np.stack([s.blurred for s in items])).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(np.stack([s.sharp for s in items])).permute(0, 1, 4, 2, 3).contiguous(),
        torch.from_numpy(np.stack([s.motion for s in items])),
    )


def make_flow_batch(bank: PhotoBank, spec: SceneSpec, size: int, count: int, key: tuple[int, ...]) -> FlowBatch:
    """``count`` pairs of frames with their exact flow, drawn as :func:`make_batch` draws."""
    pairs = [synthesize_pair(np.random.default_rng([*key, i]), bank, size, spec) for i in range(count)]
    return FlowBatch(
        torch.from_numpy(np.stack([p.first for p in pairs])).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(np.stack([p.last for p in pairs])).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(np.stack([p.flow for p in pairs])),
    )


class Stream(IterableDataset[Item | DataError], Generic[Item]):
    """Endless ``make(step)`` from ``start`` on; worker w of W makes every W-th, so that their order does not depend on
    W."""

    def __init__(self, make: Callable[[int], Item], start: int = 0) -> None:
        self.make, self.start = make, start

    def __iter__(self) -> Iterator[Item | DataError]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        step = self.start + first
        while True:
            try:
                yield self.make(step)
            except DataError as error:  # raised in a worker, it would arrive wrapped in that worker's traceback
                yield error
            step += stride


def loader(stream: Stream[Item], workers: int) -> Iterator[Item]:
    """Items made ahead by ``workers`` processes (0: in this one). Raises the :class:`DataError` that making one
    raised."""
    ahead, start = (4, WORKER_START) if workers else (None, None)
    batches = DataLoader(
        stream,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=ahead,
        multiprocessing_context=start,
        worker_init_fn=_stand_back,
    )
    for item in batches:
        if isinstance(item, DataError):
            raise item
        yield item


def _stand_back(_worker: int) -> None:
    """Let the training process go first: where cores are few, each of its threads waits for the slowest. Stopping is
    its business too: Ctrl-C and the first SIGTERM, which may be for all processes of a group, are for it alone. It then
    ends this one, by another SIGTERM if it must; one that died before could leave a lock that it waits for. A batch
    that it no longer takes is no news."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    if hasattr(signal, "SIGPIPE"):  # multiprocessing would show a traceback of the broken pipe
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.excepthook = _unless_unwanted
    if hasattr(os, "nice"):
        os.nice(WORKER_NICE)


def _unless_unwanted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, ConnectionError):
        sys.__excepthook__(kind, error, trace)
