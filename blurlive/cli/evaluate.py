"""``blurlive evaluate``: one protocol, everybody side by side.

    blurlive evaluate --data clips --pred jin2018=jin/frames --json out.json --report out.html

A thin command over :mod:`blurlive.evaluation`: it reads options, shows progress on stderr, prints tables on stdout.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError, UsageError
from ..files import check_place
from . import options as o
from .ui import printable

if TYPE_CHECKING:
    from ..evaluation.journal import Journal
    from ..evaluation.methods import Method
    from ..evaluation.protocol import Settings
    from ..evaluation.report import Report as Result
    from ..evaluation.run import Outcome

NO_NETWORK = "none"
PIPE_WIDTH = 160
"""Columns of the tables where standard output is no terminal: nothing is cut off."""
WHAT = "What is scored"
HOW = "How it is scored"

Data = Annotated[
    Path, typer.Option(help="Clip folders (blurred.png, sharp/*), GoPro-style trees, videos, or all in one.")
]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        help="[NAME=]WEIGHTS: bundled name, path or hf:// address; 'none' for no network. Repeat for several.",
        rich_help_panel=WHAT,
    ),
]
Pred = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=DIR: another method's frames, DIR/clip/01.png ... or DIR/clip.mp4. Repeat for several.",
        rich_help_panel=WHAT,
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Score only the first clips.", rich_help_panel=WHAT)]
Json = Annotated[
    Path | None, typer.Option(help="Write every figure of every clip and frame there.", rich_help_panel=o.OUT)
]
Report = Annotated[Path | None, typer.Option(help="Write one HTML page: clips, scores, plots.", rich_help_panel=o.OUT)]
ReportClips = Annotated[
    int, typer.Option(min=1, help="Most clips on the page: the worst and a few best.", rich_help_panel=o.OUT)
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the rows beside --json.", rich_help_panel=HOW)]
Gamma = Annotated[
    float,
    typer.Option(
        min=1, max=3, help="Of the light in which photos were exposed; 1 averages values.", rich_help_panel=HOW
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, help="Clips scored at a time. Default: cores, at most 4.", rich_help_panel=HOW),
]
LpipsFile = Annotated[
    Path | None,
    typer.Option(
        "--lpips", help="AlexNet and heads of LPIPS: what `weights convert --network lpips` makes.", rich_help_panel=HOW
    ),
]


def evaluate(
    data: Data,
    weights: Weights = None,
    pred: Pred = None,
    limit: Limit = None,
    json: Json = None,
    report: Report = None,
    report_clips: ReportClips = 36,
    resume: Resume = False,
    gamma: Gamma = 2.2,
    jobs: Jobs = None,
    lpips: LpipsFile = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
    quiet: o.Quiet = False,
) -> None:
    """Score our weights and anybody's frames under one protocol, side by side."""
    from ..evaluation.clips import find_clips
    from ..evaluation.page import write_page
    from ..evaluation.report import make_report

    if resume and json is None:
        raise UsageError("--resume goes on from the rows beside --json; give the --json FILE of the run that stopped")
    for file in filter(None, (json, report)):
        check_place(file)
    find_clips(data, gamma)  # complains of what is not there before rows of an earlier run are thrown away
    settings = _settings(gamma, lpips)
    methods = _methods(weights, pred, device, dtype, offline=offline)
    journal = _journal(json, data, settings, resume=resume)
    clips, broken = _score(data, methods, settings, journal, limit, jobs or min(4, os.cpu_count() or 1), quiet)
    result = make_report(data, settings, methods, journal.of(clips, methods), broken)
    if json is not None:
        result.write(json)
        journal.end()
    if not quiet:
        _show(result)
    if report is not None:
        write_page(report, result, find_clips(data, gamma), methods, report_clips)
    if broken:
        raise DataError(f"{data}: not everything could be scored ({len(broken)} skipped); first reason: {broken[0]}")


def _settings(gamma: float, lpips: Path | None) -> Settings:
    from ..evaluation.lpips import Lpips
    from ..evaluation.protocol import Settings

    return Settings(gamma, None if lpips is None else Lpips(lpips))


def _methods(
    weights: list[str] | None, pred: list[str] | None, device: str, dtype: str, *, offline: bool = False
) -> list[Method]:
    """The trivial rows, other methods' frames, and our networks: the default one if none is named."""
    from ..evaluation.methods import Folder, Network, must_differ, trivial

    methods = trivial()
    for text in pred or []:
        name, given, folder = text.partition("=")
        if not (name and given and folder):
            raise UsageError(f"--pred {text}: write NAME=DIR")
        methods.append(Folder(name, Path(folder)))
    for text in weights or [""]:
        if text != NO_NETWORK:
            name, file = _named(text)
            name = name or (Path(file).stem if file else "blurlive")
            methods.append(Network(name, file or None, device, dtype, offline=offline))
    must_differ(methods)
    return methods


def _named(text: str) -> tuple[str, str]:
    """Name and weights of ``[NAME=]WEIGHTS``. A path or an address may hold "=" too, after a slash."""
    name, given, file = text.partition("=")
    return (name, file) if given and "/" not in name and not Path(text).is_file() else ("", text)


def _journal(json: Path | None, data: Path, settings: Settings, *, resume: bool) -> Journal:
    from ..evaluation.journal import Journal
    from ..evaluation.report import describe

    file = None if json is None else json.with_suffix(".rows.jsonl")
    return Journal(file, {"data": str(data), **describe(settings)}, resume=resume)


def _score(
    data: Path, methods: list[Method], settings: Settings, journal: Journal, limit: int | None, jobs: int, quiet: bool
) -> tuple[list[str], list[str]]:
    """Names of all clips, and why scores are missing. Rows go to the journal as they come."""
    from ..evaluation.clips import count_clips, find_clips
    from ..evaluation.run import run

    clips = islice(find_clips(data, settings.gamma), limit)
    names: list[str] = []
    broken: list[str] = []
    with _progress(min(count_clips(data), limit or 10**9), quiet) as advance:
        for outcome in run(clips, methods, settings, jobs=jobs, done=journal.rows):
            for row in outcome.rows:
                journal.add(row)
            names.append(outcome.clip)
            broken += outcome.broken
            advance(outcome)
    return names, broken


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[Outcome], None]]:
    """What to call with each outcome: moves the bar, reports what is broken (that even when ``quiet``)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("scoring", total=total)

        def advance(outcome: Outcome) -> None:
            for reason in outcome.broken:
                typer.echo(f"blurlive: skipped {printable(outcome.clip)}: {printable(reason)}", err=True)
            progress.update(task, advance=1, description=outcome.clip)

        yield advance


def _show(result: Result) -> None:
    from rich.console import Console

    from ..evaluation.tables import tables

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    for table in tables(result):
        console.print(table)
