"""What a batch saves: `python benchmarks/batch.py [PHOTOS]` (default 20).

Small photos (640x360) to mp4, once in one command and once in a command each; prints seconds and their ratio. Then how
far the steps of the batch overlap: the seconds that they took, added up, beside those that passed after start-up, which
is what the single runs took beyond their steps.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

PHOTO = Path(__file__).parents[1] / "examples/photos/coffee.jpg"
SIZE = (640, 360)


def run(photos: list[str]) -> tuple[float, Counter[str]]:
    """Seconds that one command took, and those of its steps, over all photos."""
    command = [sys.executable, "-m", "blurlive", "extract", *photos, "--overwrite", "--json", "-q"]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    steps: Counter[str] = Counter()
    for line in done.stdout.splitlines():
        steps.update(json.loads(line)["seconds"])
    return time.perf_counter() - start, steps


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name:
        photos = [str(Path(name) / f"{i}.jpg") for i in range(count)]
        for i, file in enumerate(photos):
            Image.open(PHOTO).convert("RGB").rotate(i).resize(SIZE).save(file, quality=92)
        together, steps = run(photos)
        singles = [run([photo]) for photo in photos]
    apart = sum(taken for taken, _ in singles)
    start_up = sum(taken - each.total() for taken, each in singles) / count
    print(f"{count} photos of {SIZE[0]}x{SIZE[1]}: {together:.1f} s in one batch, {apart:.1f} s in single runs,")
    print(f"{apart / together:.1f} times as fast together")
    listed = ", ".join(f"{step} {taken:.1f} s" for step, taken in steps.items())
    print(f"steps of the batch: {listed}; {steps.total():.1f} s of them in {together - start_up:.1f} s after start-up")


if __name__ == "__main__":
    main()
