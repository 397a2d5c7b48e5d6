"""What a training run is: frozen dataclasses, read from TOML and ``--set a.b=c``, unknown keys refused."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from ..data.source import KINDS
from ..data.synthesis import SceneSpec
from ..errors import ConfigError
from ..models.restorer import RestorerConfig, restorer_config
from .initial import architecture, licence
from .recipes import LOSSES, recipe_values
from .stages import STAGES


@dataclass(frozen=True)
class DataConfig:
    """Where examples come from. ``path`` is a folder of photos, frames or videos (``kind`` tells which where ``auto``
    errs);
    ``size`` the side of a crop in pixels; ``context`` how far around it, in pixels, the director and the generator's
    taps see more of the picture, as they do in use; ``uses`` how many steps each sequence serves, in the mean, see
    :mod:`blurlive.data.replay`; ``crops`` how many are cut from each window of real frames; ``validation``
    how many sequences are held out, rounded down to a multiple of 8."""

    path: Path = Path("photos")
    kind: str = "auto"
    size: int = 128
    context: int = 0
    batch: int = 8
    uses: int = 1
    crops: int = 1
    workers: int = 1
    validation: int = 48
    scene: SceneSpec = field(default_factory=SceneSpec)

    @property
    def side(self) -> int:
        """Side in pixels of what is cut from a picture: the crop and what is seen around it."""
        return self.size + 2 * self.context


@dataclass(frozen=True)
class OptimConfig:
    """``muon`` and ``adamw`` are learning rates; 0 for ``muon`` gives all parameters to AdamW. ``critic`` is the
    discriminator's, ``director`` the share of the first two that the director gets. ``clip`` bounds the norm of each
    network's gradient; 0 does not.

    The rates rise over ``warmup`` steps, stay, and fall linearly to ``floor`` (a share) over the last ``decay`` steps.
    """

    muon: float = 0.01
    adamw: float = 1e-3
    critic: float = 1e-4
    director: float = 1.0
    warmup: int = 50
    decay: int = 1500
    floor: float = 0.01
    ema: float = 0.998
    clip: float = 1.0


@validated(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class TrainConfig:
    """A whole run. ``losses`` weighs the loss terms of the stage by name; an unknown name is an error, 0 leaves one
    out.

    ``init`` is the run or weights that the stage starts from. ``features`` is ``auto``, ``none``, ``derivatives``, a
    file
    or ``hf://`` address; ``flow_net`` the same but for ``derivatives``. ``frames_from`` says which seven frames stages
    2 and 3 average: those that the previous stage ``recovered`` (the paper's) or the ``sharp`` ones. ``gamma`` is that
    average's. ``trust`` is the share of examples that G is told the director's own fields of, once that has learnt; of
    the others it is told the exact motion. ``astray`` is the share of the director's fields that are made to err as it
    errs on real photos.
    ``triples`` is how many of the nine (Eq. 7) each step draws, ``pairs`` the share of them whose middle frame is left
    out of their average. ``bf16`` is ``auto``, ``on`` or ``off``.
    ``tensorboard`` writes event files beside the run's own record. ``licence`` is what exported weights say they are
    under: unless set, that of ``init``; empty, they say none, and ``weights publish`` asks for one.
    """

    stage: str = "base"
    recipe: str = "blurlive"
    init: str = ""
    seed: int = 0
    steps: int = 6000
    losses: dict[str, float] = field(default_factory=lambda: dict(LOSSES["blurlive"]["base"]))
    features: str = "auto"
    flow_net: str = "auto"
    frames_from: str = "sharp"
    gamma: float = 1.0
    triples: int = 9
    pairs: float = 0.0
    trust: float = 0.85
    astray: float = 0.4
    model: RestorerConfig = field(default_factory=RestorerConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    device: str = "auto"
    bf16: str = "auto"
    log_every: int = 20
    validate_every: int = 250
    save_minutes: float = 3.0
    tensorboard: bool = False
    licence: str = ""


FREE_TO_CHANGE = {"steps", "log_every", "validate_every", "save_minutes", "tensorboard", "licence", "device", "bf16"}
"""What ``--resume`` may change, beside ``data.path`` and ``data.workers``: nothing that the batches depend on."""


LEAST = {
    **dict.fromkeys(("steps", "data.batch", "data.uses", "log_every", "validate_every", "triples"), 1),
    **dict.fromkeys(("seed", "data.context", "data.workers", "data.validation", "trust", "astray", "pairs"), 0),
    **dict.fromkeys(("optim.muon", "optim.adamw", "optim.critic", "optim.director", "optim.clip", "optim.ema"), 0),
}
MOST = {"trust": 1, "astray": 1, "pairs": 1}
"""Shares."""
BELOW = {"optim.ema": 1, "seed": 2**63}
"""A mean that keeps all of itself never learns; a TOML integer has 63 bits and a sign."""


def read_config(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """The recipe's values, then the TOML file, then ``overrides`` (dotted names). Raises :class:`ConfigError` naming
    the key.

    A run with ``init`` takes over the architecture of what it starts from, unless it sets ``model`` itself, and the
    licence, unless it sets ``licence``.
    """
    given = _read_toml(file) if file else {}
    for name, value in (overrides or {}).items():
        _put(given, name.split("."), value)
    values = recipe_values(str(given.get("recipe", "blurlive")), str(given.get("stage", "base")))
    if given.get("init") and "model" not in given:
        values["model"] = architecture(str(given["init"])).as_dict()
    if given.get("init") and "licence" not in given:
        values["licence"] = licence(str(given["init"]))
    return _validated(_merged(values, given), str(file or "configuration"))


def stored_config(about: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """The configuration in a checkpoint's metadata, with the ``overrides`` that a run which goes on can take: the few
    that may change, and those that say what it says already."""
    values = json.loads(about["config"])
    config = _validated(values, "checkpoint")
    for name, value in (overrides or {}).items():
        _put(values, name.split("."), value)
        before, config = config, _validated(values, "checkpoint")
        if config != before and name not in FREE_TO_CHANGE | {"data.path", "data.workers"}:
            raise ConfigError(
                f"{name}: cannot change in a run that goes on; start a new one with --init instead of --resume"
            )
    return config


def as_values(config: TrainConfig) -> dict[str, Any]:
    """Plain JSON-ready values of a whole configuration."""
    values: dict[str, Any] = TypeAdapter(TrainConfig).dump_python(config, mode="json")
    return values


def to_toml(config: TrainConfig) -> str:
    """The whole configuration as TOML that :func:`read_config` takes."""
    return "\n".join(_toml(as_values(config), ()))


def _toml(values: Mapping[str, Any], above: tuple[str, ...]) -> list[str]:
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    rows = [f"{key} = {_toml_value(value)}" for key, value in values.items() if key not in tables]
    for key, table in tables.items():
        rows += ["", f"[{'.'.join((*above, key))}]", *_toml(table, (*above, key))]
    return rows


def _toml_value(value: Any) -> str:
    """As JSON writes it, but for two things: TOML has no surrogate pairs, and escapes DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _validated(values: dict[str, Any], where: str) -> TrainConfig:
    try:
        config: TrainConfig = TypeAdapter(TrainConfig).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {name}: {first['msg']}") from error
    _sensible(config, where)
    return config


def _sensible(config: TrainConfig, where: str) -> None:
    """Raise :class:`ConfigError` at values that are of the right type and yet impossible."""
    choices = {
        "stage": STAGES,
        "bf16": ("auto", "on", "off"),
        "frames_from": ("recovered", "sharp"),
        "data.kind": KINDS,
        "model.generator.channels": (1, 3),
        "model.generator.init": ("identity", "normal"),
    }
    values = as_values(config)
    for name, allowed in choices.items():
        value = _get(values, name)
        if value not in allowed:
            raise ConfigError(f"{where}: {name}: is {value!r}; use {', '.join(map(str, allowed))}")
    if config.data.size < 32 or config.data.size % 16:
        raise ConfigError(f"{where}: data.size: is {config.data.size}; use a multiple of 16 of at least 32")
    if config.data.context % 16:
        raise ConfigError(f"{where}: data.context: is {config.data.context}; use a multiple of 16")
    for name, least in LEAST.items():
        if _get(values, name) < least:
            raise ConfigError(f"{where}: {name}: is {_get(values, name)}; use {least} or more")
    for name, most in MOST.items():
        if _get(values, name) > most:
            raise ConfigError(f"{where}: {name}: is {_get(values, name)}; use {most} or less")
    for name, limit in BELOW.items():
        if _get(values, name) >= limit:
            raise ConfigError(f"{where}: {name}: is {_get(values, name)}; use less than {limit}")
    _sensible_scene(config, where)
    try:
        restorer_config(values["model"])
    except ValueError as error:
        raise ConfigError(f"{where}: model: {error}") from error
    unknown = set(config.losses) - set(STAGES[config.stage].terms)
    if unknown:
        has = ", ".join(STAGES[config.stage].terms)
        raise ConfigError(
            f"{where}: losses: no such term in stage {config.stage}: {', '.join(sorted(unknown))}; it has {has}"
        )
    if config.stage != "base" and not config.init:
        raise ConfigError(f"{where}: stage {config.stage} starts from the stage before it; give its run with --init")


def _sensible_scene(config: TrainConfig, where: str) -> None:
    scene = config.data.scene
    for name, odds in (("exposures", scene.exposures), ("objects", scene.objects)):
        if min(odds, default=-1) < 0 or abs(sum(odds) - 1) > 1e-8:
            raise ConfigError(f"{where}: data.scene.{name}: is {list(odds)}; use odds that add up to 1")
    if not 0 < scene.motion.shortest <= scene.motion.longest:
        raise ConfigError(f"{where}: data.scene.motion: use lengths so that 0 < shortest <= longest")
    if config.gamma <= 0:
        raise ConfigError(f"{where}: gamma: is {config.gamma}; use 1, the plain average, or 2.2")


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such configuration file; check its name") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML ({error}); correct it") from error


def _put(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{'.'.join(keys)}: {key} is a value, not a table; check the name")
    values[keys[-1]] = value


def _get(values: Mapping[str, Any], name: str) -> Any:
    for key in name.split("."):
        values = values[key]
    return values


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``, table by table."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
