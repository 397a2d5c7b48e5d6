"""Engines take the photos of a batch through the steps of `work`: here, overlapped, or spread over Ray's workers.

An engine is a generator ``(works, recipe, watch) -> results``, in the order of the works. One photo that fails is a
result too; after one that says that no other would fare better, the caller stops asking.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import cache, partial
from itertools import chain
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import BlurliveError, InputError, UsageError
from .work import Recipe, Result, Steps, Watch, Work

if TYPE_CHECKING:
    from ..clips import Frame
    from ..image import Photo

T = TypeVar("T")
Results = Generator[Result, None, None]
Engine = Callable[[Iterable[Work], Recipe, Watch], Results]
WAITING = 7
"""Frames that may wait for the encoder: those of one pass of the network."""


def engine_of(name: str) -> Engine:
    """``local``, ``ray`` or ``ray:2`` (with two workers). Raises :class:`UsageError` for another name."""
    if name == "local":
        return local
    if match := re.fullmatch(r"ray(?::([1-9][0-9]{0,3}))?", name):
        return partial(spread, workers=int(match[1]) if match[1] else None)
    raise UsageError(f"--engine {name}: unknown; use local, ray, or ray:2 for two workers")


def local(works: Iterable[Work], recipe: Recipe, watch: Watch) -> Results:
    """Threads: while the network works on one photo, the next is decoded and the one before is encoded."""
    return _overlapped(works, Steps(recipe, watch))


def _overlapped(works: Iterable[Work], steps: Steps) -> Results:
    behind: _Encoding | None = None
    try:
        for work, photo in _one_ahead(works, steps.decode):
            frames = None if photo is None else _begun(work, steps.frames(work, photo))
            if behind:
                yield behind.ended()
                behind = None
            if photo is None or frames is None:
                yield work.result
                continue
            behind = _Encoding(work, photo, steps)
            behind.feed(frames)
            del frames, photo  # or one photo more would stay in memory
        if behind:
            yield behind.ended()
    finally:
        if behind:
            behind.stop()


def _one_ahead(works: Iterable[Work], decode: Callable[[Work], T]) -> Iterator[tuple[Work, T]]:
    """Each work with what ``decode`` makes of it, one ahead; standard input, which may never end, when it is due."""
    now: tuple[Work, Callable[[], T]] | None = None
    for work in works:
        ahead = partial(decode, work) if work.source == "-" else _aside(partial(decode, work)).result
        if now:
            yield now[0], now[1]()
        now = work, ahead
    if now:
        yield now[0], now[1]()


def _begun(work: Work, frames: Iterator[Frame]) -> Iterator[Frame] | None:
    """The frames with the first already computed, which is most of the work; None if that failed."""
    with work.result.telling():
        return chain([next(frames)], frames)
    return None


class _Encoding:
    """A thread that encodes one photo from the frames that it is fed."""

    def __init__(self, work: Work, photo: Photo, steps: Steps) -> None:
        self._work = work
        self._frames: Queue[Frame | Exception | None] = Queue(WAITING)
        self._feeding, self._stopped = Event(), Event()
        self._end = _aside(partial(self._encode, photo, steps))

    def feed(self, frames: Iterator[Frame]) -> None:
        """Hand over all frames; those that are not wanted any more, after an error, are not computed."""
        self._feeding.set()
        try:
            for frame in frames:
                if not self._put(frame):
                    return
            self._put(None)
        except (BlurliveError, MemoryError) as error:  # of this photo alone: a bug ends the batch
            self._put(error)

    def ended(self) -> Result:
        """Wait for the end."""
        self._end.result()
        return self._work.result

    def stop(self) -> None:
        """End early and leave no file."""
        self._stopped.set()
        self._feeding.set()
        with suppress(Full):
            self._frames.put_nowait(None)  # it may be waiting for a frame
        self._end.exception()

    def _encode(self, photo: Photo, steps: Steps) -> None:
        # Nothing is made before `feed`: Ctrl-C may come before the caller has this object, and could not `stop` it.
        self._feeding.wait()
        steps.encode(self._work, photo, self._fed())

    def _put(self, frame: Frame | Exception | None) -> bool:
        while not self._end.done():
            with suppress(Full):
                self._frames.put(frame, timeout=0.1)
                return True
        return False

    def _fed(self) -> Iterator[Frame]:
        while (frame := self._frames.get()) is not None and not self._stopped.is_set():
            if isinstance(frame, Exception):
                raise frame
            yield frame
        if self._stopped.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    """The batch was ended from outside."""


def _aside(step: Callable[[], T]) -> Future[T]:
    """Run ``step`` in a thread of its own, for which the process does not wait at its end."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(step())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def spread(works: Iterable[Work], recipe: Recipe, watch: Watch, workers: int | None = None) -> Results:
    """Ray's workers, of this machine or of the cluster that RAY_ADDRESS names, which must see the same files."""
    ray = _ray(workers)
    try:
        watch.detail(f"Ray with {ray.cluster_resources().get('CPU', 0):g} processors")
        yield from _in_order(ray, works, recipe)
    finally:
        ray.shutdown()


def _in_order(ray: Any, works: Iterable[Work], recipe: Recipe) -> Results:
    resources = ray.cluster_resources()
    gpus = recipe.netting.device != "cpu" and resources.get("GPU", 0)
    task = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0)(_in_worker)
    most = 2 * int(gpus or resources["CPU"])
    running: deque[tuple[Work, Any]] = deque()
    try:
        for work in works:
            running.append((work, task.remote(work, recipe, str(Path.cwd()))))
            if len(running) > most:
                yield _fetched(ray, *running.popleft())
        while running:
            yield _fetched(ray, *running.popleft())
    finally:
        _cancel(ray, [reference for _, reference in running])


def _fetched(ray: Any, work: Work, reference: Any) -> Result:
    with work.result.telling():
        try:
            result: Result = ray.get(reference)
            return result
        except ray.exceptions.RayTaskError:
            raise  # a bug of ours, with its traceback
        except ray.exceptions.RayError as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{work.source}: its Ray worker died ({reason}); try fewer workers") from error
    return work.result


def _ray(workers: int | None) -> Any:
    """Ray, started: quiet, and with no more processors than workers are wanted."""
    try:
        import ray
    except ImportError:
        raise UsageError('--engine ray: Ray is not installed; pip install "blurlive[ray]"') from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if "RAY_ADDRESS" not in os.environ:
        ray.init(num_cpus=workers, include_dashboard=False, **quiet)
    elif workers:
        raise UsageError(f"--engine ray:{workers}: the cluster of RAY_ADDRESS has its own workers; use --engine ray")
    else:
        ray.init(**quiet)
    return ray


def _in_worker(work: Work, recipe: Recipe, folder: str) -> Result:
    """What a worker does with one photo: the same as `local`."""
    os.chdir(folder)
    return next(_overlapped([work], _steps(recipe)))


@cache
def _steps(recipe: Recipe) -> Steps:
    """A worker loads its network once."""
    return Steps(recipe, Watch())


def _cancel(ray: Any, references: list[Any]) -> None:
    """Let workers clean up: an interrupt reaches them as it would reach us."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=10)
