"""``blurlive synthesize DATA -o DIR``: blurred photos with their seven sharp frames, as a set on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .ui import tell_path

Data = Annotated[Path, typer.Argument(help="Folder of photos, of numbered frames, or of videos.")]
Out = Annotated[Path, typer.Option("-o", "--output", help="Where the clips go: DIR/0001/blurred.png, sharp/01.png ...")]
Count = Annotated[int, typer.Option(min=1, help="How many clips.")]
Size = Annotated[int, typer.Option(min=32, help="Side of a frame in pixels.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")]
Gamma = Annotated[
    str | None,
    typer.Option(
        help="2.2 or 1 (plain average of values). Default: both occur; with --plain, 2.2.", rich_help_panel="Blur"
    ),
]
Plain = Annotated[
    bool,
    typer.Option("--plain", help="Averages of seven frames alone: no noise, JPEG or tone.", rich_help_panel="Blur"),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no result paths; errors only.")]


def synthesize(
    data: Data,
    output: Out,
    count: Count = 100,
    size: Size = 256,
    seed: Seed = 0,
    gamma: Gamma = None,
    plain: Plain = False,
    quiet: Quiet = False,
) -> None:
    """Make blurred photos with their sharp frames and exact motion, reproducible from a seed."""
    from rich.console import Console
    from rich.progress import track

    from ..data.disk import scene_spec, write_clips

    console = Console(stderr=True)
    clips = write_clips(data, output, count, size, seed, scene_spec(gamma, plain=plain))
    shown = track(clips, "synthesizing", count, console=console, disable=quiet or not console.is_terminal)
    for folder in shown:
        if not quiet:
            tell_path(folder)
