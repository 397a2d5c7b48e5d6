"""``blurlive extract photo.jpg -o clip.mp4``: seven frames of each photo, one forward pass."""

from __future__ import annotations

from . import options as o
from .slowmo import slowmo


def extract(
    photos: o.Photos,
    output: o.Outputs = None,
    format: o.Formats = None,
    name: o.Name = None,
    fps: o.Fps = 10.0,
    reverse: o.Reverse = False,
    flip: o.Flip = None,
    boomerang: o.Boomerang = False,
    loop: o.Loop = None,
    max_side: o.MaxSide = None,
    at: o.At = None,
    recursive: o.Recursive = False,
    shard: o.Shard = None,
    engine: o.Engine = "local",
    weights: o.Weights = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
    overwrite: o.Overwrite = False,
    skip_existing: o.SkipExisting = False,
    json: o.Json = False,
    dry_run: o.DryRun = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Seven sharp frames of each blurred photo, in one forward pass."""
    slowmo(iters=1, **locals())  # whose options are the same, under the same names
