"""examples/mean_weights.py: the mean of weights says what it is the mean of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from blurlive import weights

from .conftest import random_net

SCRIPT = Path(__file__).parents[1] / "examples/mean_weights.py"


def test_each_weight_is_the_mean_and_the_file_says_of_what(tmp_path: Path) -> None:
    one, other, mean = (tmp_path / f"{name}.safetensors" for name in ("one", "other", "mean"))
    for seed, file in enumerate((one, other)):
        weights.save(random_net(seed=seed), file, {"stage": file.stem}, torch.float32)
    subprocess.run([sys.executable, SCRIPT, one, other, "-o", mean], check=True)
    made, card = weights.load(mean)
    first, second = (random_net(seed=seed).state_dict() for seed in range(2))
    for name, value in made.state_dict().items():
        torch.testing.assert_close(value, (first[name] + second[name]) / 2, rtol=1e-3, atol=1e-3)  # fp16
    assert card.about == {"stage": "one", "mean_of": "one.safetensors, other.safetensors"}
