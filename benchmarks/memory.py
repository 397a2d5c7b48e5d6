"""Peak memory of `blurlive extract` by photo size: `python benchmarks/memory.py [MEGAPIXELS ...] [--dtype fp32]`
(default 1 12 48, and what --dtype auto takes).

Each photo is made here (noise over a gradient, JPEG), extracted to mp4 in a process of its own; reported are the peak
of that process, of its encoder (ffmpeg), which works after the network has finished, of both at one time, and the wall
time; at last what a megapixel more costs, between the smallest photo and the largest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def photo(file: Path, megapixels: float) -> tuple[int, int]:
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(file, quality=92)
    return width, height


def peaks(command: list[str]) -> tuple[float, float, float]:
    """Peak resident GiB of a command, of the largest process that it started, and of all at one time, sampled from
    /proc (Linux). A command that fails, or that the kernel kills where memory ends, has no peak: that ends all."""
    process = subprocess.Popen(command)
    pid = process.pid
    own = child = together = 0
    while process.poll() is None:
        kids = [int(kid) for task in Path(f"/proc/{pid}/task").glob("*/children") for kid in read(task).split()]
        own = max(own, kib(pid, "VmHWM"))
        child = max([child, *(kib(kid, "VmHWM") for kid in kids)])
        together = max(together, sum(kib(one, "VmRSS") for one in (pid, *kids)))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode} (-9: killed, memory may be too small)")
    return own / 2**20, child / 2**20, together / 2**20


def kib(pid: int, name: str) -> int:
    """A row of the kernel's account of a process: ``VmHWM``, the most that it held, ``VmRSS``, what it holds."""
    rows = [row for row in read(Path(f"/proc/{pid}/status")).splitlines() if row.startswith(name)]
    return int(rows[0].split()[1]) if rows else 0


def read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""  # the process ended meanwhile


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory by photo size.")
    parser.add_argument("megapixels", type=float, nargs="*", default=[1.0, 12.0, 48.0])
    parser.add_argument("--dtype", default="auto")
    given, found = parser.parse_args(), {}
    for megapixels in given.megapixels:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "photo.jpg"
            width, height = photo(source, megapixels)
            target = str(Path(folder) / "clip.mp4")
            command = ["blurlive", "extract", str(source), "-o", target, "-q", "--dtype", given.dtype]
            start = time.perf_counter()
            own, child, together = peaks([sys.executable, "-m", *command])
            seconds = time.perf_counter() - start
        found[megapixels] = own
        print(
            f"{megapixels:5.0f} MP ({width}x{height}): {own:.2f} GiB, encoder {child:.2f} GiB, "
            f"most at one time {together:.2f} GiB, {seconds:.0f} s",
            flush=True,
        )
    small, large = min(found), max(found)
    if small < large:
        print(f"a megapixel more: {1024 * (found[large] - found[small]) / (large - small):.0f} MiB")


if __name__ == "__main__":
    main()
