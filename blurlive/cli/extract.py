"""``blurlive extract photo.jpg -o clip.mp4``: seven frames of each photo, one forward pass."""

from __future__ import annotations

from . import options as o


def extract(
    photos: o.Photos,
    output: o.Outputs = None,
    format: o.Formats = None,
    name: o.Name = None,
    fps: o.Fps = 10.0,
    reverse: o.Reverse = False,
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
    from ..moments import moment_of
    from ..slowmo import frame_count
    from .batch import Job, run
    from .plan import Places
    from .ui import Talk
    from .work import Netting, Playing, Recipe

    moment = moment_of(at) if at else None
    playing, netting = Playing(fps, reverse, boomerang, loop), Netting(weights, device, dtype, offline)
    run(
        Job(photos, recursive, shard, engine),
        Places(output, format, overwrite, skip_existing, name, frame_count(1), moment.label if moment else ""),
        Recipe(max_side, moment, 1, playing, netting, overwrite, skip_existing),
        Talk(json, dry_run, quiet, verbose),
    )
