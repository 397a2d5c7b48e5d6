"""Speed and memory of this machine, all of it: `python -m benchmarks [--megapixels 1 12 48] [--photos 20]`.

Start-up, decode, network, encode, and the network's share of the machine's own convolution throughput (speed.py);
memory by megapixel (memory.py); what a batch saves and how far its steps overlap (batch.py). Takes some ten minutes on
two cores, with `--megapixels 1 2 --photos 3` a few. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and memory of this machine.")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1.0, 12.0, 48.0], help="for memory.py")
    parser.add_argument("--photos", type=int, default=20, help="for batch.py")
    given = parser.parse_args()
    heading("blurlive info")
    subprocess.run([sys.executable, "-m", "blurlive", "info"], check=True)
    benchmark("speed.py")
    benchmark("memory.py", *map(str, given.megapixels))
    benchmark("batch.py", str(given.photos))


def benchmark(name: str, *arguments: str) -> None:
    """Run one in a process of its own, where the memory of no other is counted."""
    heading(" ".join(["python", f"benchmarks/{name}", *arguments]))
    subprocess.run([sys.executable, str(HERE / name), *arguments], check=True)


def heading(command: str) -> None:
    print(f"\n$ {command}", flush=True)


if __name__ == "__main__":
    main()
