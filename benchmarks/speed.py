"""Where the time of `blurlive extract` goes: `python benchmarks/speed.py [PHOTO]`.

Prints, for a 640x360 photo to mp4 in a whole process: start-up, decode, network, encode; then the network's time as a
multiple of what this machine's own convolution throughput allows for its FLOPs (measured in the same run), in each
number format.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from blurlive.extractor import Extractor

PHOTO = Path(__file__).parents[1] / "examples/photos/coffee.jpg"
SIZE = (640, 360)
RUNS = 5
ROUNDS = 9


def whole_process(photo: Path, folder: Path) -> dict[str, float]:
    """Seconds of one run of the command, from the shell's point of view."""
    command = [
        sys.executable,
        "-m",
        "blurlive",
        "extract",
        str(photo),
        "-o",
        str(folder / "clip.mp4"),
        "--overwrite",
        "--json",
    ]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    total = time.perf_counter() - start
    seconds = dict(json.loads(done.stdout)["seconds"])
    return {"total": total, "start-up": total - sum(seconds.values()), **seconds}


def seconds(step: Callable[[], object], times: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


CONVOLUTION = 2 * 64 * 64 * 9 * 180 * 320
"""FLOPs of :func:`bare_convolution`."""


def bare_convolution(dtype: torch.dtype) -> Callable[[], object]:
    """A 3x3 convolution as this machine runs it best: 64 to 64 channels, channels last."""
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
    x = torch.randn(1, 64, 180, 320, dtype=dtype).contiguous(memory_format=torch.channels_last)
    return lambda: conv(x)


@torch.inference_mode()
def race(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, in turns, so that a machine that slows down slows both."""
    seconds(ours), seconds(bare)
    rounds = [(seconds(ours), seconds(bare, 10)) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in rounds), statistics.median(b for _, b in rounds)


@torch.inference_mode()
def flops_of(extractor: Extractor, photo: np.ndarray) -> int:
    with FlopCounterMode(display=False) as counter:
        extractor.extract(photo)
    return int(counter.get_total_flops())


def main() -> None:
    photo = Image.open(sys.argv[1] if len(sys.argv) > 1 else PHOTO).convert("RGB").resize(SIZE)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "photo.png"
        photo.save(file)
        runs = [whole_process(file, Path(name)) for _ in range(RUNS)]
    print(f"whole process, median of {RUNS}, {SIZE[0]}x{SIZE[1]}, {torch.get_num_threads()} threads")
    for part in runs[0]:
        print(f"  {part:9} {statistics.median(run[part] for run in runs):6.2f} s")
    pixels = np.asarray(photo)
    for dtype in ("fp32", "bf16"):
        extractor = Extractor(device="cpu", dtype=dtype)
        work = flops_of(extractor, pixels)
        taken, bare = race(partial(extractor.extract, pixels), bare_convolution(extractor.dtype))
        possible = work * bare / CONVOLUTION
        print(
            f"network {dtype}: {taken:.3f} s for {work / 1e9:.1f} GFLOP, "
            f"{taken / possible:.2f} x what convolutions allow ({possible / taken:.0%} of this machine's throughput)"
        )


if __name__ == "__main__":
    main()
