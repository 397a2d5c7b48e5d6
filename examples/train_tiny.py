"""All three stages on two cores in a minute or two, on photos that this script makes itself.

    python examples/train_tiny.py [FOLDER] [--steps 60]

The network is far too small and far too briefly trained to be of use; what to look at is the shape of a run:
``FOLDER/base/metrics.jsonl``, ``curves.png``, ``samples.png``, ``weights.safetensors``. With real photos the same is

    blurlive train --stage base  --data photos --out runs/base
    blurlive train --stage gram  --data photos --out runs/gram  --init runs/base
    blurlive train --stage hepta --data photos --out runs/hepta --init runs/gram
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from blurlive.data.dataset import make_batch
from blurlive.data.source import open_source
from blurlive.training.config import read_config
from blurlive.training.loop import train
from blurlive.training.run import Run

SETTINGS = Path(__file__).with_name("tiny.toml")


def main() -> None:
    """Make photos, train the stages one after the other, print how the losses went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/tiny"))
    parser.add_argument("--steps", type=int, default=60, help="of each stage")
    options = parser.parse_args()
    torch.set_num_threads(1)  # networks this small only wait for each other in threads
    make_photos(options.folder / "photos")
    for stage, losses in run(options.folder, options.steps).items():
        print(f"{stage:6s}", "  ".join(f"{name} {first:.4f} -> {last:.4f}" for name, (first, last) in losses.items()))


def run(folder: Path, steps: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Each stage starts from the one before. Returns each loss term by stage, before and after, on the same clips."""
    went, before = {}, {}
    for stage in ("base", "gram", "hepta"):
        values = {"stage": stage, "data.path": str(folder / "photos"), "steps": steps, **before}
        config, place = read_config(SETTINGS, values), folder / stage
        clips = make_batch(open_source(config.data.path, config.data.scene), config.data.size, 32, (2**31,))
        first = Run(config, place).measure(clips)
        for report in train(config, place):
            print(stage, f"{report.step}/{steps}", flush=True)
        trained = Run(config, place, fresh=False)
        trained.resume()
        went[stage] = {name: (first[name], last) for name, last in trained.measure(clips).items()}
        before = {"init": str(place)}
    return went


def make_photos(folder: Path, count: int = 12) -> None:
    """Pictures with edges and texture: overlapping soft-coloured discs and bars on a gradient."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:200, :240].astype(np.float64)
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = rng.uniform(60, 190, 3) + rng.uniform(-0.3, 0.3) * (x + y)[..., None]
        for _ in range(40):
            inside = _shape(rng, x, y)[..., None]
            picture = picture * (1 - inside) + rng.uniform(0, 255, 3) * inside
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02d}.png")


def _shape(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Opacity of a disc or a bar with an edge one pixel soft."""
    dx, dy = x - rng.uniform(0, 240), y - rng.uniform(0, 200)
    angle = rng.uniform(0, np.pi)
    across = np.abs(np.cos(angle) * dx + np.sin(angle) * dy)
    distance = np.hypot(dx, dy) if rng.random() < 0.5 else across + 0.05 * np.hypot(dx, dy)
    return np.clip(rng.uniform(3, 20) - distance, 0, 1)


if __name__ == "__main__":
    main()
