"""One run of the ffmpeg program: raw frames in through a pipe, and its last words if it fails."""

from __future__ import annotations

import errno
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO

import numpy as np

from ..videos import REMEDY, executable, file_url
from .clip import Frame, Sink


@contextmanager
def ffmpeg(*arguments: str, output: Path) -> Iterator[Sink]:
    """Run ffmpeg to make ``output``; the sink feeds it raw frames. Leaving waits for its end, an error kills it.

    Raises OSError: ENOSPC when ffmpeg found the disk full, ChildProcessError when it cannot run or gave up.
    """
    run = _Run(executable(), [*arguments, file_url(output)])
    try:
        yield run.feed
        run.finish()
        if not output.is_file() or not output.stat().st_size:
            raise ChildProcessError(f"{run.name} wrote nothing; {REMEDY}")
    finally:
        run.end()


class _Run:
    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name = name
        self._said: list[bytes] = []
        self._process, self._stdin, stderr = _start([name, "-hide_banner", "-loglevel", "error", "-y", *arguments])
        # A thread listens: a pipe left full would stop ffmpeg, a log file could lie on the very disk that is full.
        self._listener = Thread(target=self._listen, args=(stderr,), daemon=True)
        self._listener.start()

    def _listen(self, stderr: IO[bytes]) -> None:
        with stderr:
            self._said.append(stderr.read())

    def feed(self, frame: Frame) -> None:
        try:
            self._stdin.write(np.ascontiguousarray(frame).data)
        except OSError as broken_pipe:
            self.finish()
            raise ChildProcessError(f"{self.name} stopped reading; {REMEDY}") from broken_pipe

    def finish(self) -> None:
        with suppress(OSError):  # a pipe that breaks on its last bytes: the exit status tells why
            self._stdin.close()
        status = self._process.wait()
        self._listener.join()
        if status:
            raise _failure(self.name, status, b"".join(self._said).decode(errors="replace"))

    def end(self) -> None:
        """Leave no process behind, whatever happened."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        with suppress(OSError):
            self._stdin.close()


def _start(command: list[str]) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
    pipe = subprocess.PIPE
    try:
        # A session of its own: Ctrl-C is for us, who then end ffmpeg, and not for both at once.
        process = subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, start_new_session=True)
    except OSError as error:
        raise ChildProcessError(f"cannot run {command[0]} ({error.strerror}); {REMEDY}") from error
    assert process.stdin is not None
    assert process.stderr is not None
    return process, process.stdin, process.stderr


def _failure(name: str, status: int, said: str) -> OSError:
    """What ffmpeg died of: its first complaint is the cause, the later ones are consequences."""
    if "No space left" in said or status == 256 - errno.ENOSPC:
        return OSError(errno.ENOSPC, "No space left on device")
    cause = re.sub(r"^(\[[^]]*\] *)+", "", said.strip().partition("\n")[0]) or f"exit status {status}"
    return ChildProcessError(f"{name} failed ({cause}); {REMEDY}")
