"""What the scripts that measure find where it is known, and what they do where there is nothing to measure."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch

from benchmarks.memory import peaks
from benchmarks.smoothness import steps
from benchmarks.ways import judged
from blurlive.extractor import Extractor

from .conftest import random_photo


@pytest.mark.parametrize(("command", "code"), [("import os; os.kill(os.getpid(), 9)", -9), ("raise SystemExit(3)", 3)])
def test_the_memory_of_a_command_that_fails_is_not_reported(command: str, code: int) -> None:
    with pytest.raises(SystemExit, match=f"ended with {code} "):
        peaks([sys.executable, "-c", command])


@pytest.mark.parametrize("far", [0.02, 0.1, 0.3, 1.5, -0.1])
def test_the_steps_of_slow_motion_are_measured_to_a_hundredth_of_a_pixel(far: float) -> None:
    noise = np.random.default_rng(0).normal(size=(128, 160, 3))
    waves = np.fft.rfft2(cv2.GaussianBlur(noise, (0, 0), 2.0), axes=(0, 1))
    shift = np.exp(-2j * np.pi * np.fft.rfftfreq(160) * far)[None, :, None]
    first, second = (np.fft.irfft2(w, axes=(0, 1)) for w in (waves, waves * shift))
    frames = [np.clip(128 + 300 * picture[:, 8:-8], 0, 255).round().astype(np.uint8) for picture in (first, second)]
    way = torch.zeros(1, 2, 128, 144)
    way[:, 0, 12:-12, 12:-12] = 4.0  # beyond, smoothing has seen the border
    assert steps(frames, way)[0] * 4 == pytest.approx(far, abs=0.01, rel=0.01)


def test_an_even_shift_is_affine_smooth_and_of_one_sense(extractor: Extractor) -> None:
    wide = cv2.GaussianBlur(random_photo(96, 200), (0, 0), 1.5)
    sharp = np.stack([wide[:, 2 * t : 2 * t + 160] for t in range(7)])
    blurred = sharp.mean(0).round().astype(np.uint8)
    beyond_affine, rough, against, line_error = judged(extractor, blurred, sharp)
    assert max(beyond_affine, rough, against) < 0.1
    assert line_error > 0.1  # a random director knows nothing
