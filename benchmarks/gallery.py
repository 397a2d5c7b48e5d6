"""One of each kind of blur, and what the weights make of it: `python benchmarks/gallery.py -o docs/gallery.jpg`.

Scenes are synthesised (blurlive/data) from scikit-image's CC0 and public domain photos, which were never trained on.
Every row has the mean PSNR of seven frames, better of two orders, of the blurred photo repeated and of the frames.
Needs '.[dev]'.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import skimage
import torch
from PIL import Image, ImageDraw, ImageFont

from blurlive.data.camera import Camera
from blurlive.data.disk import SILENT
from blurlive.data.motion import MotionRange
from blurlive.data.photos import PhotoBank
from blurlive.data.synthesis import SceneSpec, Sequence, synthesize
from blurlive.extractor import Extractor
from blurlive.metrics import frame_psnr, mean_psnr

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
SIDE, SHOWN, LABEL, GAP = 320, 200, 40, 4


@dataclass(frozen=True)
class Case:
    """A kind of blur: its motion in pixels, what else differs, and which draw of it is shown."""

    name: str
    length: float
    seed: int = 1
    camera: Camera = SILENT
    motion: dict[str, float] = field(default_factory=dict)
    objects: tuple[float, ...] = (1.0,)
    photo: str = "coffee.png"

    def spec(self) -> SceneSpec:
        motion = MotionRange(
            shortest=self.length, longest=self.length, **{"still": 0.0, "swinging": 0.0, **self.motion}
        )
        return SceneSpec(
            motion, self.camera, self.objects, parallax=0, exposures=(1, 0, 0), plain=0, half=0, faint=0, bending=0
        )


CASES = (
    Case("sharp", 1.0, motion={"still": 1.0}),
    Case("faint, 1 px", 1.0),
    Case("shake, 5 px", 5.0, photo="chelsea.png"),
    Case("shake, 12 px", 12.0, photo="astronaut.png"),
    Case("long, 30 px", 30.0),
    Case("rotation", 6.0, motion={"rotation": 4.0}, photo="astronaut.png"),
    Case("zoom", 6.0, motion={"zoom": 4.0}),
    Case("moving thing, still background", 10.0, motion={"still": 1.0}, objects=(0.0, 1.0), photo="chelsea.png"),
    Case("night, lamps", 8.0, camera=replace(SILENT, lights=1.0), photo="rocket.jpg"),
    Case("noise", 8.0, camera=replace(SILENT, noise=1.0, strong_noise=1.0), photo="astronaut.png"),
    Case("JPEG", 8.0, camera=replace(SILENT, jpeg=1.0)),
    Case("grey", 8.0, camera=replace(SILENT, grey=1.0), photo="chelsea.png"),
)


def scene(case: Case) -> Sequence:
    """The case's blurred photo and true frames, from its one photo."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(Path(skimage.__file__).parent / "data" / case.photo, folder)
        return synthesize(np.random.default_rng(case.seed), PhotoBank(Path(folder)), SIDE, case.spec())


def score(frames: np.ndarray, truth: np.ndarray) -> float:
    """PSNR in dB of seven frames ``(7, H, W, 3)``, better of two orders."""
    orders = (torch.from_numpy(f.copy()).permute(0, 3, 1, 2) for f in (frames, frames[::-1]))
    return max(mean_psnr(frame_psnr(f, torch.from_numpy(truth).permute(0, 3, 1, 2))) for f in orders)


def row(case: Case, extractor: Extractor) -> Image.Image:
    """Blurred photo, frames 1, 4 and 7 and the true 4th, under a line of text."""
    sequence = scene(case)
    frames = extractor.extract(sequence.blurred)
    before = score(np.repeat(sequence.blurred[None], 7, 0), sequence.sharp)
    after = score(frames, sequence.sharp)
    text = f"{case.name}: blurred {before:.1f} dB, blurlive {after:.1f} dB"
    print(text, flush=True)
    corner = (SIDE - SHOWN) // 2
    pictures = [sequence.blurred, frames[0], frames[3], frames[6], sequence.sharp[3]]
    strip = Image.new("RGB", (len(pictures) * (SHOWN + GAP) - GAP, SHOWN + LABEL), "white")
    ImageDraw.Draw(strip).text((2, 8), text, "black", ImageFont.load_default(20))
    for place, picture in enumerate(pictures):
        crop = np.ascontiguousarray(picture[corner : corner + SHOWN, corner : corner + SHOWN])
        strip.paste(Image.fromarray(crop), (place * (SHOWN + GAP), LABEL))
    return strip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("gallery.jpg"))
    parser.add_argument("--weights")
    options = parser.parse_args()
    extractor = Extractor(options.weights, dtype="fp32")
    rows = [row(case, extractor) for case in CASES]
    sheet = Image.new("RGB", (rows[0].width, sum(r.height for r in rows)), "white")
    for place, strip in enumerate(rows):
        sheet.paste(strip, (0, place * strip.height))
    sheet.save(options.output, quality=85)


if __name__ == "__main__":
    main()
