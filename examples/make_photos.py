"""Make the example photos: `python examples/make_photos.py` (needs `pip install -e '.[dev]'`).

* ``coffee.jpg``: a blurred photo whose blur is **synthesised** from scikit-image's sharp ``coffee`` (Rachel Michetti,
  CC0): a curved hand shake of 8 pixels with a little rotation, averaged over 73 instants in linear light.
* ``clock.png``: a **really** blurred photo, scikit-image's ``clock_motion`` (Stefan van der Walt, CC0), as it is.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import skimage

from blurlive.data.camera import Exposure
from blurlive.data.disk import SILENT
from blurlive.data.motion import MotionRange, camera

HERE = Path(__file__).parent / "photos"
SOURCE = Path(skimage.__file__).parent / "data"
SHAKE = MotionRange(even=0, swinging=0, turning=0, tilt=0)


def blurred(sharp: np.ndarray, length: float = 8.0, seed: int = 9) -> np.ndarray:
    """Expose a sharp photo ``(H, W, 3)`` while the camera moves; the border that moved in is cut off."""
    rng = np.random.default_rng(seed)
    height, width = sharp.shape[:2]
    exposure = Exposure(rng, SILENT)
    centre = np.array([[1, 0, width / 2 - 0.5], [0, 1, height / 2 - 0.5], [0, 0, 1.0]])
    for pose in camera(rng, np.linspace(0, 1, 73), width, length, SHAKE):
        matrix = (centre @ pose @ np.linalg.inv(centre))[:2]
        exposure.add(cv2.warpAffine(sharp, matrix, (width, height), flags=cv2.INTER_CUBIC))
    edge = int(length)
    return exposure.finish()[edge:-edge, edge:-edge]


def main() -> None:
    HERE.mkdir(exist_ok=True)
    coffee = cv2.imread(str(SOURCE / "coffee.png"))
    cv2.imwrite(str(HERE / "coffee.jpg"), blurred(coffee), [cv2.IMWRITE_JPEG_QUALITY, 95])
    shutil.copy(SOURCE / "clock_motion.png", HERE / "clock.png")


if __name__ == "__main__":
    main()
