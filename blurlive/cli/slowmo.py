"""``blurlive slowmo photo.jpg --iters 2 -o slow.mp4``: 42 frames, the network applied again to its own output."""

from __future__ import annotations

from . import options as o


def slowmo(
    photos: o.Photos,
    iters: o.Iters = 2,
    output: o.Outputs = None,
    format: o.Formats = None,
    name: o.Name = None,
    fps: o.Fps = 24.0,
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
    """Slow motion: 7 x 6^(iters-1) frames, by running the network on its own output."""
    from ..moments import moment_of
    from ..regions import box_of
    from ..slowmo import frame_count
    from .batch import Job, run
    from .plan import Places
    from .ui import Talk
    from .work import Netting, Playing, Recipe

    moment = moment_of(at) if at else None
    flips = tuple(box_of(region) for region in flip or ())
    playing, netting = Playing(fps, reverse, flips, boomerang, loop), Netting(weights, device, dtype, offline)
    run(
        Job(photos, recursive, shard, engine),
        Places(output, format, overwrite, skip_existing, name, frame_count(iters), moment.label if moment else ""),
        Recipe(max_side, moment, iters, playing, netting, overwrite, skip_existing),
        Talk(json, dry_run, quiet, verbose),
    )
