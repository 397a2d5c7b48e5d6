"""Train the flow network of Eq. 4 on synthesised pairs of frames, whose exact flow is known.

    for step, error in train_flow(Path("photos"), Path("flow.safetensors"), steps=1100): ...

``examples/train_flow.py`` shows progress and measures the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import FlowBatch, Stream, loader, make_flow_batch
from ..data.motion import MotionRange
from ..data.photos import PhotoBank
from ..data.synthesis import SceneSpec
from ..devices import choose_device
from ..evaluation.flow import neighbours
from ..losses import flow_error
from ..models.flow import FlowConfig, FlowNet
from .journal import make_folder_of
from .optim import Muon, remember_rates, scale_rates, split
from .teachers import save_flow

SPEC = SceneSpec(motion=MotionRange(shortest=0.5, longest=40))
KEY = 2**31 + 1
"""Seed of the held-out pairs."""


@dataclass(frozen=True)
class FlowTraining:
    """How the flow network is trained; ``muon`` and ``adamw`` are learning rates that fall linearly to nothing."""

    steps: int = 1100
    size: int = 160
    batch: int = 8
    muon: float = 0.02
    adamw: float = 1e-3
    seed: int = 0
    workers: int = 1
    device: str = "auto"


def train_flow(
    photos: Path, file: Path, training: FlowTraining | None = None, config: FlowConfig | None = None, every: int = 100
) -> Iterator[tuple[int, float]]:
    """Train on the photos in ``photos`` and write the network to ``file``; yields step and mean loss every ``every``
    steps.

    Raises :class:`DataError` without photos, :class:`OutputError` if the file cannot be written.
    """
    plan = training or FlowTraining()
    make_folder_of(file)
    torch.manual_seed(plan.seed)
    bank, device = PhotoBank(photos, "train"), choose_device(plan.device)
    net = FlowNet(config).to(device)
    hidden, rest = split(net)
    optimizers = [Muon(hidden, plan.muon), torch.optim.AdamW(rest, plan.adamw, weight_decay=1e-4)]
    remember_rates(optimizers)
    batches = loader(Stream(partial(_batch, bank, plan)), plan.workers)
    recent: list[float] = []
    for step, batch in enumerate(islice(batches, plan.steps), 1):
        scale_rates(optimizers, 1 - (step - 1) / plan.steps)
        recent.append(_advance(net, optimizers, batch, device))
        if step % every == 0 or step == plan.steps:
            yield step, float(np.mean(recent))
            recent = []
    save_flow(net, file, {"training": json.dumps(asdict(plan)), "data": photos.name})


def _batch(bank: PhotoBank, plan: FlowTraining, step: int) -> FlowBatch:
    return make_flow_batch(bank, SPEC, plan.size, plan.batch, (plan.seed, step))


def _advance(net: FlowNet, optimizers: list[torch.optim.Optimizer], batch: FlowBatch, device: torch.device) -> float:
    first, last = (part.to(device).float() / 255 for part in (batch.first, batch.last))
    loss = flow_error(net.estimates(first, last), batch.flow.to(device))
    net.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


@torch.inference_mode()
def compare(net: FlowNet, photos: Path, pairs: int = 64, size: int = 192) -> dict[str, float]:
    """Mean end-point errors in pixels on the same held-out pairs: ``ours``, OpenCV's ``dis`` and ``zero``, no flow."""
    bank = PhotoBank(photos, "held-out")
    errors: dict[str, list[float]] = {"ours": [], "dis": [], "zero": []}
    for number in range(pairs):
        batch = make_flow_batch(bank, SPEC, size, 1, (KEY, number))
        first, last = batch.first.float() / 255, batch.last.float() / 255
        for name, flow in {"ours": net(first, last), "dis": _dis(batch), "zero": torch.zeros_like(batch.flow)}.items():
            errors[name].append((flow - batch.flow).square().sum(1).sqrt().mean().item())
    return {name: float(np.mean(values)) for name, values in errors.items()}


def _dis(batch: FlowBatch) -> Tensor:
    """Flow ``(1, 2, H, W)`` of a batch of one pair."""
    return neighbours(torch.cat([batch.first, batch.last]).permute(0, 2, 3, 1).contiguous().numpy())
