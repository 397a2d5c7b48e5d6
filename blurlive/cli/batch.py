"""Photos through the network to files: what ``extract`` and ``slowmo`` share. One bad photo does not stop the rest."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import typer

from ..errors import OutputError, UsageError
from .plan import STDOUT, Places, Target, plan
from .ui import Talk
from .work import Netting, Recipe, Result, Watch, Work, missing


@dataclass(frozen=True)
class Job:
    """Which photos, and who works on them: arguments as given, whether to look into subfolders, the share of this
    process (``2/4``) and the engine."""

    photos: list[str]
    recursive: bool
    shard: str | None
    engine: str


def run(job: Job, places: Places, recipe: Recipe, talk: Talk) -> None:
    """Do the job; exits with the code of the first photo that failed, after the rest is done."""
    from ..image import find_photos
    from .engines import engine_of

    engine = engine_of(job.engine)
    number, shards = shard_of(job.shard)
    sources = [str(source) for source in find_photos(job.photos, recursive=job.recursive)]
    _check_streams(sources, places, job, talk)
    targets = plan(sources, places)
    works = [Work(*each, Result(each[0])) for each in zip(sources, targets, strict=True)][number - 1 :: shards]
    if talk.dry_run:
        _tell_plan(works, places, talk)
        return
    if shards > 1:
        recipe = replace(recipe, netting=_on_own_device(recipe.netting))
    if talk.quiet or talk.json:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when huggingface_hub is imported
    start = time.perf_counter()
    with (
        talk.progress(len(works), places.frames) as bar,
        closing(engine(works, recipe, Watch(talk.say, talk.detail, bar.frame, talk.aside))) as results,
    ):
        codes, statuses = _report(results, talk, bar.photo)
    _sum_up(statuses, len(works), time.perf_counter() - start, talk)
    if codes:
        raise typer.Exit(codes[0])


def shard_of(asked: str | None) -> tuple[int, int]:
    """This process's number, from 1, and how many there are: as asked (``2/4``), or as torchrun says."""
    if asked is None:
        rank, world = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
        if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
            raise UsageError(f"RANK={rank}, WORLD_SIZE={world}: not a share; unset them or use --shard")
        return int(rank) + 1, int(world)
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", asked, re.ASCII)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {asked}: not a share; the second of four is 2/4")
    return int(match[1]), int(match[2])


def _on_own_device(netting: Netting) -> Netting:
    """Processes that torchrun started on one machine take a GPU each."""
    import torch

    rank = os.environ.get("LOCAL_RANK")
    if rank is None or netting.device not in {"auto", "cuda"} or not torch.cuda.is_available():
        return netting
    return replace(netting, device=f"cuda:{int(rank) % torch.cuda.device_count()}")


def _check_streams(sources: list[str], places: Places, job: Job, talk: Talk) -> None:
    """Standard input and output belong to this process, and standard output takes one kind of thing."""
    piped = STDOUT in (places.outputs or ())
    if job.engine != "local" and (piped or "-" in sources):
        raise UsageError(f"--engine {job.engine}: its workers have no standard input or output; use --engine local")
    if piped and talk.json:
        raise UsageError("-o -: --json writes to standard output as well; use one of them")
    if piped and sys.stdout.isatty():
        raise UsageError("-o -: standard output is a terminal; send it to a file (> clip.mp4) or a program (|)")


def _tell_plan(works: list[Work], places: Places, talk: Talk) -> None:
    """What would be written, and what is in the way of it: no error yet, since nobody has asked to write."""
    for work in works:
        targets = missing(work.targets, work.result) if places.skip_existing else work.targets
        for target in targets:
            if refusal := _refusal(target, places):
                talk.error(refusal)
        paths = [str(target.path) for target in targets]
        status = "planned" if targets else "skipped"
        talk.result({"photo": work.source, "status": status, "outputs": paths, "skipped": work.result.skipped}, paths)


def _refusal(target: Target, places: Places) -> str | None:
    """Why a target could not be written, of one that needs no folder made first."""
    from ..writers import check_place

    if target.piped or (target.inside and not target.inside.exists()):
        return None
    try:
        check_place(target.path, target.format, places.frames, overwrite=places.overwrite)
    except OutputError as error:
        return str(error)
    return None


def _report(results: Iterator[Result], talk: Talk, tick: Callable[[], None]) -> tuple[list[int], Counter[str]]:
    """Say what became of each photo; gives the exit codes of those that failed, and how many were done, skipped and
    failed."""
    codes, statuses = [], Counter[str]()
    for result in results:
        if result.error:
            codes.append(result.exit_code)
            talk.error(result.error)
        talk.result(result.__dict__, result.outputs)
        if result.seconds:
            talk.detail(", ".join(f"{name} {taken:.2f} s" for name, taken in result.seconds.items()))
        statuses[result.status] += 1
        tick()
        if result.hopeless:
            break
    return codes, statuses


def _sum_up(statuses: Counter[str], photos: int, seconds: float, talk: Talk) -> None:
    """What became of several photos; some are not tried after an error that would meet them too."""
    if photos < 2:
        return
    counts = ", ".join(f"{statuses[status]} {status}" for status in ("done", "skipped", "failed"))
    if untried := photos - statuses.total():
        counts += f", {untried} not tried"
    talk.say(f"{counts} in {seconds:.1f} s ({60 * statuses['done'] / seconds:.1f} photos a minute)")
