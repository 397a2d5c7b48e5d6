"""The one training loop. It knows nets, optimisers, a schedule and named loss terms; it prints nothing.

    for report in train(config, Path("runs/base")):
        print(report.step, report.losses)
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor

from ..data.dataset import Batch, Stream, loader, make_batch
from ..data.photos import PhotoBank
from ..errors import ConfigError, DataError
from ..metrics import psnr
from ..models.director import cells, direction, signed_like
from ..models.generator import CELL, spread_field
from ..models.restorer import Restorer
from . import checkpoint
from .config import TrainConfig
from .optim import Muon, split
from .stages import base_step


@dataclass(frozen=True)
class Report:
    """State of a run after ``step`` steps: mean loss terms since the last report, ``images`` seen, images a second, and
    validation figures where this step was validated (PSNR in dB)."""

    step: int
    steps: int
    images: int
    images_per_second: float
    losses: dict[str, float]
    validation: dict[str, float] | None = None


def rate(step: int, config: TrainConfig) -> float:
    """Share of the full learning rate at ``step``: warm-up, plateau, linear decay to the floor."""
    optim = config.optim
    fall = (config.steps - step) / max(optim.decay, 1)
    return max(optim.floor, min(1.0, (step + 1) / max(optim.warmup, 1), fall))


class Run:
    """Nets, optimisers and step of one run; what a checkpoint holds."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        torch.manual_seed(config.seed)
        torch.set_flush_denormal(True)
        self.config, self.folder, self.step = config, folder, 0
        self.net = Restorer(config.model).to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizers = _optimizers(self.net, config)

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = TypeAdapter(TrainConfig).dump_json(self.config).decode()
        about = {"step": json.dumps(self.step), "config": settings}
        checkpoint.save(self.folder, {"model": self.net, "ema": self.ema}, self.optimizers, about)

    def resume(self) -> None:
        about = checkpoint.load(self.folder, {"model": self.net, "ema": self.ema}, self.optimizers)
        self.step = checkpoint.step_of(about)

    def advance(self, batch: Batch) -> dict[str, float]:
        """One optimisation step; returns the loss terms. Raises :class:`DataError` if they are not finite."""
        share = rate(self.step, self.config)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * share
        random = torch.Generator().manual_seed(hash((self.config.seed, self.step)) % 2**63)
        terms = base_step(self.net, batch, self.step, random)
        loss = _total(terms, self.config.losses)
        if not math.isfinite(loss.item()):
            raise DataError(f"{self.folder}: the loss is {loss.item()} at step {self.step}; the last checkpoint is kept")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.config.optim.clip)
        for optimizer in self.optimizers.values():
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        checkpoint.copy_into(self.ema, self.net, min(self.config.optim.ema, self.step / (self.step + 10)))
        return {name: term.item() for name, term in terms.items()}


def train(config: TrainConfig, folder: Path, resume: bool = False) -> Iterator[Report]:
    """Train into ``folder``; yields a :class:`Report` every ``log_every`` steps and appends it to ``metrics.jsonl``."""
    bank = PhotoBank(config.data.path, "train")
    held_out = validation_set(config)
    run = Run(config, folder)
    if resume:
        run.resume()
    data = config.data
    stream = Stream(bank, data.scene, data.size, data.batch, config.seed, start=run.step)
    batches = loader(stream, data.workers)
    saved = since = time.monotonic()
    recent: list[dict[str, float]] = []
    while run.step < config.steps:
        recent.append(run.advance(next(batches)))
        last = run.step == config.steps
        if last or run.step % config.log_every == 0:
            checked = last or run.step % config.validate_every < config.log_every
            speed = len(recent) * data.batch / (time.monotonic() - since)
            report = Report(run.step, config.steps, run.step * data.batch, speed, _means(recent),
                            validate(run.ema, held_out) if checked else None)
            _append(folder / "metrics.jsonl", report)
            yield report
            recent, since = [], time.monotonic()
        if last or time.monotonic() - saved > 60 * config.save_minutes:
            run.save()
            saved = time.monotonic()


def validation_set(config: TrainConfig) -> list[Batch]:
    """Fixed sequences from photos that are never trained on."""
    bank = PhotoBank(config.data.path, "held-out")
    spec, size = config.data.scene, max(160, config.data.size)
    return [make_batch(bank, spec, size, 8, (2**31, i)) for i in range(config.data.validation // 8)]


@torch.inference_mode()
def validate(net: Restorer, batches: list[Batch]) -> dict[str, float]:
    """Mean PSNR in dB over sequences: restored (lines of the director, true signs), with exact directions, and blurred."""
    rows: dict[str, list[float]] = {"psnr": [], "psnr_exact": [], "blurred": []}
    for batch in batches:
        blurred, sharp = batch.blurred.float() / 255, batch.sharp.float() / 255
        truth = direction(cells(batch.motion, CELL))
        lines = net.director(blurred) if net.director else truth
        for name, frames in (
            ("psnr", net(blurred, spread_field(signed_like(lines, truth)))),
            ("psnr_exact", net(blurred, spread_field(truth))),
            ("blurred", blurred.unsqueeze(1).expand_as(sharp)),
        ):
            rows[name] += [psnr(a.clamp(0, 1), b) for a, b in zip(frames, sharp, strict=True)]
    return {name: float(np.mean(row)) for name, row in rows.items()}


def _optimizers(net: Restorer, config: TrainConfig) -> dict[str, torch.optim.Optimizer]:
    hidden: list[Tensor] = []
    rest: list[Tensor] = []
    for part in (net.generator, net.director):
        if part is not None:
            some, others = split(part)
            hidden += some
            rest += others
    if not config.optim.muon:
        hidden, rest = [], hidden + rest
    made: dict[str, torch.optim.Optimizer] = {"adamw": torch.optim.AdamW(rest, config.optim.adamw, weight_decay=0.0)}
    if hidden:
        made["muon"] = Muon(hidden, config.optim.muon)
    for optimizer in made.values():
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    return made


def _total(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    unknown = set(weights) - set(terms)
    if unknown:
        raise ConfigError(f"losses: no such term in this stage: {', '.join(sorted(unknown))}; it has {', '.join(terms)}")
    return torch.stack([weights.get(name, 0.0) * term for name, term in terms.items()]).sum()


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _append(file: Path, report: Report) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(json.dumps(report.__dict__) + "\n")
