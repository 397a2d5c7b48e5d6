"""What a stage starts from: the run of the stage before it, or a weights file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from .. import weights
from ..errors import ConfigError, DataError
from ..models.restorer import Restorer, RestorerConfig, restorer_config
from . import checkpoint


def architecture(address: str) -> RestorerConfig:
    """Sizes of the network that ``address`` (a run's folder, or weights by name, path or ``hf://``) holds."""
    folder = Path(address)
    if not folder.is_dir():
        return weights.read_card(weights.find(address)).config
    if not (folder / checkpoint.NAME).is_file():
        return weights.read_card(_exported(folder)).config
    try:
        return restorer_config(json.loads(checkpoint.read_about(folder)["config"])["model"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{folder / checkpoint.NAME}: is damaged ({error!r}); give another run to --init") from error


def licence(address: str) -> str:
    """What ``address`` is under, as it says itself; nothing if it says none."""
    folder = Path(address)
    if (folder / checkpoint.NAME).is_file():
        return str(json.loads(checkpoint.read_about(folder)["config"]).get("licence", ""))
    file = _exported(folder) if folder.is_dir() else weights.find(address)
    return str(weights.read_card(file).about.get("licence") or "")


def initial(address: str, wanted: RestorerConfig | None = None) -> Restorer:
    """The network at ``address``, in fp32: a run's averaged (EMA) weights from its last checkpoint, or a weights file;
    :func:`widened` to the sizes that are ``wanted`` if it can be.

    Raises :class:`ConfigError` if a folder holds neither, :class:`WeightsError` or :class:`DataError` if one is
    damaged.
    """
    net = _found(address)
    return widened(net, wanted) if wanted and _narrower(net.config, wanted) else net


def widened(net: Restorer, sizes: RestorerConfig) -> Restorer:
    """The same function with networks as wide, and a director as deep, as ``sizes`` says: what is new is heard by
    nobody at first (Net2Net, Chen et al. 2016), and learns from there."""
    wide, stored = Restorer(sizes), net.state_dict()
    with torch.no_grad():
        for name, value in wide.state_dict().items():
            if name not in stored:
                continue  # what a director sees or adds, which starts at nothing
            if value.ndim == 4:
                value[:, stored[name].shape[1] :] = 0
            value[tuple(slice(side) for side in stored[name].shape)] = stored[name]
    return wide


def _narrower(have: RestorerConfig, wanted: RestorerConfig) -> bool:
    """Whether networks differ by nothing but sizes that are to be larger."""
    large = replace(have.generator, widths=wanted.generator.widths, inner=wanted.generator.inner)
    same = replace(have, generator=large, director=wanted.director) == wanted
    return same and have != wanted and all(old <= new for old, new in zip(_sizes(have), _sizes(wanted), strict=True))


def _sizes(config: RestorerConfig) -> tuple[int, ...]:
    generator, director = config.generator, config.director
    seen = director.pixels or (0, 0, 0)
    return *generator.widths, *generator.inner_widths, director.width, director.depth, *seen


def _found(address: str) -> Restorer:
    folder = Path(address)
    if not folder.is_dir():
        return weights.load(address)[0]
    if not (folder / checkpoint.NAME).is_file():
        return weights.load(_exported(folder))[0]
    net = Restorer(architecture(address))
    checkpoint.load(folder, {"ema": net}, {})
    return net


def _exported(folder: Path) -> Path:
    file = folder / weights.EXPORTED
    if not file.is_file():
        raise ConfigError(
            f"{folder}: neither {checkpoint.NAME} nor {file.name} in it; give the folder of a run to --init"
        )
    return file
