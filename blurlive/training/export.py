"""From a run's checkpoint to one weights file that describes itself and that ``extract --weights`` takes at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import weights
from .._version import __version__
from ..models.restorer import Restorer
from . import checkpoint
from .config import TrainConfig, stored_config
from .initial import initial


def export(folder: Path, file: Path | None = None, licence: str | None = None) -> Path:
    """Write the averaged weights of the run in ``folder`` to ``file`` (``folder/weights.safetensors``), whole or not
    at all; under ``licence``, if it is to be another than the run's.

    Raises :class:`DataError` if there is no checkpoint, :class:`OutputError` if the file cannot be written.
    """
    about = checkpoint.read_about(folder)
    config = stored_config(about, {} if licence is None else {"licence": licence})
    net: Restorer = initial(str(folder))
    target = file or folder / weights.EXPORTED
    weights.save(net, target, describe(config, checkpoint.step_of(about), about))
    return target


def describe(config: TrainConfig, step: int, about: dict[str, str]) -> dict[str, Any]:
    """What the weights file says of how it was made. Of the data only the folder's name: a path is nobody's
    business."""
    world = int(json.loads(about.get("world", "1")))
    return {
        "title": f"{config.stage} stage of the {config.recipe} recipe",
        "stage": config.stage,
        "recipe": config.recipe,
        "steps": step,
        "images": step * config.data.batch * world,
        "data": config.data.path.name,
        **({"licence": config.licence} if config.licence else {}),
        "seed": config.seed,
        "init": Path(config.init).name,
        "losses": config.losses,
        "blurlive": __version__,
        **json.loads(about.get("used", "{}")),
    }
