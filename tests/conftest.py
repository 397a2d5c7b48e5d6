"""Shared: tiny random networks and small photos, so that no test needs trained weights or much time."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from blurlive import weights
from blurlive.extractor import Extractor
from blurlive.models.director import DirectorConfig
from blurlive.models.generator import GeneratorConfig
from blurlive.models.restorer import Restorer, RestorerConfig

TINY = RestorerConfig(GeneratorConfig(widths=(8, 8, 8, 8)), DirectorConfig(width=8))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Networks this small only wait for each other in threads; tests run two at a time instead."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C, and so would be what tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws from torch does not depend on the tests before it."""
    torch.manual_seed(0)


def random_net(config: RestorerConfig = TINY, seed: int = 0) -> Restorer:
    """A network whose every weight is random, so that no path through it is switched off."""
    generator = torch.Generator().manual_seed(seed)
    net = Restorer(config)
    with torch.no_grad():
        for parameter in net.parameters():
            fan_in = max(1, parameter[0].numel())
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (0.7 / fan_in**0.5))
        if net.director is not None and net.director.head.bias is not None:
            net.director.head.bias[2] += 1  # a length below 0 would be no motion
    return net


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    weights.save(random_net(), file, {"stage": "none", "title": "random, for tests"}, torch.float32)
    return file


@pytest.fixture(scope="session")
def extractor(tiny_weights: Path) -> Extractor:
    return Extractor(tiny_weights, device="cpu", dtype="fp32")


def random_photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A photo ``(H, W, 3)`` with structure at several scales."""
    rng = np.random.default_rng(seed)
    coarse = Pillow.fromarray(rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), np.uint8))
    return np.asarray(coarse.resize((width, height), Pillow.Resampling.BICUBIC))


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    Pillow.fromarray(random_photo(40, 56)).save(file)
    return file


def lpips_file(file: Path) -> Path:
    """Random weights of the right names and shapes for LPIPS."""
    torch.manual_seed(0)
    sizes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    weights = {f"features.{i}.weight": torch.randn(o, n, k, k) / 30 for i, (o, n, k) in sizes.items()}
    weights |= {f"features.{i}.bias": torch.randn(o) / 10 for i, (o, _, _) in sizes.items()}
    weights |= {f"lin{j}.model.1.weight": torch.rand(1, o, 1, 1) for j, (o, _, _) in enumerate(sizes.values())}
    save_file(weights, file)
    return file
