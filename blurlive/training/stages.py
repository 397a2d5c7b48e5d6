"""Stages: what each computes of a batch, and its named loss terms. The loop weighs them and knows nothing else of a
stage.

A stage is a *pass* (the tensors of one step, each computed when a term first asks for it) and a table of terms, small
functions of that pass. Only terms with a weight are asked, so a recipe pays for nothing it does not use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import losses
from ..data.dataset import Batch, inner
from ..models.director import CELL, cells, direction, stretched, sure
from .astray import astray
from .director import line_error
from .nets import Nets
from .signs import settled_like

TRUST_AFTER = 1500
"""Steps after which as many examples as will ever be are directed by the director's own lines instead of the exact
motion."""


@dataclass(frozen=True)
class Settings:
    """What a stage needs of the configuration; fields as there."""

    recovered: bool = False
    gamma: float = 1.0
    triples: int = 9
    pairs: float = 0.0
    """Share of the triples whose middle frame is left out of their average."""
    start: int = 0
    """Steps that count as done before the first, for :data:`TRUST_AFTER`: a director that was trained before is trusted
    at once."""
    context: int = 0
    """Pixels around each crop that only the director and G's taps see."""
    trust: float = 0.85
    """Share of the examples that are directed by the director in the end."""
    astray: float = 0.0
    """Share of the director's fields that are led further astray, see :mod:`blurlive.training.astray`."""


