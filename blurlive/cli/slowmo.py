"""``blurlive slowmo photo.jpg --iters 2 -o slow.mp4``: 42 frames, the network applied again to its own output."""

from __future__ import annotations

from . import options as o


def slowmo(
    photos: o.Photos,
    iters: o.Iters = 2,
    output: o.Outputs = None,
    format: o.Formats = None,
    fps: o.Fps = 24.0,
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
    """Slow motion: 7 x 6^(iters-1) frames, by running the network on its own output."""
    from .batch import Job, Netting, Playing, run
    from .plan import Places
    from .ui import Talk

    run(
        Job(photos, recursive, max_side, iters),
        Places(output, format, overwrite, skip_existing),
        Playing(fps, reverse, boomerang, loop),
        Netting(weights, device, dtype, offline),
        Talk(json, dry_run, quiet, verbose),
    )
