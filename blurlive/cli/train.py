"""``blurlive train --stage base --data DIR``: the three stages of the paper, on one loop.

blurlive train --stage base  --data GOPRO_Large_all/train --out runs/base
blurlive train --stage gram  --data GOPRO_Large_all/train --out runs/gram  --init runs/base
blurlive train --stage hepta --data GOPRO_Large_all/train --out runs/hepta --init runs/gram
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import options as o
from .ui import printable, tell_path

if TYPE_CHECKING:
    from ..training.config import TrainConfig
    from ..training.journal import Report

WHAT, HOW = "What is trained", "How it is trained"

Stage = Annotated[str | None, typer.Option(help="base, gram or hepta. Default: base.", rich_help_panel=WHAT)]
Data = Annotated[
    Path | None, typer.Option(help="Folder of photos, of numbered frames, or of videos.", rich_help_panel=WHAT)
]
Out = Annotated[Path | None, typer.Option(help="The run's folder. Default: runs/STAGE.", rich_help_panel=WHAT)]
Init = Annotated[str | None, typer.Option(help="Run or weights to start from: the stage before.", rich_help_panel=WHAT)]
Recipe = Annotated[str | None, typer.Option(help="blurlive, or paper (Sec. 4.2 to the letter).", rich_help_panel=HOW)]
Config = Annotated[Path | None, typer.Option(help="TOML file of settings.", rich_help_panel=HOW)]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="A.B=C",
        help="One setting, as optim.clip=0.5, or licence=MIT for the exported weights. Repeat for several.",
        rich_help_panel=HOW,
    ),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Optimisation steps.", rich_help_panel=HOW)]
Seed = Annotated[int | None, typer.Option(min=0, help="Of all randomness.", rich_help_panel=HOW)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, to the bit.", rich_help_panel=HOW)]
Board = Annotated[
    bool, typer.Option("--tensorboard", help="Write event files for TensorBoard too (extra: tensorboard).")
]
Export = Annotated[
    bool,
    typer.Option(
        "--export", help="Only write weights.safetensors from the last checkpoint of --out; takes --set licence=..."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the whole configuration as TOML, and stop.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no result path; errors only.")]


def train(
    stage: Stage = None,
    data: Data = None,
    out: Out = None,
    init: Init = None,
    recipe: Recipe = None,
    config: Config = None,
    set_: Set = None,
    steps: Steps = None,
    seed: Seed = None,
    resume: Resume = False,
    tensorboard: Board = False,
    export: Export = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", rich_help_panel=o.NET)] = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Train a stage: synthesise blur, learn, keep curves, samples and checkpoints, export weights.

    In several processes, a GPU each where there are any: torchrun --nproc-per-node N -m blurlive train ..."""
    named = {"stage": stage, "data.path": data, "init": init, "recipe": recipe, "steps": steps, "seed": seed}
    values = {
        name: _plain(value)
        for name, value in {**named, "device": device, "tensorboard": tensorboard or None}.items()
        if value is not None
    }
    values |= dict(setting(text) for text in set_ or [])
    folder = out or Path("runs") / str(values.get("stage", "base"))
    if export:
        flags = {"--config": config is not None, "--resume": resume, "--dry-run": dry_run}
        _export(folder, values, [flag for flag, given in flags.items() if given], quiet)
        return
    settings = _settings(config, values, folder, resume)
    if dry_run:
        _show(settings)
        return
    _run(settings, folder, resume, quiet or os.environ.get("RANK", "0") != "0")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def setting(text: str) -> tuple[str, Any]:
    """Name and value of ``a.b=c``; c is TOML where it can be, else a string."""
    import tomllib

    name, given, value = text.partition("=")
    if not (name and given):
        raise UsageError(f"--set {text}: write NAME=VALUE, as --set optim.clip=0.5")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def _settings(file: Path | None, values: dict[str, Any], folder: Path, resume: bool) -> TrainConfig:
    from ..training import checkpoint
    from ..training.config import read_config, stored_config

    if not resume:
        return read_config(file, values)
    if file is not None:
        raise UsageError("--resume goes on with the configuration of the run itself; leave --config out")
    about = checkpoint.read_about(folder)
    asked = values.pop("stage", None)  # names the default folder; the run knows its own
    settings = stored_config(about, values)
    if asked not in (None, settings.stage):
        raise UsageError(
            f"--stage {asked}: {folder} is a run of stage {settings.stage}; give the run's folder with --out"
        )
    return settings


def _export(folder: Path, values: dict[str, Any], flags: list[str], quiet: bool) -> None:
    from ..training.export import export

    for name in [*flags, *sorted(values.keys() - {"stage", "licence"})]:
        raise UsageError(f"--export: writes what the checkpoint holds, whatever {name} is; leave {name} out")
    file = export(folder, licence=values.get("licence"))
    if not quiet:
        tell_path(file)


def _show(settings: TrainConfig) -> None:
    from ..training.config import to_toml

    typer.echo(to_toml(settings))


def _run(settings: TrainConfig, folder: Path, resume: bool, quiet: bool) -> None:
    from ..training.checkpoint import kept
    from ..training.loop import train as loop
    from ..weights import EXPORTED

    try:
        with (
            _Progress(settings.stage, settings.steps, quiet) as progress,
            closing(loop(settings, folder, resume, progress.say)) as reports,
        ):
            for report in reports:
                progress.show(report)
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM
        if not quiet:
            typer.echo(printable(f"{folder}: stopped; {kept(folder)}"), err=True)
        raise
    if not quiet:
        tell_path(folder / EXPORTED)


class _Progress:
    """A bar with losses, images and time left on a terminal; a line a report elsewhere, for log files."""

    def __init__(self, stage: str, steps: int, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet, self.live = quiet, self.console.is_terminal and not quiet
        columns = TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn()
        self.bar = Progress(*columns, console=self.console, disable=not self.live)
        self.task = self.bar.add_task(stage, total=steps)

    def __enter__(self) -> _Progress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, note: str) -> None:
        if not self.quiet:
            self.console.print(printable(note), markup=False)

    def show(self, report: Report) -> None:
        text = describe(report)
        self.bar.update(self.task, completed=report.step, description=text)
        if not self.live or report.validation:
            left = (report.steps - report.step) * report.images / report.step / report.images_per_second
            self.say(f"{report.step}/{report.steps}  {text}  {int(left // 60)}:{int(left % 60):02d} left")


def describe(report: Report) -> str:
    """One line: losses, images seen, images a second, and validation figures if there are any."""
    parts = [f"{name} {value:.4g}" for name, value in report.losses.items()]
    parts += [f"{report.images} images, {report.images_per_second:.1f}/s"]
    parts += [f"{name} {value:.2f} dB" for name, value in (report.validation or {}).items()]
    return "  ".join(parts)