class Pass:
    """Stage 1, the BaseGAN (Sec. 3.1): one blurred batch through G.

    A directed G is told the exact direction at first; later mostly what the director sees, oriented as in use, so that
    it meets in training the errors that it will meet there, and worse ones. The frames' loss does not reach the
    director through it: it would teach it to say short lengths, which harm the least where they are wrong. The director
    and the taps see the ``whole`` batch, all else the ``batch`` without its margin: what a small crop taught did not
    hold for the middle of a photo, where motion leads to more of the photo and not to its border. ``random`` draws on
    the CPU, the same everywhere.
    """

    def __init__(self, nets: Nets, batch: Batch, step: int, random: torch.Generator, settings: Settings) -> None:
        self.nets, self.whole, self.step, self.random, self.settings = nets, batch, step, random, settings
        self.batch = batch.inner(settings.context)
        self.directed = nets.net.director is not None

    @cached_property
    def whole_rgb(self) -> Tensor:
        return self.whole.blurred.float() / 255

    @cached_property
    def rgb(self) -> Tensor:
        return inner(self.whole_rgb, self.settings.context)

    @cached_property
    def sharp(self) -> Tensor:
        return self.nets.seen(self.batch.sharp.float() / 255)

    @cached_property
    def whole_truth(self) -> Tensor:
        """The exact direction field, margin included."""
        return direction(cells(self.whole.motion, CELL))

    @cached_property
    def truth(self) -> Tensor:
        """The exact direction field ``(N, 2, h, w)`` of the crop."""
        return inner(self.whole_truth, self.settings.context // CELL)

    @cached_property
    def lines(self) -> Tensor:
        """The director's line field, margin included."""
        return self.nets.lines(self.whole_rgb)

    @cached_property
    def field(self) -> Tensor | None:
        if not self.directed:
            return None
        trust = self.settings.trust * min(1.0, (self.step + self.settings.start) / TRUST_AFTER)
        own = torch.rand(len(self.truth), 1, 1, 1, generator=self.random).to(self.truth.device) < trust
        seen = inner(settled_like(self.lines.detach(), self.whole_truth), self.settings.context // CELL)
        return torch.where(own, astray(seen, self.settings.astray, self.random), sure(self.truth))

    @cached_property
    def frames(self) -> Tensor:
        return self.nets.generate(self.nets.seen(self.rgb), self.field, around=self.nets.seen(self.whole_rgb))

    @cached_property
    def wide_seven(self) -> Tensor:
        """The seven frames that stages 2 and 3 average: sharp ones, margin included, or those that the stage before
        recovers, which have none."""
        if not self.settings.recovered:
            return self.nets.seen(self.whole.sharp.float() / 255)
        with torch.no_grad():
            truth = self.truth if self.directed else None
            seen, around = self.nets.seen(self.rgb), self.nets.seen(self.whole_rgb)
            return self.nets.generate(seen, truth, self.nets.before, around).clamp(0, 1)

    @cached_property
    def seven(self) -> Tensor:
        return self.cut(self.wide_seven)

    def cut(self, pictures: Tensor) -> Tensor:
        """``pictures`` without their margin, if they have one."""
        return inner(pictures, (pictures.shape[-1] - self.batch.blurred.shape[-1]) // 2)


class GramPass(Pass):
    """Stage 2, the GramGAN (Sec. 3.2): besides, averages of three frames through G, frames 1, 4, 7 of its seven
    kept; or of the first and the last of the three, such as slow motion feeds G (Sec. 4.3)."""

    @cached_property
    def chosen(self) -> list[tuple[int, int, int]]:
        """Which of the nine triples this step takes."""
        order = torch.randperm(len(losses.TRIPLES), generator=self.random)[: self.settings.triples]
        return [losses.TRIPLES[i] for i in sorted(order.tolist())]

    @cached_property
    def wanted(self) -> Tensor:
        """``(T, N, 3, C, H, W)``: the chosen triples."""
        return torch.stack([self.seven[:, list(triple)] for triple in self.chosen])

    @cached_property
    def got(self) -> Tensor:
        """``(T, N, 3, C, H, W)``: what G makes of their averages, all in one pass."""
        gamma = self.settings.gamma
        wide = torch.cat([losses.average(self.wide_seven[:, places], gamma) for places in self._averaged()])
        frames = self.nets.generate(self.cut(wide), self._fields(), around=wide)[:, [0, 3, 6]]
        return frames.view_as(self.wanted)

    def _averaged(self) -> list[list[int]]:
        """Which frames of each chosen triple are averaged: all three, or its first and last."""
        double = torch.rand(len(self.chosen), generator=self.random) < self.settings.pairs
        return [list(triple[::2] if two else triple) for triple, two in zip(self.chosen, double, strict=True)]

    def _fields(self) -> Tensor | None:
        """Direction fields of the averages: the photos' own, as slow motion has it, in proportion to the time from the
        first of the three frames to the last."""
        if self.field is None:
            return None
        return torch.cat([stretched(self.field, (last - first) / 6) for first, _, last in self.chosen])

    def gram(self) -> Tensor:
        """Eq. 7, scaled up to nine triples where fewer are drawn."""
        return torch.stack([losses.gram(a, b) for a, b in self.features]).mean() * len(losses.TRIPLES)

    def relative_gram(self) -> Tensor:
        """Mean over the triples drawn of the same difference as a share of the sharp Gram matrix."""
        matrices = [(losses.gram_matrix(a), losses.gram_matrix(b)) for a, b in self.features]
        return torch.stack([losses.relative(a, b) for a, b in matrices]).mean()

    @cached_property
    def features(self) -> list[tuple[Tensor, Tensor]]:
        """Of each chosen triple, features ``(N, 3, C, h, w)`` of what G made and of the sharp frames."""
        return [(self._look(got), self._look(wanted)) for got, wanted in zip(self.got, self.wanted, strict=True)]

    def _look(self, frames: Tensor) -> Tensor:
        found = self.nets.look(frames.flatten(0, 1))
        return found.view(*frames.shape[:2], *found.shape[1:])


class HeptaPass(Pass):
    """Stage 3, the HeptaGAN (Sec. 3.3): frames, their average, frames again, their average again.

    G is told of the average what it is told of the photo: with the exact motion, it forgot to doubt what it is told in
    use (docs/recipe.md).
    """

    @cached_property
    def wide_blurred(self) -> Tensor:
        return losses.average(self.wide_seven, self.settings.gamma)

    @cached_property
    def blurred(self) -> Tensor:
        return self.cut(self.wide_blurred)

    @cached_property
    def out(self) -> Tensor:
        return self.nets.generate(self.blurred, self.field, around=self.wide_blurred)

    @cached_property
    def again(self) -> Tensor:
        return losses.average(self.out, self.settings.gamma)


def _perceptual(p: Pass) -> Tensor:
    return losses.perceptual(p.nets.look(p.frames[:, losses.CENTRE]), p.nets.look(p.sharp[:, losses.CENTRE]))


def _relative_perceptual(p: Pass) -> Tensor:
    """As Eq. 1 has it of the centre frame, of one that is drawn, as a share of the sharp one's features."""
    one = int(torch.randint(p.sharp.shape[1], (), generator=p.random))
    return losses.relative(p.nets.look(p.frames[:, one]), p.nets.look(p.sharp[:, one]))


def _flow(p: Pass) -> Tensor:
    first, last = p.frames[:, 0], p.frames[:, -1]
    return losses.cycle_flow(p.frames, p.sharp, p.nets.motion(first, last), p.nets.motion(last, first))


def _critic(p: Pass) -> Tensor:
    return losses.discrimination(p.nets.judge(p.sharp, learn=True), p.nets.judge(p.frames.detach(), learn=True))


def _direction(p: Pass) -> Tensor:
    return line_error(p.lines, p.whole_rgb, cells(p.whole.motion, CELL))


Term = Callable[[Any], Tensor]
BASE: dict[str, Term] = {
    "frames": lambda p: losses.in_order(p.frames, p.sharp),
    "direction": _direction,
    "content": lambda p: losses.content_pixel(p.frames, p.sharp),
    "perceptual": _perceptual,
    "relative_perceptual": _relative_perceptual,
    "pair": lambda p: losses.pair(p.frames, p.sharp),
    "adversarial": lambda p: losses.adversarial(p.nets.judge(p.frames, learn=False)),
    "critic": _critic,
    "flow": _flow,
}
GRAM: dict[str, Term] = {
    **BASE,
    "gram": GramPass.gram,
    "relative_gram": GramPass.relative_gram,
    "triples": lambda p: F.l1_loss(p.got, p.wanted),
}
HEPTA: dict[str, Term] = {
    **BASE,
    "blur_cycle": lambda p: losses.blur_cycle(p.blurred, p.again),
    "frame_cycle": lambda p: losses.frame_cycle(p.out, p.seven),
}
NEEDS = {
    "perceptual": "features",
    "relative_perceptual": "features",
    "gram": "features",
    "relative_gram": "features",
    "flow": "flow",
    "adversarial": "critic",
    "critic": "critic",
}
"""The part of :class:`Nets` without which a term is off."""


@dataclass(frozen=True)
class Stage:
    """A pass and its terms."""

    kind: type[Pass]
    terms: Mapping[str, Term]

    def step(
        self, nets: Nets, batch: Batch, step: int, random: torch.Generator, asked: Collection[str], settings: Settings
    ) -> dict[str, Tensor]:
        """The terms ``asked`` for, by name, each one number with a gradient."""
        now = self.kind(nets, batch, step, random, settings)
        return {name: term(now) for name, term in self.terms.items() if name in asked}


STAGES = {"base": Stage(Pass, BASE), "gram": Stage(GramPass, GRAM), "hepta": Stage(HeptaPass, HEPTA)}
