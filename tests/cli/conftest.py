"""The command line as a user meets it: a process, its files, its streams and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

from ..conftest import random_photo

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "HF_HUB_OFFLINE": "1"}


def blurlive(*arguments: object, cwd: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "blurlive", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=ENV,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def run(tmp_path: Path, tiny_weights: Path):
    """Run a command in a fresh folder with the tiny weights; checks that no traceback is ever shown."""

    def call(command: str, *arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
        done = blurlive(command, *arguments, "--weights", tiny_weights, cwd=tmp_path, stdin=stdin)
        assert "Traceback" not in done.stderr
        return done

    return call


def save_photo(file: Path, height: int = 40, width: int = 56, seed: int = 0) -> Path:
    Pillow.fromarray(random_photo(height, width, seed)).save(file)
    return file


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]
