"""What the user sees: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer


@dataclass
class Talk:
    """How much is said, and in which form. A progress bar steps aside while anything is said."""

    json: bool
    dry_run: bool
    quiet: bool
    verbose: bool
    live: Any = None

    def result(self, record: Mapping[str, Any], paths: list[str]) -> None:
        """One photo is done: a JSON line, or the paths of its results."""
        if self.json:
            self._echo(json.dumps(dict(record)))
        elif not self.quiet:
            for path in paths:
                self._echo(os.fsencode(path))

    def error(self, message: str) -> None:
        """What is wrong, in one line whatever a file's name holds."""
        self._echo(f"blurlive: {printable(message)}", err=True)

    def say(self, message: str) -> None:
        if not self.quiet:
            self._echo(message, err=True)

    def detail(self, message: str) -> None:
        if self.verbose:
            self._echo(message, err=True)

    def _echo(self, text: str | bytes, *, err: bool = False) -> None:
        with self.aside():
            typer.echo(text, err=err)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Room for what is written in here, such as the bar of a download."""
        if self.live:
            self.live.stop()
        try:
            yield
        finally:
            if self.live:
                self.live.start()

    @contextmanager
    def progress(self, photos: int, frames: int) -> Iterator[Bar]:
        """A bar over all frames of a batch, on a terminal only."""
        if self.quiet or self.json:
            yield Bar(None, frames)
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        if not console.is_terminal:
            yield Bar(None, frames)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        bars = Progress(*columns, *times, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        with bars as self.live:
            task = bars.add_task("frames", total=photos * frames)
            yield Bar(lambda done: bars.update(task, completed=done), frames)
        self.live = None


def tell_path(path: Path) -> None:
    """A result's path on standard output, byte by byte: names may be no Unicode."""
    typer.echo(os.fsencode(path))


def leave_output() -> None:
    """Standard output takes no more: what is left for it is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """The text with line breaks, control marks and what is no Unicode written as escapes."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)


class Bar:
    """Counts frames; once a photo is reported, all of its frames count, though it was skipped or failed."""

    def __init__(self, show: Any, frames: int) -> None:
        self._show, self._frames = show, frames
        self._photos = self._done = 0

    def frame(self) -> None:
        self._update(self._done + 1)

    def photo(self) -> None:
        self._photos += 1
        self._update(max(self._done, self._photos * self._frames))

    def _update(self, done: int) -> None:
        self._done = done
        if self._show:
            self._show(done)
