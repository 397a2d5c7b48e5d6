"""Tiny clips, and methods to score on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image as Pillow
from typer.testing import CliRunner

from blurlive.cli.evaluate import evaluate
from blurlive.errors import BlurliveError
from blurlive.evaluation.clips import Clip, ClipSource
from blurlive.evaluation.frames import Image
from blurlive.evaluation.methods import trivial
from blurlive.evaluation.protocol import Row, Settings
from blurlive.evaluation.run import run

HEIGHT, WIDTH, STEP = 48, 64, 1


def sharp(seed: int = 0, frames: int = 7) -> Image:
    """A textured scene that moves ``STEP`` pixels to the left from frame to frame."""
    coarse = np.random.default_rng(seed).integers(0, 256, (HEIGHT // 8, WIDTH // 8 + 2, 3), dtype=np.uint8)
    wide = np.asarray(Pillow.fromarray(coarse).resize((WIDTH + 16, HEIGHT), Pillow.Resampling.BICUBIC))
    return np.stack([wide[:, STEP * t : STEP * t + WIDTH] for t in range(frames)])


def exposed(frames: Image, gamma: float = 2.2) -> Image:
    return (255 * np.mean((frames / 255) ** gamma, axis=0) ** (1 / gamma)).round().astype(np.uint8)


def a_clip(seed: int = 0, name: str = "a") -> Clip:
    return Clip(name, exposed(sharp(seed)), sharp(seed))


def save(frames: Image, folder: Path, first: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(frames):
        Pillow.fromarray(frame).save(folder / f"{first + i:02d}.png")


def save_clip(folder: Path, seed: int = 0) -> None:
    save(sharp(seed), folder / "sharp")
    Pillow.fromarray(exposed(sharp(seed))).save(folder / "blurred.png")


@dataclass
class Fake:
    """The truth, darkened by ``levels``, backwards for the clips in ``turned``; counts what it is asked for."""

    name: str = "fake"
    levels: int = 9
    turned: tuple[str, ...] = ()
    source: str = "a test"
    asked: list[str] = field(default_factory=list)

    def predict(self, clip: Clip) -> Image:
        self.asked.append(clip.name)
        frames = np.maximum(clip.sharp, self.levels) - self.levels
        return frames[::-1] if clip.name in self.turned else frames


def rows_of(*methods: Any, clips: int = 3) -> list[Row]:
    sources = [ClipSource(f"c{i}", "g", lambda i=i: a_clip(i, f"c{i}")) for i in range(clips)]
    outcomes = run(sources, [*trivial(), *methods], Settings())
    return [row for outcome in outcomes for row in outcome.rows]


def command(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr (the error's message included) of ``blurlive evaluate``."""
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, BlurliveError):
        return result.exception.exit_code, result.stdout, result.stderr + str(result.exception)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for i in range(3):
        save_clip(tmp_path / f"data/clip_{i}", i)
        save(np.maximum(sharp(i), 20) - 20, tmp_path / f"theirs/clip_{i}")
    return tmp_path / "data"


def scored(data: Path, *more: object) -> tuple[int, str, str]:
    theirs = f"theirs={data.parent / 'theirs'}"
    return command("--data", data, "--weights", "none", "--pred", theirs, "--json", data.parent / "out.json", *more)
