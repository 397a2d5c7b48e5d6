"""What is done to one photo, step by step: decode, network, encode. Engines say when and where (see `engines`)."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BlurliveError, DeviceError, InputError, OutputError, WeightsError
from ..regions import Box
from .plan import Target
from .ui import leave_output, printable

if TYPE_CHECKING:
    from ..clips import Frame
    from ..image import Photo
    from ..model import Model
    from ..moments import Moment


@dataclass(frozen=True)
class Playing:
    """How the clip plays."""

    fps: float
    reverse: bool
    flips: tuple[Box, ...]
    boomerang: bool
    loop: int | None


@dataclass(frozen=True)
class Netting:
    """Which network, where."""

    weights: str | None
    device: str
    dtype: str
    offline: bool


@dataclass(frozen=True)
class Recipe:
    """What is done to every photo of a batch alike."""

    max_side: int | None
    at: Moment | None
    iters: int
    playing: Playing
    netting: Netting
    overwrite: bool
    skip_existing: bool


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

    @contextmanager
    def telling(self) -> Iterator[None]:
        """An error that belongs to this photo is kept, not raised; so is a lack of memory outside the network's tiles,
        which a smaller photo may not meet."""
        try:
            yield
        except BlurliveError as error:
            self._failed(error)
        except MemoryError:
            self._failed(InputError(f"{self.photo}: needs more memory than there is; use --max-side"))

    def _failed(self, error: BlurliveError) -> None:
        self.status, self.error, self.exit_code = "failed", str(error), error.exit_code

    @property
    def hopeless(self) -> bool:
        """Whether no later photo would fare better."""
        return self.exit_code in {DeviceError.exit_code, WeightsError.exit_code}


@dataclass
class Work:
    """One photo, its targets, and what becomes of it."""

    source: str
    targets: list[Target]
    result: Result


@dataclass(frozen=True)
class Watch:
    """Who wants to hear of what matters, of details, and of each frame that is there; ``aside`` makes room on the
    terminal for what others write."""

    say: Callable[[str], None] = lambda _: None
    detail: Callable[[str], None] = lambda _: None
    frame: Callable[[], None] = lambda: None
    aside: Callable[[], AbstractContextManager[None]] = nullcontext


class Steps:
    """The steps for one `Recipe`. Each may run in a thread of its own; the network is loaded when first needed."""

    def __init__(self, recipe: Recipe, watch: Watch) -> None:
        self._recipe, self._watch = recipe, watch
        self._model: Model | None = None

    def decode(self, work: Work) -> Photo | None:
        """The photo; None if there is nothing to do for it or it cannot be read, as the result then says."""
        result = work.result
        with result.telling():
            if self._recipe.skip_existing:
                work.targets = missing(work.targets, result)
            if not work.targets:
                return None
            for target in work.targets:
                _make_room(target)
            return self._load(work)
        return None

    def frames(self, work: Work, photo: Photo) -> Iterator[Frame]:
        """The frames of a photo, one at a time."""
        model = self._model = self._model or _network(self._recipe.netting, self._watch)
        playing = self._recipe.playing
        frames = model.slowmo(photo, self._recipe.iters, reverse=playing.reverse, flip=playing.flips)
        for frame in _timed("network", frames, work.result.seconds):
            self._watch.frame()
            yield frame

    def encode(self, work: Work, photo: Photo, frames: Iterable[Frame]) -> None:
        """Write the frames to all targets."""
        from ..clips import Stream

        start, waiting = time.perf_counter(), {"frames": 0.0}
        with work.result.telling():
            with _files_for(work.targets) as files:
                clip = Stream(_timed("frames", frames, waiting), photo, work.result.frames)
                clip.save(*files, **self._options())
            work.result.outputs = [str(target.path) for target in work.targets if not target.piped]
        work.result.seconds["encode"] = time.perf_counter() - start - waiting["frames"]

    def _load(self, work: Work) -> Photo:
        from ..clips import Stream
        from ..image import load_photo
        from ..slowmo import frame_count

        start, result = time.perf_counter(), work.result
        photo = load_photo(work.source, max_side=self._recipe.max_side, at=self._recipe.at)
        result.seconds["decode"] = time.perf_counter() - start
        result.height, result.width = photo.pixels.shape[:2]
        result.frames = frame_count(self._recipe.iters)
        named = [(target.path, target.format) for target in work.targets if not target.piped]
        Stream((), photo, result.frames).check(*named, **self._options())
        return photo

    def _options(self) -> dict[str, Any]:
        playing = self._recipe.playing
        looks = {"fps": playing.fps, "boomerang": playing.boomerang, "loop": playing.loop}
        return {"overwrite": self._recipe.overwrite, **looks}


def _network(netting: Netting, watch: Watch) -> Model:
    from ..model import load

    with watch.aside():
        model = load(netting.weights, netting.device, netting.dtype, offline=netting.offline)
    extractor = model.extractor
    if str(netting.weights).startswith("hf://"):
        licence = extractor.card.about.get("licence") or "none stated"
        watch.say(printable(f"{netting.weights}: licence {licence}"))
    dtype = str(extractor.dtype).removeprefix("torch.")
    watch.detail(f"weights {extractor.card.file.name}, {extractor.device}, {dtype}, tiles of {extractor.tile}")
    return model


def missing(targets: list[Target], result: Result) -> list[Target]:
    """The targets that are not there yet."""
    from ..writers import is_written

    done = [target for target in targets if not target.piped and is_written(target.path, target.format)]
    result.skipped = [str(target.path) for target in done]
    if len(done) == len(targets):
        result.status = "skipped"
    return [target for target in targets if target not in done]


def _make_room(target: Target) -> None:
    """Make the folder that ``-o`` names; only one level, so that a mistyped path is not built."""
    if target.inside is None:
        return
    try:
        target.inside.mkdir(exist_ok=True)  # another shard may be about to
    except OSError as error:
        raise OutputError(f"{target.inside}: cannot be made ({error.strerror}); choose another folder") from error


@contextmanager
def _files_for(targets: list[Target]) -> Iterator[list[tuple[Path, str]]]:
    """Paths to write to: the targets' own, or, for standard output, a temporary file copied there when it is whole."""
    if not targets[0].piped:
        yield [(target.path, target.format) for target in targets]
        return
    with tempfile.TemporaryDirectory(prefix="blurlive-") as folder:
        clip = Path(folder, "clip")
        yield [(clip, targets[0].format)]
        try:
            with clip.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()
        except OSError as error:
            leave_output()
            raise OutputError(f"-: standard output took only part of the clip ({error.strerror})") from error


def _timed(name: str, frames: Iterable[Frame], seconds: dict[str, float]) -> Iterator[Frame]:
    """The frames, the time to make each added to ``seconds[name]``."""
    iterator = iter(frames)
    while True:
        start = time.perf_counter()
        frame = next(iterator, None)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
        if frame is None:
            return
        yield frame
