"""The one training loop. It knows a run, batches and reports; it prints nothing and knows nothing of any loss.

for report in train(config, Path("runs/base")):
    print(report.step, report.losses)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from ..data.dataset import Batch
from ..data.source import Source, open_source
from ..devices import is_out_of_memory
from ..errors import DataError, DeviceError, OutputError, reason
from ..workshop import alone
from . import checkpoint
from .board import Board
from .config import TrainConfig
from .export import export
from .journal import Journal, Report
from .ranks import Ranks, join, leave
from .run import Run
from .unbroken import unbroken
from .validation import PART, sample_sheet, validate, validation_set

LOCK = ".lock"
"""An empty file in a run's folder, locked for as long as a process trains into it."""


def train(
    config: TrainConfig, folder: Path, resume: bool = False, say: Callable[[str], None] | None = None
) -> Generator[Report, None, None]:
    """Train into ``folder``: yields a :class:`Report` every ``log_every`` steps, ends with the exported weights.

    The folder gets ``metrics.jsonl``, ``curves.png``, ``samples.png``, ``checkpoint.safetensors`` every
    ``save_minutes``, ``weights.safetensors`` in the end, and event files for TensorBoard where ``config`` asks for
    them. ``say`` is told what the run found and uses, and that it stops. With ``resume`` the run in the folder goes on
    as if it had never stopped. Ctrl-C, and SIGTERM where it raises ``SystemExit``, wait for the end of a step; then,
    and when this generator is closed early, a checkpoint is saved.

    Raises :class:`OutputError` if the folder holds a run and ``resume`` is not set, if another process trains into it
    now, or if it cannot be written, :class:`DataError` if the data cannot be used, the loss is not finite or a process
    that makes data was killed, :class:`DeviceError` if memory runs out, :class:`ConfigError`, :class:`WeightsError`.
    """
    if not resume and (folder / checkpoint.NAME).exists():
        raise OutputError(f"{folder}: holds a run already; go on with --resume, or give another folder with --out")
    ranks = join(config.device)
    try:
        yield from _train(config, folder, ranks, resume, say or (lambda _: None))
    except (RuntimeError, MemoryError) as error:
        _explain(error, folder)
        raise
    finally:
        leave()


def _explain(error: Exception, folder: Path) -> None:
    """Raise what the machine did to the run, in one line, if that is what ``error`` says."""
    if "DataLoader worker" in str(error):  # torch raises it in the midst of anything, whenever a worker dies
        raise DataError(
            f"{folder}: a process that makes sequences was killed, most often for want of (shared) memory; "
            f"--set data.workers=0 does without such processes; {checkpoint.kept(folder)}"
        ) from error
    if is_out_of_memory(error):
        raise DeviceError(
            f"{folder}: out of memory; a run with a smaller data.batch needs less; {checkpoint.kept(folder)}"
        ) from error


def _train(
    config: TrainConfig, folder: Path, ranks: Ranks, resume: bool, say: Callable[[str], None]
) -> Iterator[Report]:
    data = config.data
    source = open_source(data.path, data.scene, "train", kind=data.kind, crops=data.crops, size=data.side)
    run = Run(config, folder, ranks, fresh=not resume)
    with _sole(folder, ranks):
        yield from _run(run, source, resume, say)


@contextmanager
def _sole(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Make ``folder`` and keep other runs out of it: each would replace what the other writes. The leading process
    speaks for all of a run."""
    with ExitStack() as stack:
        if ranks.leads:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / LOCK).touch()
                stack.enter_context(alone(folder / LOCK, wait=False))
            except BlockingIOError:
                raise OutputError(
                    f"{folder}: another process trains into it; let it end or stop it, or give another folder "
                    "with --out"
                ) from None
            except OSError as error:
                raise OutputError(
                    f"{folder}: cannot be written ({reason(error)}); see to that, or give another folder with --out"
                ) from error
        yield


def _run(run: Run, source: Source, resume: bool, say: Callable[[str], None]) -> Iterator[Report]:
    config = run.config
    if resume:
        run.resume()
    keeper = _Keeper(run)
    for note in (f"data: {source.kind} in {config.data.path}", *run.notes(), *keeper.notes()):
        say(note)
    try:
        yield from _steps(run, keeper, run.batches(source), say)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        keeper.stop()
        raise
    if run.ranks.leads:
        export(run.folder, licence=config.licence)  # a run that was finished before has another in its checkpoint


def _steps(run: Run, keeper: _Keeper, batches: Iterator[Batch], say: Callable[[str], None]) -> Iterator[Report]:
    watch = _Watch(run)
    while run.step < run.config.steps:
        batch = next(batches)
        with unbroken(say), keeper.whole():
            watch.add(run.advance(batch))
            last = run.step == run.config.steps
            report = None
            if last or run.step % run.config.log_every == 0:
                report = watch.report(keeper.figures(last))
                keeper.record(report)
        if report is not None:
            yield report
            watch.restart()
        keeper.save(last)


class _Watch:
    """Loss terms and time since the last report."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.restart()

    def restart(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.since = time.monotonic()
        self.spent = 0.0

    def add(self, terms: dict[str, float]) -> None:
        self.rows.append(terms)
        self.spent = time.monotonic() - self.since

    def report(self, figures: dict[str, float] | None) -> Report:
        run, means = self.run, {name: float(np.mean([row[name] for row in self.rows])) for name in self.rows[0]}
        batch = run.config.data.batch * run.ranks.world
        speed = len(self.rows) * batch / self.spent
        return Report(run.step, run.config.steps, run.step * batch, speed, means, figures)


class _Keeper:
    """Keeps the run's record, checkpoints and held-out figures: the work of the leading process alone."""

    def __init__(self, run: Run) -> None:
        self.run, self.leads, self.saved = run, run.ranks.leads, time.monotonic()
        self.kept, self.is_whole = run.step, True
        self.held_out = validation_set(run.config) if self.leads else []
        self.journal = Journal(run.folder, run.step) if self.leads else None
        self.board = Board(run.folder, run.step) if self.leads and run.config.tensorboard else None

    def notes(self) -> list[str]:
        asked = (
            f"data.validation is below {PART}"
            if self.run.config.data.validation < PART
            else "too little data to spare any"
        )
        few = f"nothing is held out: {asked}, so there are no validation figures"
        return [few] if self.leads and not self.held_out else []

    def figures(self, last: bool) -> dict[str, float] | None:
        """Validation figures where they are due: at the end, and at the first report after every ``validate_every``
        steps."""
        config = self.run.config
        due = last or self.run.step % config.validate_every < config.log_every
        return validate(self.run.ema, self.held_out) if due and self.held_out else None

    def record(self, report: Report) -> None:
        if self.journal is None:
            return
        self.journal.add(report)
        sheet = None
        if report.validation or report.step == report.steps:
            sheet = sample_sheet(self.run.ema, self.held_out)
            self.journal.draw(sheet)
        if self.board is not None:
            self.board.add(report, sheet)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """A step with its report: what breaks off in the midst of it is not kept."""
        self.is_whole = False
        yield
        self.is_whole = True

    def save(self, last: bool) -> None:
        if last or time.monotonic() - self.saved > 60 * self.run.config.save_minutes:
            self._save()

    def stop(self) -> None:
        """Keep what a run that is stopped has done since the last checkpoint."""
        if self.is_whole and self.run.step > self.kept:
            self._save()

    def _save(self) -> None:
        if self.leads:
            self.run.save()
        self.saved, self.kept = time.monotonic(), self.run.step
