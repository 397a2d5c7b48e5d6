"""What a batch saves: `python benchmarks/batch.py [PHOTOS]` (default 20).

Small photos (640x360) to mp4, once in one command and once in a command each; prints seconds and their ratio.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

PHOTO = Path(__file__).parents[1] / "examples/photos/coffee.jpg"
SIZE = (640, 360)


def seconds(*commands: list[str]) -> float:
    start = time.perf_counter()
    for arguments in commands:
        subprocess.run([sys.executable, "-m", "blurlive", "extract", *arguments, "--overwrite", "-q"], check=True)
    return time.perf_counter() - start


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name:
        photos = [str(Path(name) / f"{i}.jpg") for i in range(count)]
        for i, file in enumerate(photos):
            Image.open(PHOTO).convert("RGB").rotate(i).resize(SIZE).save(file, quality=92)
        together = seconds(photos)
        apart = seconds(*([photo] for photo in photos))
    print(f"{count} photos of {SIZE[0]}x{SIZE[1]}: {together:.1f} s in one batch, {apart:.1f} s in single runs,")
    print(f"{apart / together:.1f} times as fast together")


if __name__ == "__main__":
    main()
