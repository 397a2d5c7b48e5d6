"""Runs small enough for a test."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from blurlive.training import checkpoint, journal
from blurlive.training.config import TrainConfig, read_config
from blurlive.training.loop import train

ROOT = Path(__file__).parents[2]
TINY = ROOT / "examples" / "tiny.toml"
SMALL: dict[str, Any] = {
    "steps": 4,
    "log_every": 2,
    "validate_every": 2,
    "save_minutes": 0,
    "data.batch": 2,
    "data.size": 32,
    "data.validation": 8,
    "model.generator.widths": [8, 8, 8, 8],
    "model.director.width": 8,
}


@pytest.fixture(autouse=True)
def subnormal_numbers() -> Iterator[None]:
    """Training flushes them in the whole process; hypothesis draws no numbers in one that does."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_tiny", ROOT / "examples" / "train_tiny.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, example: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    example.make_photos(folder, 6)
    return folder


def small(photos: Path, **more: Any) -> TrainConfig:
    names = {name.replace("__", "."): value for name, value in more.items()}
    return read_config(TINY, {**SMALL, "data.path": str(photos), **names})


def finish(config: TrainConfig, folder: Path, resume: bool = False) -> list[journal.Report]:
    return list(train(config, folder, resume))


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / checkpoint.NAME)
