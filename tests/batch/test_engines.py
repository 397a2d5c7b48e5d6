"""Engines."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.cli import engines
from blurlive.cli.work import Result, Work
from blurlive.errors import DeviceError, InputError, OutputError, UsageError

from .conftest import save, visible


class Script:
    """Steps that fail as told, and count how many photos are in each step."""

    def __init__(self, plan: list[str]) -> None:
        self.plan = plan
        self.decoded = self.begun = self.encoding = self.most_encoding = self.most_ahead = 0

    def decode(self, work: Work) -> Any:
        self.decoded += 1
        self.most_ahead = max(self.most_ahead, self.decoded - self.begun)
        if work.source.endswith("decode"):
            with work.result.telling():
                raise InputError(work.source)
            self.begun += 1
            return None
        return work.source

    def frames(self, work: Work, _: Any) -> Iterator[Any]:
        self.begun += 1
        if work.source.endswith("network"):
            raise OutputError(work.source)
        yield from range(4)
        if work.source.endswith("late"):
            raise DeviceError(work.source)
        if work.source.endswith("memory"):
            raise MemoryError
        yield from range(60 if work.source.endswith("encode") else 16)

    def encode(self, work: Work, _: Any, frames: Iterator[Any]) -> None:
        self.encoding += 1
        self.most_encoding = max(self.most_encoding, self.encoding)
        with work.result.telling():
            seen = [next(frames)] if work.source.endswith("encode") else list(frames)
            if work.source.endswith("encode"):
                raise OutputError(work.source)
            work.result.outputs = [str(len(seen))]
        self.encoding -= 1


def works(plan: list[str]) -> list[Work]:
    return [Work(f"{i} {word}", [], Result(f"{i} {word}")) for i, word in enumerate(plan)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["fine", "decode", "network", "late", "memory", "encode"]), max_size=9))
def test_results_come_in_order_and_each_failure_stays_with_its_photo(plan: list[str]) -> None:
    script = Script(plan)
    results = list(engines._overlapped(works(plan), script))  # type: ignore[arg-type]
    assert [result.photo for result in results] == [f"{i} {word}" for i, word in enumerate(plan)]
    assert [result.status for result in results] == ["done" if word == "fine" else "failed" for word in plan]
    assert all(result.outputs == (["20"] if word == "fine" else []) for word, result in zip(plan, results, strict=True))
    assert all(result.error.startswith(result.photo) for result in results if result.status == "failed")
    assert script.most_ahead <= 2  # the one that the network is about to take, and the next
    assert script.most_encoding <= 1


def test_the_three_steps_overlap() -> None:
    """Three photos, each waiting in another step for the other two: one step at a time would wait for ever."""
    meeting = threading.Barrier(3, timeout=20)

    class Meet(Script):
        def decode(self, work: Work) -> Any:
            if work.source.startswith("2"):
                meeting.wait()
            return work.source

        def frames(self, work: Work, _: Any) -> Iterator[Any]:
            if work.source.startswith("1"):
                meeting.wait()
            yield 1

        def encode(self, work: Work, _: Any, frames: Iterator[Any]) -> None:
            list(frames)
            if work.source.startswith("0"):
                meeting.wait()

    plan = ["fine"] * 3
    assert len(list(engines._overlapped(works(plan), Meet(plan)))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["network", "encode"])
def test_an_interrupt_ends_the_encoder(where: str) -> None:
    ended = []

    class Interrupted(Script):
        def frames(self, *_: Any) -> Iterator[Any]:
            yield from range(3)
            if where == "network":
                raise KeyboardInterrupt
            yield from range(30)

        def encode(self, work: Work, _: Any, frames: Iterator[Any]) -> None:
            try:
                for _frame in frames:
                    if where == "encode":
                        raise KeyboardInterrupt
            finally:
                ended.append(work.source)

    with pytest.raises(KeyboardInterrupt):
        list(engines._overlapped(works(["fine"]), Interrupted(["fine"])))  # type: ignore[arg-type]
    assert ended == ["0 fine"]


def test_an_interrupt_while_the_encoder_starts_lets_it_make_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding, started = threading.Event(), []

    class Interrupting(threading.Thread):
        def start(self) -> None:
            super().start()
            started.append(self)
            if len(started) == 2:  # the first decodes
                encoding.wait(0.5)
                raise KeyboardInterrupt

    class Encoding(Script):
        def encode(self, *_: Any) -> None:
            encoding.set()

    monkeypatch.setattr(engines, "Thread", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        list(engines._overlapped(works(["fine"]), Encoding(["fine"])))  # type: ignore[arg-type]
    assert not encoding.is_set(), "nobody would end it"


@pytest.mark.parametrize("name", ["", "dask", "ray:0", "ray:x", "local:2", "ray:"])
def test_engines_that_are_not_there(name: str) -> None:
    with pytest.raises(UsageError, match="--engine"):
        engines.engine_of(name)


def test_ray_says_when_it_is_missing(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "ray", None)
    said = run("a.png", "--engine", "ray")
    assert (said.code, said.err) == (2, 'blurlive: --engine ray: Ray is not installed; pip install "blurlive[ray]"\n')
    assert "standard input" in run("-", "--engine", "ray").err


@pytest.mark.slow  # starting Ray takes half a minute
def test_two_ray_workers_give_the_same_files(tiny_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    photos = [save(tmp_path / f"{i}.png", i).name for i in range(5)]
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    said = {}
    for engine in ("local", "ray:2"):
        command = [sys.executable, "-m", "blurlive", "extract", *photos, "bad.png", "--json", "--engine", engine]
        command += ["-o", engine[:3], "--format", "gif", "--weights", str(tiny_weights), "--device", "cpu"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=300)
        assert done.returncode == 3, done.stderr
        assert b"Traceback" not in done.stderr
        said[engine] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["photo"] for r in said["ray:2"]] == [*photos, "bad.png"]
    assert [r["error"] for r in said["ray:2"]] == [r["error"] for r in said["local"]]
    assert len(visible(tmp_path / "ray")) == 5
    for name in visible(tmp_path / "loc"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "loc" / name).read_bytes()
