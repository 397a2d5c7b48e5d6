"""Read damaged files by the hundred thousand. Not part of the suite, which does a few hundred.

    python -m tests.fuzz photos 100000             # child processes of 1000 inputs each, so that crashes are caught too
    python -m tests.fuzz weights 20000 --seed 7
    python -m tests.fuzz photos 100000 --atheris   # guided by coverage instead (pip install atheris)
    python -m tests.fuzz photos --replay fuzz-findings/*.bin

A reader may return, or raise one of our errors with a message of one line. All else is a finding: another exception, a
warning, a crash, ten seconds or 400 MB for one small input. The input is kept in ``fuzz-findings/``. Exit code 1 if
there was any.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import io
import mmap
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FunctionType

import torch

from blurlive import weights
from blurlive.errors import BlurliveError
from blurlive.image import load_photo
from blurlive.moments import Moment

from . import valid
from .damage import damaged

FINDINGS = Path("fuzz-findings")
PART = 1000
"""Inputs of one child process."""
SECONDS, MEGABYTES = 10, 400
LARGEST = 1 << 20
GUIDING = {"blurlive", "PIL", "safetensors"}
"""Packages whose branches guide atheris: those of PyTorch are too many to follow."""


def read_photo(data: bytes) -> None:
    photo = load_photo(io.BytesIO(data), max_pixels=1_000_000, max_side=64, at=Moment(frame=1))
    assert max(photo.pixels.shape) <= 64


def read_weights(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(data)
        file.flush()
        weights.load(file.name)


READERS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "photos": (read_photo, valid.photos),
    "weights": (read_weights, valid.weights_files),
}


def finding(read: Callable[[bytes], None], data: bytes) -> str | None:
    """What is wrong with the way in which ``read`` took ``data``; None if nothing is."""
    before = _peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(data)
    except BlurliveError as error:
        if len(str(error).splitlines()) != 1:
            return f"not a message of one line: {error!r}"
    except Exception:
        return traceback.format_exc()
    return f"{_peak() - before:.0f} MB" if _peak() - before > MEGABYTES else None


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keep(data: bytes, what: str) -> None:
    """A finding's input and what was wrong with it, as two files."""
    FINDINGS.mkdir(exist_ok=True)
    file = FINDINGS / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    file.write_bytes(data)
    file.with_suffix(".txt").write_text(what)
    print(f"{file}: {what.strip().splitlines()[-1]}", flush=True)


def part(name: str, seed: int, count: int) -> int:
    """Findings among ``count`` inputs, read in a child process that may crash."""
    shared = mmap.mmap(-1, 16 + LARGEST)  # findings, length of the input at work, the input
    child = os.fork()
    if child == 0:
        try:
            _work(name, seed, count, shared)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    found, size = (int.from_bytes(shared[at : at + 8], "little") for at in (0, 8))
    if status == 0:
        return found
    ended = f"killed by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "ended the process"
    keep(shared[16 : 16 + size], ended)
    return found + 1


def _work(name: str, seed: int, count: int, shared: mmap.mmap) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff is never quiet
    read, start = READERS[name][0], READERS[name][1]()
    random, found = Random(seed), 0
    for _ in range(count):
        data = damaged(random.choice(start), start, random)[:LARGEST]
        shared[8 : 16 + len(data)] = len(data).to_bytes(8, "little") + data
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # the processor's, not the clock's; kills
        if what := finding(read, data):
            keep(data, what)
            found += 1
            shared[:8] = found.to_bytes(8, "little")
    signal.setitimer(signal.ITIMER_PROF, 0)


def guided(name: str, count: int) -> None:
    """The same by atheris, which keeps inputs that reach new code, for the next time too. It ends the process itself,
    at the first finding or after ``count`` inputs."""
    import atheris

    read, start = READERS[name]
    corpus = FINDINGS / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in start():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        finding(read, data)  # imports what reads it
    for function in [found for found in gc.get_objects() if type(found) is FunctionType]:
        if function.__module__ and function.__module__.split(".")[0] in GUIDING:
            atheris.instrument_func(function)

    def one(data: bytes) -> None:
        if what := finding(read, data):
            keep(data, what)
            raise RuntimeError(what)

    limits = [f"-runs={count}", f"-timeout={SECONDS}", "-close_fd_mask=2"]  # libtiff is never quiet
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={FINDINGS}/", str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged files; keep those that are not taken well.")
    parser.add_argument("what", choices=READERS)
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("--replay", nargs="+", type=Path, default=[])
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.replay:
        results = [(file, finding(READERS[given.what][0], file.read_bytes())) for file in given.replay]
        print("\n".join(f"{file}: {what or 'taken well'}" for file, what in results))
        return int(any(what for _, what in results))
    if given.atheris:
        guided(given.what, given.count)
    found = 0
    for done in range(0, given.count, PART):
        size = min(PART, given.count - done)
        found += part(given.what, given.seed * 1_000_003 + done, size)
        print(f"{done + size} inputs of {given.what}, seed {given.seed}: {found} findings", flush=True)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
