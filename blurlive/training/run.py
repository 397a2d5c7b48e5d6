"""One run: networks, optimisers and step; what a checkpoint holds and what one batch changes."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..data.dataset import Batch, Stream, loader, make_batch
from ..data.replay import first_needed, replayed
from ..data.source import Source
from ..devices import fast_bf16
from ..errors import ConfigError, DataError
from ..models.discriminator import Discriminator, DiscriminatorConfig
from ..models.restorer import Restorer
from . import checkpoint
from .config import TrainConfig, as_values
from .initial import initial
from .nets import Nets
from .optim import Muon, remember_rates, scale_rates, split
from .ranks import Ranks
from .stages import NEEDS, STAGES, TRUST_AFTER, Settings
from .teachers import Teacher, feature_teacher, flow_teacher

Net = TypeVar("Net", bound=nn.Module)


def rate(step: int, config: TrainConfig) -> float:
    """Share of the full learning rate at ``step``: warm-up, plateau, linear decay to the floor."""
    optim = config.optim
    fall = (config.steps - step) / max(min(optim.decay, config.steps), 1)
    return max(optim.floor, min(1.0, (step + 1) / max(optim.warmup, 1), fall))


class Run:
    """Networks, optimisers and step of one run. A ``fresh`` one starts from ``config.init``, if any; one that is to
    :meth:`resume` needs it no more. Raises :class:`ConfigError` if the losses do not fit the network."""

    def __init__(self, config: TrainConfig, folder: Path, ranks: Ranks | None = None, *, fresh: bool = True) -> None:
        torch.manual_seed(config.seed)
        torch.set_flush_denormal(True)
        self.config, self.folder, self.step = config, folder, 0
        self.values = as_values(config)  # once: a signal that came in the midst of it would be pydantic's error
        self.ranks = ranks or Ranks()
        self.net = _placed(_start(config, fresh), self.ranks)
        self.ema = copy.deepcopy(self.net).requires_grad_(False)
        self.losses = {name: weight for name, weight in config.losses.items() if weight}
        self.nets = self._nets()
        self.optimizers = _optimizers(self.net, self.nets.critic, config)

    def _nets(self) -> Nets:
        """The networks that the losses call for. Terms whose judge is not to be had are taken out of the losses."""
        if "direction" in self.losses and self.net.director is None:
            raise ConfigError("losses.direction: this network is not directed; use --recipe paper, or set it to 0")
        needed = {NEEDS[name] for name in self.losses if name in NEEDS}
        features = feature_teacher(self.config.features) if "features" in needed else Teacher(None, "not used")
        flow = flow_teacher(self.config.flow_net) if "flow" in needed else Teacher(None, "not used")
        there = {"features": features.net, "flow": flow.net, "critic": True}
        off = [name for name in self.losses if name in NEEDS and there[NEEDS[name]] is None]
        self.losses = {name: weight for name, weight in self.losses.items() if name not in off}
        self.told = [judge.note for judge in (features, flow) if judge.note]
        self.used = {"features": features.name, "flow_net": flow.name, "terms_off": ", ".join(off) or "none"}
        if not self.losses:
            raise ConfigError(
                f"losses: no term is left ({', '.join(off)}: off); give --set features=FILE or flow_net=FILE"
            )
        eye, mover = (None if judge is None else _placed(judge, self.ranks) for judge in (features.net, flow.net))
        critic = _placed(_critic(self.config), self.ranks) if "critic" in needed else None
        return Nets(self.net, critic, eye, mover, self._before(), _bf16(self.config, self.ranks.device))

    def _before(self) -> Restorer | None:
        """What the stage before made, kept as it is, where its frames are what this stage averages."""
        if self.config.stage == "base" or self.config.frames_from != "recovered":
            return None
        return copy.deepcopy(self.net).requires_grad_(False)

    def notes(self) -> list[str]:
        """What a user should know of how this run judges, a line each."""
        rows = [f"{what}: {name}" for what, name in self.used.items() if name not in {"not used", "none"}]
        return [*rows, *self.told, f"device: {self.ranks.device}{', bf16' if self.nets.bf16 else ''}"]

    def _stored(self) -> dict[str, nn.Module]:
        named = {"model": self.net, "ema": self.ema, "critic": self.nets.critic, "before": self.nets.before}
        return {name: net for name, net in named.items() if net is not None}

    def save(self) -> None:
        """Write the checkpoint, whole or not at all. Raises what :func:`checkpoint.save` does."""
        facts = {"step": self.step, "config": self.values, "world": self.ranks.world, "used": self.used}
        about = {name: json.dumps(fact) for name, fact in facts.items()}
        checkpoint.save(self.folder, self._stored(), self.optimizers, about)

    def resume(self) -> None:
        """Go on where the checkpoint stopped, to the bit. Raises :class:`ConfigError` if this cannot be the same
        run."""
        about = checkpoint.load(self.folder, self._stored(), self.optimizers)
        self.step = checkpoint.step_of(about)
        world, used = checkpoint.world_of(about), json.loads(about.get("used", "null")) or self.used
        if world != self.ranks.world:
            raise ConfigError(
                f"{self.folder}: was trained by {world} process{'es' if world > 1 else ''}, not {self.ranks.world}; "
                f"go on with: {checkpoint.resuming(self.folder, about)}"
            )
        if used != self.used:
            what = next(name for name in used if used[name] != self.used.get(name))
            raise ConfigError(
                f"{self.folder}: used {what} '{used[what]}', which is now '{self.used.get(what)}'; bring it back"
            )

    def batches(self, source: Source, workers: int | None = None) -> Iterator[Batch]:
        """This process's batches from the present step on, made by ``workers`` processes (of the configuration)."""
        data, key, rank = self.config.data, self.config.seed, self.ranks.rank
        make = partial(_batch, source, data.side, data.batch, key, rank)
        workers = data.workers if workers is None else workers
        if data.uses == 1:
            return loader(Stream(make, self.step), workers)
        made = loader(Stream(make, first_needed(self.step, data.uses)), workers)
        fresh = (batch.to(self.ranks.device) for batch in made)  # turned there, where that costs nothing
        one_way = not data.scene.backwards
        return replayed(fresh, data.uses, self.step, lambda step: _draws(key, step, rank, 1), one_way=one_way)

    def advance(self, batch: Batch) -> dict[str, float]:
        """One optimisation step; returns the loss terms, means over all processes.

        Raises :class:`DataError` if a loss or gradient is not finite; nothing has changed then.
        """
        scale_rates(self.optimizers.values(), rate(self.step, self.config))
        terms = self._terms(batch.to(self.ranks.device), self.step)
        torch.autograd.backward(torch.stack([self.losses[name] * term for name, term in terms.items()]).sum())
        values = torch.stack([term.detach() for term in terms.values()])
        self.ranks.average([values, *self._gradients()])
        self._check(dict(zip(terms, values.tolist(), strict=True)))
        for optimizer in self.optimizers.values():
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        checkpoint.copy_into(self.ema, self.net, min(self.config.optim.ema, self.step / (self.step + 10)))
        return dict(zip(terms, values.tolist(), strict=True))

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, float]:
        """The loss terms of a batch as they are now; changes nothing. The same draws at every call, for comparisons."""
        terms = self._terms(batch.to(self.ranks.device), step=0)
        return {name: term.item() for name, term in terms.items()}

    def _terms(self, batch: Batch, step: int) -> dict[str, Tensor]:
        config = self.config
        # Every process draws alike from its own place in one sequence: a function of (seed, step, rank).
        random = _draws(config.seed, step, self.ranks.rank)
        start = TRUST_AFTER if config.init else 0
        settings = Settings(
            config.frames_from == "recovered",
            config.gamma,
            config.triples,
            config.pairs,
            start,
            config.data.context,
            config.trust,
            config.astray,
        )
        return STAGES[config.stage].step(self.nets, batch, step, random, self.losses, settings)

    def _gradients(self) -> list[Tensor]:
        """All gradients, in an order that never changes; zeros where a term left a parameter out."""
        parameters = [p for net in self._players() for p in net.parameters() if p.requires_grad]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return [p.grad for p in parameters if p.grad is not None]

    def _players(self) -> list[nn.Module]:
        return [net for net in (self.net, self.nets.critic) if net is not None]

    def _check(self, terms: dict[str, float]) -> None:
        """Clip gradients; raise :class:`DataError` if a loss or a gradient is not finite."""
        bad = [name for name, value in terms.items() if not math.isfinite(value)]
        for net in self._players():
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), self.config.optim.clip or math.inf)
            if bad or not math.isfinite(norm.item()):
                what = f"the loss {bad[0]} is {terms[bad[0]]}" if bad else "a gradient is not finite"
                raise DataError(f"{self.folder}: {what} at step {self.step}; {checkpoint.REMEDY}")


