"""Scoring: every clip by every method, streaming and in parallel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch

from ..errors import DataError, InputError
from .clips import ClipSource
from .journal import Key
from .methods import Method
from .protocol import Row, Settings, Truth, score


@dataclass(frozen=True)
class Outcome:
    """What became of a clip: rows of the methods that had frames for it, and the reasons why others have none."""

    clip: str
    rows: list[Row]
    broken: list[str]


def run(
    clips: Iterable[ClipSource],
    methods: list[Method],
    settings: Settings,
    *,
    jobs: int = 1,
    done: Collection[Key] = (),
) -> Iterator[Outcome]:
    """Score ``clips`` one after the other, in their order, ``jobs`` at a time; at most ``jobs`` + 1 clips are in
    memory.

    What is in ``done`` is not scored again. A broken clip or prediction does not end the run: its outcome says why.
    """
    work = partial(_outcome, methods=methods, settings=settings, done=done)
    threads = max(1, torch.get_num_threads() // jobs)
    with ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        yield from _in_order(pool, work, clips, jobs)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[ClipSource], Outcome], clips: Iterable[ClipSource], ahead: int
) -> Iterator[Outcome]:
    waiting: deque[Future[Outcome]] = deque()
    try:
        for clip in clips:
            waiting.append(pool.submit(work, clip))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _outcome(source: ClipSource, methods: list[Method], settings: Settings, done: Collection[Key]) -> Outcome:
    wanted = [method for method in methods if (source.name, method.name, method.source) not in done]
    if not wanted:
        return Outcome(source.name, [], [])
    try:
        truth = Truth(source.load())
    except (DataError, InputError) as error:
        return Outcome(source.name, [], [str(error)])
    outcome = Outcome(source.name, [], [])
    for method in wanted:
        try:
            frames = method.predict(truth.clip)
            outcome.rows.append(score(method.name, method.source, source.group, frames, truth, settings))
        except (DataError, InputError) as error:
            outcome.broken.append(str(error))
    return outcome
