"""What a training run is: frozen dataclasses, read from TOML and ``--set a.b=c``, unknown keys refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from ..data.synthesis import SceneSpec
from ..errors import ConfigError
from ..models.restorer import RestorerConfig


@dataclass(frozen=True)
class DataConfig:
    """Where examples come from. ``path`` is a folder of photos; ``size`` the side of a crop in pixels."""

    path: Path = Path("photos")
    size: int = 128
    batch: int = 8
    workers: int = 1
    validation: int = 48
    scene: SceneSpec = field(default_factory=SceneSpec)


@dataclass(frozen=True)
class OptimConfig:
    """``muon`` and ``adamw`` are learning rates; 0 for ``muon`` gives all parameters to AdamW.

    The rates rise over ``warmup`` steps, stay, and fall linearly to ``floor`` (a share) over the last ``decay`` steps.
    """

    muon: float = 0.01
    adamw: float = 1e-3
    warmup: int = 50
    decay: int = 1500
    floor: float = 0.01
    ema: float = 0.998
    clip: float = 1.0


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class TrainConfig:
    """A whole run. ``losses`` weighs the loss terms of the stage by name; an unknown name is an error."""

    stage: str = "base"
    seed: int = 0
    steps: int = 6000
    losses: dict[str, float] = field(default_factory=lambda: {"frames": 1.0, "direction": 1.0})
    model: RestorerConfig = field(default_factory=RestorerConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    log_every: int = 20
    validate_every: int = 250
    save_minutes: float = 3.0


def read_config(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """Defaults, then the TOML file, then ``overrides`` (dotted names). Raises :class:`ConfigError` naming the key."""
    values = _read_toml(file) if file else {}
    for name, value in (overrides or {}).items():
        _put(values, name.split("."), value)
    try:
        return TypeAdapter(TrainConfig).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{file or 'configuration'}: {where}: {first['msg']}") from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such configuration file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error


def _put(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
    values[keys[-1]] = value