def _batch(source: Source, size: int, count: int, seed: int, rank: int, step: int) -> Batch:
    return make_batch(source, size, count, (seed, step, rank))


def _draws(*numbers: int) -> torch.Generator:
    return torch.Generator().manual_seed(_mixed(*numbers))


def _mixed(*numbers: int) -> int:
    """One seed of several, the same with every version of Python (``hash`` promises no such thing)."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _start(config: TrainConfig, fresh: bool) -> Restorer:
    net = initial(config.init, config.model) if fresh and config.init else Restorer(config.model)
    if net.config != config.model:
        raise ConfigError(f"{config.init}: its network is another than [model] says; leave [model] out to take it over")
    net.train().requires_grad_(True)
    if net.director is not None:
        net.director.requires_grad_(bool(config.losses.get("direction")))  # the frames' loss alone would bend it
    return net


def _critic(config: TrainConfig) -> Discriminator:
    sizes = config.model.generator
    return Discriminator(DiscriminatorConfig(channels=sizes.channels, init=sizes.init))


def _placed(net: Net, ranks: Ranks) -> Net:
    net.to(ranks.device)
    if ranks.device.type == "cuda":  # CPUs go backward a tenth faster with channels first
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs do not know the option
    return net


def _bf16(config: TrainConfig, device: torch.device) -> bool:
    return fast_bf16(device) if config.bf16 == "auto" else config.bf16 == "on"


def _optimizers(net: Restorer, critic: Discriminator | None, config: TrainConfig) -> dict[str, torch.optim.Optimizer]:
    optim = config.optim
    hidden: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for part, share in ((net.generator, 1.0), (net.director, optim.director)):
        if part is not None:
            some, others = split(part) if optim.muon else ([], list(part.parameters()))
            hidden.append({"params": some, "lr": optim.muon * share})
            rest.append({"params": others, "lr": optim.adamw * share})
    made: dict[str, torch.optim.Optimizer] = {"adamw": torch.optim.AdamW(rest, optim.adamw, weight_decay=0.0)}
    if optim.muon:
        made["muon"] = Muon(hidden, optim.muon)
    if critic is not None:
        made["critic"] = torch.optim.AdamW(critic.parameters(), config.optim.critic, weight_decay=0.0)
    remember_rates(made.values())
    return made
