"""The restorer: generator and director together, the unit that a weights file holds and that training improves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .bands import Area, Place
from .director import Director, DirectorConfig
from .generator import Generator, GeneratorConfig

LUMA = (0.299, 0.587, 0.114)
WIDEST = 65536
"""Channels of a convolution that a description may ask for."""
MOST_INNER = 16
"""How many times as wide as outside a description may ask residual blocks to be inside."""


@dataclass(frozen=True)
class RestorerConfig:
    """Architecture of a weights file. A generator that is not directed has no director (the paper's plain network)."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    director: DirectorConfig = field(default_factory=DirectorConfig)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values; :func:`restorer_config` is its inverse."""
        return asdict(self)


def restorer_config(values: dict[str, Any]) -> RestorerConfig:
    """Rebuild a :class:`RestorerConfig` from :meth:`RestorerConfig.as_dict` or JSON.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` where keys are unknown or sizes such as no network has: what is
    built of the rest may still not fit any weights, but it runs.
    """
    parts = {name: dict(part) for name, part in values.items()}
    generator, director = parts.pop("generator"), parts.pop("director")
    generator |= {name: tuple(generator[name]) for name in ("widths", "inner") if name in generator}
    director |= {"pixels": tuple(director.get("pixels", ()))}
    config = RestorerConfig(GeneratorConfig(**generator), DirectorConfig(**director), **parts)
    if not all(0 < share <= MOST_INNER for share in config.generator.inner):
        raise ValueError(f"inner says from above 0 to {MOST_INNER} times the widths, not {config.generator.inner}")
    seen = config.director
    widths = (*config.generator.widths, *config.generator.inner_widths, seen.width, seen.depth, *seen.pixels)
    if len(seen.pixels) not in (0, 3):
        raise ValueError(f"the director's pixels are three widths or none, not {seen.pixels}")
    if config.generator.channels not in (1, 3) or config.generator.directed not in (True, False):
        raise ValueError("channels are 1 or 3, and a network is directed or not")
    if not all(isinstance(width, int) and 0 < width <= WIDEST for width in widths):
        raise ValueError(f"widths are whole numbers from 1 to {WIDEST}, not {widths}")
    return config


class Restorer(nn.Module):
    """``generator`` and, if it is directed, ``director``."""

    def __init__(self, config: RestorerConfig | None = None) -> None:
        super().__init__()
        self.config = config or RestorerConfig()
        self.generator = Generator(self.config.generator)
        self.director = Director(self.config.director) if self.config.generator.directed else None

    def forward(self, blurred: Tensor, field: Tensor | None = None) -> Tensor:
        """Seven RGB frames ``(N, 7, 3, H, W)`` of ``blurred (N, 3, H, W)``; ``field`` as the generator takes it.

        A luminance network (Sec. 3.1) sharpens the luminance, and the blurred photo keeps its colour differences.
        """
        return torch.cat([frames for _, frames in self.bands(blurred, field)], -2)

    def bands(
        self, blurred: Tensor, field: Tensor | None = None, inside: Area | None = None
    ) -> Iterator[tuple[Place, Tensor]]:
        """The same in bands, each with its place, and of the part ``inside`` alone, as the generator's."""
        if self.config.generator.channels == 3:
            yield from self.generator.bands(blurred, field, inside=inside)
            return
        grey = luminance(blurred)
        for at, sharp in self.generator.bands(grey, field, inside=inside):
            change = sharp - grey[(..., *at)].unsqueeze(1)
            yield at, blurred[(..., *at)].unsqueeze(1) + change


def luminance(rgb: Tensor) -> Tensor:
    """BT.601 luminance ``(N, 1, H, W)`` of ``(N, 3, H, W)``."""
    weights = torch.tensor(LUMA, dtype=rgb.dtype, device=rgb.device).view(3, 1, 1)
    return (rgb * weights).sum(-3, keepdim=True)
