"""The command line in this process, with tiny weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from blurlive.cli import app

from ..conftest import random_photo


@dataclass
class Said:
    code: int
    out: bytes
    err: str


@pytest.fixture
def run(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Callable[..., Said]:
    """A command line in a fresh folder, in this process, with the tiny weights."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Said:
        command = ["blurlive", "extract", "--weights", str(tiny_weights), "--device", "cpu", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capfdbinary.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err.decode())

    return call


def save(file: Path, seed: int = 0) -> Path:
    Pillow.fromarray(random_photo(16, 24, seed)).save(file, "PNG")
    return file


def visible(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
