"""Checkpoints: everything a run needs to go on as if it had never stopped, in one safetensors file, replaced whole.

Tensors are named ``model.*``, ``ema.*`` and ``optim.<name>.<parameter>.<entry>``; the metadata holds the step and the
configuration as JSON. No loader state: batches are functions of (seed, step, rank).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import DataError, OutputError, reason
from ..files import replaced_whole

NAME = "checkpoint.safetensors"
REMEDY = "the last checkpoint is kept: start anew with --init and lower learning rates (--set optim.adamw=...)"
"""For a run that its numbers ended."""


def save(
    folder: Path, nets: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], about: dict[str, str]
) -> None:
    """Write ``folder/checkpoint.safetensors`` whole or not at all. ``about`` holds strings (JSON where they are
    more). Raises :class:`OutputError` if the disk refuses, :class:`DataError` if a number is not finite: the one before
    is worth more."""
    tensors = {f"{name}.{key}": value for name, net in nets.items() for key, value in net.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, entries in optimizer.state_dict()["state"].items():
            tensors |= {f"optim.{name}.{index}.{key}": value for key, value in entries.items()}
    bad = next((name for name, value in tensors.items() if not torch.isfinite(value).all()), None)
    if bad is not None:
        raise DataError(f"{folder}: {bad} is not finite; {REMEDY}")
    write_whole(folder / NAME, tensors, about)


def write_whole(file: Path, tensors: Mapping[str, Tensor], about: dict[str, str]) -> None:
    """Save tensors and metadata, whole or not at all. Raises :class:`OutputError` if the disk refuses."""
    with on_disk(file.parent), replaced_whole(file) as part:
        save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, part, about)


@contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    """Tell of a disk that refuses what is written into a run's folder as :class:`OutputError`, and what is kept."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{folder}: cannot be written ({reason(error)}); see to that; {kept(folder)}") from error


def load(folder: Path, nets: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> dict[str, str]:
    """Put a checkpoint back into nets and optimisers made by the same configuration; returns its ``about``."""
    file = folder / NAME
    try:
        with safe_open(file, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a mapping
            about = _about(stored.metadata(), file)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{file}: cannot be read ({error}); give the folder of a run that saved a checkpoint"
        ) from error
    try:
        for name, net in nets.items():
            net.load_state_dict(_under(tensors, f"{name}."))
        for name, optimizer in optimizers.items():
            _restore(optimizer, _under(tensors, f"optim.{name}."))
    except (RuntimeError, ValueError, KeyError) as error:
        raise DataError(
            f"{file}: does not fit this run's networks ({reason(error)}); go on with the settings it began with"
        ) from error
    return about


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _restore(optimizer: Optimizer, flat: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, entry = name.split(".", 1)
        state.setdefault(int(index), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def read_about(folder: Path) -> dict[str, str]:
    """The metadata of a run's checkpoint alone."""
    file = folder / NAME
    try:
        with safe_open(file, framework="pt") as stored:
            return _about(stored.metadata(), file)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{file}: cannot be read ({error}); give the folder of a run that saved a checkpoint"
        ) from error


def _about(metadata: dict[str, str] | None, file: Path) -> dict[str, str]:
    if not metadata or not {"step", "config"} <= metadata.keys() or not _sound(metadata):
        raise DataError(f"{file}: is no checkpoint of a run; give the folder of a run that saved one")
    return metadata


def _sound(metadata: Mapping[str, str]) -> bool:
    """Whether what a run notes is JSON of the kind that it writes: nothing in the file guards it against damage."""
    kinds = {"step": int, "config": dict, "world": int, "used": dict}
    try:
        return all(isinstance(json.loads(metadata[name]), kinds[name]) for name in kinds if name in metadata)
    except ValueError:
        return False


def kept(folder: Path) -> str:
    """What is left of a run that ended before its last step, and the command that goes on from there: for messages."""
    try:
        about = read_about(folder)
    except DataError:
        return "no checkpoint to go on from (one is due every save_minutes)"
    return f"step {step_of(about)} is kept, go on with: {resuming(folder, about)}"


def step_of(about: Mapping[str, str]) -> int:
    return int(json.loads(about["step"]))


def world_of(about: Mapping[str, str]) -> int:
    """How many processes trained together; 1 in checkpoints that do not say."""
    return int(json.loads(about.get("world", "1")))


def resuming(folder: Path, about: Mapping[str, str]) -> str:
    """The command that goes on with a run, in as many processes as it had (on one machine, however many it had)."""
    world = world_of(about)
    start = "blurlive" if world == 1 else f"torchrun --nproc-per-node {world} -m blurlive"
    return f"{start} train --resume --out {shlex.quote(str(folder))}"


def copy_into(target: nn.Module, source: nn.Module, keep: float) -> None:
    """Move ``target`` towards ``source``: an exponential moving average that keeps ``keep`` of itself."""
    with torch.no_grad():
        for mean, value in zip(target.state_dict().values(), source.state_dict().values(), strict=True):
            mean.lerp_(value, 1 - keep) if mean.is_floating_point() else mean.copy_(value)
