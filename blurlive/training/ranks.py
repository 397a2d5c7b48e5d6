"""One process or many: ``torchrun`` starts the same command N times, and this is all that knows of it.

Gradients are averaged in one sum over one flat tensor per step. ``DistributedDataParallel`` would sum buckets whose
bounds it learns from the first step it sees, which is another one after a resume: its sums differ in the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from ..devices import choose_device
from ..errors import UsageError


@dataclass(frozen=True)
class Ranks:
    """This process is number ``rank`` of ``world``, and computes on ``device``."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and shows the progress."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, the same bits in each of them."""
        if self.world == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = torch.split_with_sizes(flat.div_(self.world), [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def join(device: str = "auto") -> Ranks:
    """Join the processes that ``torchrun`` started; alone without it. Each takes a GPU of its own where there are
    any. Raises :class:`UsageError` where the environment holds some of what ``torchrun`` sets, and makes no sense,
    :class:`DeviceError` where it started more processes than there are GPUs."""
    said = os.environ.get("WORLD_SIZE", "1")
    if not said.isdecimal() or int(said) < 1:
        raise UsageError(f"WORLD_SIZE={said}: not a number of processes; unset it, or start them with torchrun")
    world = int(said)
    chosen = choose_device(device)
    if world == 1:
        return Ranks(device=chosen)
    if chosen.type == "cuda" and chosen.index is None:
        chosen = choose_device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        torch.cuda.set_device(chosen)
    if not dist.is_initialized():
        try:
            dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        except ValueError as error:  # RANK, MASTER_ADDR or MASTER_PORT is missing
            raise UsageError(f"WORLD_SIZE={said}: {error}; unset it, or start the processes with torchrun") from error
    return Ranks(dist.get_rank(), world, chosen)


def leave() -> None:
    """Part from the other processes."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
