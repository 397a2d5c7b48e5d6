"""``blurlive extract photo.jpg -o clip.mp4``: seven frames of each photo, one forward pass."""

from __future__ import annotations

from . import options as o


def extract(
    photos: o.Photos,
    output: o.Outputs = None,
    format: o.Formats = None,
    fps: o.Fps = 10.0,
    reverse: o.Reverse = False,
    boomerang: o.Boomerang = False,
    loop: o.Loop = None,
    max_side: o.MaxSide = None,
    recursive: o.Recursive = False,
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
    from .batch import Job, Netting, Playing, run
    from .plan import Places
    from .ui import Talk

    run(
        Job(photos, recursive, max_side, iters=1),
        Places(output, format, overwrite, skip_existing),
        Playing(fps, reverse, boomerang, loop),
        Netting(weights, device, dtype, offline),
        Talk(json, dry_run, quiet, verbose),
    )
