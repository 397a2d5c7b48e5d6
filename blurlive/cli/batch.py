"""Photos through the network to files: what ``extract`` and ``slowmo`` share. One bad photo does not stop the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from ..errors import BlurliveError, DeviceError, OutputError
from .plan import Places, Target, plan
from .ui import Talk

if TYPE_CHECKING:
    from ..clips import Frame
    from ..model import Model


@dataclass(frozen=True)
class Job:
    """What to restore: photos as given, whether to look into subfolders, largest side, rounds of slow motion."""

    photos: list[str]
    recursive: bool
    max_side: int | None
    iters: int


@dataclass(frozen=True)
class Playing:
    """How the clip plays."""

    fps: float
    reverse: bool
    boomerang: bool
    loop: int | None


@dataclass(frozen=True)
class Netting:
    """Which network, where."""

    weights: str | None
    device: str
    dtype: str
    offline: bool


@dataclass
class Result:
    """What became of one photo; printed as it is with ``--json``."""

    photo: str
    status: str = "done"
    outputs: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    width: int = 0
    height: int = 0
    frames: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 0


def run(job: Job, places: Places, playing: Playing, netting: Netting, talk: Talk) -> None:
    """Do the job; exits with the code of the first photo that failed, after the rest is done."""
    from ..image import find_photos

    sources = [str(source) for source in find_photos(job.photos, recursive=job.recursive)]
    targets = plan(sources, places)
    if talk.dry_run:
        for source, wanted in zip(sources, targets, strict=True):
            paths = [str(target.path) for target in wanted]
            talk.result({"photo": source, "status": "planned", "outputs": paths}, paths)
        return
    results = list(_restore_all(sources, targets, job, places, playing, netting, talk))
    failed = [r for r in results if r.exit_code]
    if failed:
        if len(results) > 1:
            talk.say(f"{len(failed)} of {len(results)} photos failed")
        raise typer.Exit(failed[0].exit_code)


def _restore_all(
    sources: list[str],
    targets: list[list[Target]],
    job: Job,
    places: Places,
    playing: Playing,
    netting: Netting,
    talk: Talk,
) -> Iterator[Result]:
    from ..slowmo import frame_count

    model: Model | None = None
    with talk.progress(len(sources), frame_count(job.iters)) as bar:
        for source, wanted in zip(sources, targets, strict=True):
            result = Result(source)
            todo = _still_to_do(wanted, places, result)
            try:
                if todo:
                    model = model or _load(netting, talk)
                    _restore(result, todo, model, job, places, playing, bar.frame)
            except BlurliveError as error:
                result.status, result.error, result.exit_code = "failed", str(error), error.exit_code
                talk.error(str(error))
                if isinstance(error, DeviceError) or model is None:
                    raise typer.Exit(error.exit_code) from None  # no later photo would fare better
            talk.result(result.__dict__, result.outputs)
            if result.seconds:
                talk.detail(", ".join(f"{name} {taken:.2f} s" for name, taken in result.seconds.items()))
            bar.photo()
            yield result


def _still_to_do(wanted: list[Target], places: Places, result: Result) -> list[Target]:
    if not places.skip_existing:
        return wanted
    done = [t for t in wanted if t.path.exists() and (t.format != "frames" or any(t.path.iterdir()))]
    result.skipped = [str(t.path) for t in done]
    if len(done) == len(wanted):
        result.status = "skipped"
    return [t for t in wanted if t not in done]


def _load(netting: Netting, talk: Talk) -> Model:
    from ..model import load

    if talk.quiet or talk.json:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when huggingface_hub is imported
    with talk.aside():
        model = load(netting.weights, netting.device, netting.dtype, offline=netting.offline)
    extractor = model.extractor
    if str(netting.weights).startswith("hf://"):
        talk.say(f"{netting.weights}: licence {extractor.card.about.get('licence', 'none stated')}")
    dtype = str(extractor.dtype).removeprefix("torch.")
    talk.detail(f"weights {extractor.card.file.name}, {extractor.device}, {dtype}, tiles of {extractor.tile}")
    return model


def _restore(
    result: Result,
    todo: list[Target],
    model: Model,
    job: Job,
    places: Places,
    playing: Playing,
    tick: Any,
) -> None:
    from ..clips import Stream
    from ..image import load_photo

    clock = _Clock(result.seconds)
    photo = clock.timed("decode", lambda: load_photo(result.photo, max_side=job.max_side))
    result.height, result.width = photo.pixels.shape[:2]
    frames = model.slowmo(photo, job.iters, reverse=playing.reverse)
    result.frames = len(frames)
    for target in todo:
        _make_room(target)
    start = time.perf_counter()
    Stream(clock.each("network", frames, tick), photo, len(frames)).save(
        *((target.path, target.format) for target in todo),
        fps=playing.fps,
        boomerang=playing.boomerang,
        loop=playing.loop,
        overwrite=places.overwrite,
    )
    result.seconds["encode"] = time.perf_counter() - start - result.seconds["network"]
    result.outputs = [str(target.path) for target in todo]


def _make_room(target: Target) -> None:
    """Make the folder that ``-o`` names; only one level, so that a mistyped path is not built."""
    if target.inside is None or target.inside.is_dir():
        return
    try:
        target.inside.mkdir()
    except OSError as error:
        raise OutputError(f"{target.inside}: cannot be made ({error.strerror}); choose another folder") from error


class _Clock:
    """Adds up the time that steps take, by name."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    def timed(self, name: str, step: Any) -> Any:
        start = time.perf_counter()
        value = step()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        return value

    def each(self, name: str, frames: Iterable[Frame], tick: Any) -> Iterator[Frame]:
        """The frames, the time to make each counted, ``tick`` called after each."""
        iterator = iter(frames)
        end = object()
        while (frame := self.timed(name, lambda: next(iterator, end))) is not end:
            tick()
            yield frame
