"""How fast training on a CPU is: a step against the machine's own convolutions, and the loader with and without a step
beside it.

    python benchmarks/training.py PHOTOS [--steps 10] [--batch 8] [--size 128] [--workers 1] [--threads N]

*Share* is the step's arithmetic (three times the forward pass of generator and director) per second, over what a bare
3x3 convolution of 128 channels reaches forward and backward on the same machine, in the same number format, in turns.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from blurlive.data.dataset import Batch
from blurlive.data.source import open_source
from blurlive.training.config import TrainConfig, read_config
from blurlive.training.run import Run


def main() -> None:
    """Print one line a figure."""
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    sizes = {"data.batch": options.batch, "data.size": options.size, "data.workers": options.workers}
    config = read_config(None, {**sizes, "data.path": str(options.photos), "device": "cpu"})
    run, source = Run(config, Path("unused")), open_source(config.data.path, config.data.scene)
    batches = run.batches(source, workers=0)
    batch = next(batches)
    step, bare = race(lambda: run.advance(batch), convolution(run.nets.bf16), options.steps)
    needed, done = flops(run, batch), CONVOLUTION
    print(
        f"step           {options.batch / step:8.1f} images/s at {options.size}x{options.size}, batch {options.batch}"
    )
    print(f"arithmetic     {needed / step / 1e9:8.1f} GFLOP/s in {'bf16' if run.nets.bf16 else 'fp32'}")
    print(f"convolution    {done / bare / 1e9:8.1f} GFLOP/s, {torch.get_num_threads()} threads")
    print(f"share          {needed / step / (done / bare) * 100:8.1f} %")
    print(f"loader alone   {rate(batches, options.steps, config):8.1f} images/s in this process")
    beside = run.batches(source)
    print(f"both           {rate(beside, options.steps, config, run):8.1f} images/s with {options.workers} worker(s)")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    for name, value in (("steps", 10), ("batch", 8), ("size", 128), ("workers", 1), ("threads", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


CHANNELS, SIDE, COUNT = 128, 64, 8
CONVOLUTION = 3 * 2 * COUNT * SIDE**2 * CHANNELS**2 * 9
"""Multiplications and additions of one convolution forward and backward."""


def convolution(bf16: bool) -> Callable[[], object]:
    """A bare 3x3 convolution, forward and backward, channels last."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    layer = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
    pictures = torch.randn(COUNT, CHANNELS, SIDE, SIDE, dtype=dtype).to(memory_format=torch.channels_last)
    pictures.requires_grad_()

    def once() -> None:
        answer = layer(pictures)
        answer.backward(torch.ones_like(answer))

    return once


def race(a: Callable[[], object], b: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds of each: the best of rounds in which they take turns, after one to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for call, taken in zip((a, b), times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return min(times[0][1:]), min(times[1][1:])


def flops(run: Run, batch: Batch) -> float:
    """Multiplications and additions of a step: the convolutions of the forward pass, three times (Muon left out)."""
    blurred = batch.blurred.float() / 255
    field = torch.zeros(len(blurred), 2, blurred.shape[2] // 16, blurred.shape[3] // 16)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run.nets.generate(blurred, field)
        run.nets.lines(blurred)
    return 3.0 * counter.get_total_flops()


def rate(batches: object, steps: int, config: TrainConfig, run: Run | None = None) -> float:
    """Images a second that come out of the loader, with a training step on each if there is a run."""
    stream = iter(batches)  # type: ignore[call-overload]
    next(stream)
    start = time.perf_counter()
    for batch in itertools.islice(stream, steps):
        if run is not None:
            run.advance(batch)
    return steps * config.data.batch / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
