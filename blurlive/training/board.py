"""What TensorBoard shows of a run, for those who ask for it (``--tensorboard``): losses, figures, sample sheets.

    tensorboard --logdir runs

The journal is a run's own record and holds the same; this is a second view of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from ..errors import ConfigError
from .checkpoint import on_disk
from .journal import Report

FOLDER = "tensorboard"


class Board:
    """Event files in ``folder/tensorboard``. TensorBoard drops what earlier ones hold after ``step``: a run that was
    killed writes it again. Raises :class:`ConfigError` where TensorBoard is not installed."""

    def __init__(self, folder: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ConfigError(
                'tensorboard: is not installed; to use it: pip install "blurlive[tensorboard]"; or leave it out'
            ) from None
        self.folder = folder
        with on_disk(folder):
            self.writer: Any = SummaryWriter(folder / FOLDER, purge_step=step + 1)

    def add(self, report: Report, sheet: Pillow.Image | None) -> None:
        """Write a report, and the sheet of samples that goes with it."""
        scalars = {"images_per_second": report.images_per_second}
        scalars |= {f"loss/{name}": value for name, value in report.losses.items()}
        scalars |= {f"validation/{name}": value for name, value in (report.validation or {}).items()}
        with on_disk(self.folder):
            for name, value in scalars.items():
                self.writer.add_scalar(name, value, report.step)
            if sheet is not None:
                self.writer.add_image("samples", np.asarray(sheet), report.step, dataformats="HWC")
            self.writer.flush()
