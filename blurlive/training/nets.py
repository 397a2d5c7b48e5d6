"""The networks of a run, and how each is called: number format, luminance, directions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..models.discriminator import Discriminator
from ..models.generator import spread_field
from ..models.restorer import Restorer, luminance


@dataclass(frozen=True)
class Nets:
    """``net`` is trained, with ``critic`` (D) if there is one. ``features``, ``flow`` and ``before`` (what the previous
    stage made) only judge: their parameters are frozen, gradients pass through. ``bf16`` multiplies in bf16."""

    net: Restorer
    critic: Discriminator | None = None
    features: nn.Module | None = None
    flow: nn.Module | None = None
    before: Restorer | None = None
    bf16: bool = False

    @contextmanager
    def multiplying(self, device: torch.device) -> Iterator[None]:
        """Inside, convolutions run in bf16 if this run does. Losses are computed outside, in fp32."""
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            yield

    def seen(self, pictures: Tensor) -> Tensor:
        """Pictures ``(..., 3, H, W)`` as the generator sees them: themselves, or their luminance ``(..., 1, H, W)``."""
        return pictures if self.net.config.generator.channels == 3 else luminance(pictures)

    def generate(
        self, blurred: Tensor, field: Tensor | None, net: Restorer | None = None, around: Tensor | None = None
    ) -> Tensor:
        """Seven frames ``(N, 7, C, H, W)`` of ``blurred (N, C, H, W)``; ``field (N, 3, H/16, W/16)`` if it is
        directed; ``around`` as :class:`~blurlive.models.generator.Generator` takes it."""
        generator = (net or self.net).generator
        with self.multiplying(blurred.device):
            frames: Tensor = generator(blurred, None if field is None else spread_field(field), around)
        return frames.float()

    def lines(self, blurred: Tensor) -> Tensor:
        """The director's line field ``(N, 3, H/16, W/16)``."""
        assert self.net.director is not None, "only a directed network has lines"
        with self.multiplying(blurred.device):
            lines: Tensor = self.net.director(blurred)
        return lines.float()

    def look(self, pictures: Tensor) -> Tensor:
        """Features of ``(N, C, H, W)``."""
        assert self.features is not None, "this term is off without a feature extractor"
        with self.multiplying(pictures.device):
            found: Tensor = self.features(pictures)
        return found.float()

    def motion(self, first: Tensor, last: Tensor) -> Tensor:
        """Flow ``(N, 2, H, W)`` from ``first`` to ``last``, in fp32: bf16 has no fractions of 40 pixels."""
        assert self.flow is not None, "this term is off without a flow network"
        flow: Tensor = self.flow(first, last)
        return flow

    def judge(self, frames: Tensor, *, learn: bool) -> Tensor:
        """The critic's answers to ``(N, 7, C, H, W)``. With ``learn`` False its parameters count as constants, so that
        one backward pass serves both players and each gets the gradient of its own loss alone."""
        assert self.critic is not None, "this term is off without a critic"
        parameters: dict[str, Tensor] = dict(self.critic.named_parameters())
        if not learn:
            parameters = {name: value.detach() for name, value in parameters.items()}
        with self.multiplying(frames.device):
            answers: Tensor = functional_call(self.critic, parameters, (frames.flatten(0, 1),))
        return answers.float()
