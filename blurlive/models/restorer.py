"""The restorer: generator and director together, the unit that a weights file holds and that training improves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from .director import Director, DirectorConfig
from .generator import Generator, GeneratorConfig, spread_field


@dataclass(frozen=True)
class RestorerConfig:
    """Architecture of a weights file. A generator that is not directed has no director (the paper's plain network)."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    director: DirectorConfig = field(default_factory=DirectorConfig)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values; :func:`restorer_config` is its inverse."""
        return asdict(self)


def restorer_config(values: dict[str, Any]) -> RestorerConfig:
    """Rebuild a :class:`RestorerConfig` from :meth:`RestorerConfig.as_dict` or JSON. Raises ``TypeError`` on unknown keys."""
    parts = {name: dict(part) for name, part in values.items()}
    for part in parts.values():
        part["widths"] = tuple(part["widths"])
    generator, director = parts.pop("generator"), parts.pop("director")
    return RestorerConfig(GeneratorConfig(**generator), DirectorConfig(**director), **parts)


class Restorer(nn.Module):
    """``generator`` and, if it is directed, ``director``."""

    def __init__(self, config: RestorerConfig | None = None) -> None:
        super().__init__()
        self.config = config or RestorerConfig()
        self.generator = Generator(self.config.generator)
        self.director = Director(self.config.director) if self.config.generator.directed else None

    def forward(self, blurred: Tensor, field: Tensor | None = None) -> Tensor:
        """Seven frames ``(N, 7, C, H, W)`` of ``blurred (N, C, H, W)`` and its direction field ``(N, 2, H/16, W/16)``."""
        frames: Tensor = self.generator(blurred, None if field is None else spread_field(field))
        return frames
