"""Options that several commands share, each defined once."""

from __future__ import annotations

from typing import Annotated

import typer

OUT = "Output"
LOOK = "Playback"
NET = "Network"

Photos = Annotated[
    list[str], typer.Argument(metavar="PHOTO...", help="Photos, folders, globs, or - for standard input.")
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Look into the subfolders of folders too.")]
MaxSide = Annotated[int | None, typer.Option(min=1, help="Shrink photos whose longer side exceeds this many pixels.")]
At = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Which frame of a video or an animation is the photo: 2.5 (seconds) or frame:12 (from 1)."
    ),
]
Outputs = Annotated[  # no paths, which would lose the slash of out.v2/ and make ./- the same as -
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        help="Where to: clip.mp4, .webm, .gif, .webp, .png (animated), x.sheet.png, x.side.mp4, or a folder "
        "for PNG frames. Repeat for several. - is standard output. Default: an mp4 beside the photo.",
        rich_help_panel=OUT,
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="mp4, webm, gif, webp, apng, frames, sheet (contact sheet) or side (beside the photo). "
        "Repeat for several.",
        rich_help_panel=OUT,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        metavar="TEMPLATE",
        help="Names of results, without suffix: '{stem}-{frames}f'. Also {parent}, {index}, {format}. Default: {stem}.",
        rich_help_panel=OUT,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.", rich_help_panel=OUT)]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave existing files as they are.", rich_help_panel=OUT)
]
Fps = Annotated[float, typer.Option(min=0.1, max=240, help="Frames a second.", rich_help_panel=LOOK)]
Iters = Annotated[int, typer.Option(min=1, max=5, help="Rounds: 1 gives 7 frames, 2 gives 42, 3 gives 252, ...")]
Reverse = Annotated[
    bool, typer.Option("--reverse", help="Play backwards: the photo cannot tell.", rich_help_panel=LOOK)
]
Flip = Annotated[
    list[str] | None,
    typer.Option(
        metavar="L,T,R,B",
        help="A region that moves independently and shall play the other way: its left, top, right and bottom in "
        "percent of the photo. Repeat for several.",
        rich_help_panel=LOOK,
    ),
]
Boomerang = Annotated[bool, typer.Option("--boomerang", help="Play forth and back.", rich_help_panel=LOOK)]
Loop = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Times to play; 0 is for ever (animations only). Default: videos repeat to last 3 s, "
        "animations play for ever.",
        rich_help_panel=LOOK,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="Bundled name, .safetensors file, or hf://org/repo[@rev]/file.", rich_help_panel=NET),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=NET)]
Dtype = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.", rich_help_panel=NET)]
Offline = Annotated[bool, typer.Option("--offline", help="Never ask the network for weights.", rich_help_panel=NET)]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="N/OF",
        help="Do every OF-th photo, from the N-th: 2/4. Default: what torchrun says.",
        rich_help_panel=NET,
    ),
]
Engine = Annotated[
    str,
    typer.Option(help="local, ray (workers of this machine or of RAY_ADDRESS), or ray:2.", rich_help_panel=NET),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON line per photo on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written and what is in the way, and stop.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no result paths; errors only.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Say which weights, device, tiles and how long each step took.")
]
