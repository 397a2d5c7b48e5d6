"""Batches: engines, shards, streams, odd names, and what a killed run leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from blurlive import workshop
from blurlive.cli import app, engines
from blurlive.cli.batch import shard_of
from blurlive.cli.work import Result, Work
from blurlive.errors import DeviceError, InputError, OutputError, UsageError
from blurlive.writers import Clip, open_writer

from .conftest import random_photo


@dataclass
class Said:
    code: int
    out: bytes
    err: str


@pytest.fixture
def run(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Callable[..., Said]:
    """A command line in a fresh folder, in this process, with the tiny weights."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Said:
        command = ["blurlive", "extract", "--weights", str(tiny_weights), "--device", "cpu", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capfdbinary.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err.decode())

    return call


def save(file: Path, seed: int = 0) -> Path:
    Pillow.fromarray(random_photo(16, 24, seed)).save(file, "PNG")
    return file


def visible(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# Engines


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
@given(st.lists(st.sampled_from(["fine", "decode", "network", "late", "encode"]), max_size=9))
def test_results_come_in_order_and_each_failure_stays_with_its_photo(plan: list[str]) -> None:
    script = Script(plan)
    results = list(engines._overlapped(works(plan), script))  # type: ignore[arg-type]
    assert [result.photo for result in results] == [f"{i} {word}" for i, word in enumerate(plan)]
    assert [result.status for result in results] == ["done" if word == "fine" else "failed" for word in plan]
    assert all(result.outputs == (["20"] if word == "fine" else []) for word, result in zip(plan, results, strict=True))
    assert all(result.error == result.photo for result in results if result.status == "failed")
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


# Shards


def test_shards_share_the_photos_out(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(7):
        save(tmp_path / f"{i}.png")
    parts = [run(".", "--dry-run", "--shard", f"{i}/3").out.split() for i in (1, 2, 3)]
    assert parts == [[b"0.mp4", b"3.mp4", b"6.mp4"], [b"1.mp4", b"4.mp4"], [b"2.mp4", b"5.mp4"]]
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert run(".", "--dry-run").out.split() == parts[2]
    said = run("6.png", "--format", "gif")
    assert (said.code, said.out, said.err) == (0, b"", ""), "a share may be empty"


@pytest.mark.parametrize("shard", ["", "2", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3"])
def test_what_is_no_share(shard: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        shard_of(shard)


@pytest.mark.parametrize(("rank", "world"), [("one", "2"), ("2", "2"), ("0", "")])
def test_what_torchrun_would_not_say(rank: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(UsageError, match=f"RANK={rank}, WORLD_SIZE={world}"):
        shard_of(None)
    assert shard_of("2/3") == (2, 3)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from blurlive.cli.batch import _on_own_device
    from blurlive.cli.work import Netting

    monkeypatch.setitem(
        sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True, device_count=lambda: 4))
    )
    monkeypatch.setenv("LOCAL_RANK", "3")
    devices = [_on_own_device(Netting(None, name, "auto", False)).device for name in ("auto", "cuda", "cpu", "cuda:1")]
    assert devices == ["cuda:3", "cuda:3", "cpu", "cuda:1"]


# Names and streams


def test_a_batch_is_summed_up(run, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    (tmp_path / "b.gif").touch()
    said = run("a.png", "b.png", "c.png", "--format", "gif", "--skip-existing")
    assert said.code == 3
    missing, summary = said.err.splitlines()
    assert "c.png: no such file" in missing
    assert summary.startswith("1 done, 1 skipped, 1 failed in ")
    assert summary.endswith(" photos a minute)")
    assert said.out == b"a.gif\n"


def test_a_clip_to_standard_output(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png")
    said = run("a.png", "-o", "-")
    assert (said.code, said.err) == (0, "")
    assert said.out[4:8] == b"ftyp"
    assert run("a.png", "-o", "-", "--format", "gif", "--skip-existing").out.startswith(b"GIF89a")
    assert visible(tmp_path) == ["a.png"]
    assert "--json" in run("a.png", "-o", "-", "--json").err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = run("a.png", "-o", "-")
    assert (said.code, said.out) == (2, b"")
    assert "is a terminal" in said.err


@pytest.mark.skipif(os.name != "posix", reason="other systems have other names")
def test_odd_names(run, tmp_path: Path) -> None:
    folder = tmp_path / "-a:b 'c'"
    folder.mkdir()
    names = ["plain", "two words", "quote'\"", "é漢字🙂", "new\nline", "-dash", "50%d", os.fsdecode(b"caf\xe9")]
    for name in names:
        save(folder / f"{name}.png")
    said = run(f"./{folder.name}", "--format", "mp4")
    assert said.code == 0, said.err
    assert sorted(os.listdir(folder)) == sorted(f"{name}{end}" for name in names for end in (".png", ".mp4"))  # noqa: PTH208
    for name in names:
        assert os.fsencode(f"{name}.mp4\n") in said.out
    missing = run("a\nb.png", os.fsdecode(b"\xe9.png"))
    assert len(missing.err.splitlines()) == 3, "one line each, and the summary"


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_links_in_folders_end(run, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    save(tmp_path / "in" / "deep" / "a.png")
    (tmp_path / "in" / "deep" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.png").symlink_to("self.png")
    (tmp_path / "in" / "same.png").symlink_to("deep/a.png")
    (tmp_path / "there.gif").touch()
    (tmp_path / "link.gif").symlink_to("there.gif")
    said = run("in", "--recursive", "--dry-run")
    assert said.out.split() == [b"in/deep/a.mp4", b"in/self.mp4"]
    assert run("in/deep/a.png", "-o", "link.gif", "--overwrite").code == 0
    assert (tmp_path / "link.gif").is_symlink()
    assert (tmp_path / "there.gif").read_bytes().startswith(b"GIF")


# What a kill leaves, and what two processes do to each other

KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from blurlive.cli import app, engines, work
import blurlive.clips, blurlive.extractor, blurlive.image, blurlive.slowmo, torch
torch.set_num_threads(1)

def batch():
    sys.argv = ["blurlive", "extract", "in", "-o", "out", *sys.argv[2:], "--skip-existing", "-q"]
    app.main()

def started():
    if pid := os.fork():
        return pid
    try:
        batch()
    except SystemExit as end:
        os._exit(end.code or 0)
    finally:
        os._exit(99)

start = time.monotonic()
_, status = os.waitpid(started(), 0)
assert os.waitstatus_to_exitcode(status) == 0
whole = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
assert whole
length = time.monotonic() - start
draw, killed = random.Random(0), 0
for number in range(int(sys.argv[1])):
    if number % 2 == 0:
        os.system("rm -rf out")
    pid = started()
    time.sleep(draw.uniform(0, 0.7 * length))  # the first run was slower: nothing was in memory yet
    os.kill(pid, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    for path in Path("out").rglob("*"):
        hidden = any(part.startswith(".blurlive-") for part in path.parts)
        assert hidden or path.is_dir() or path.read_bytes() == whole[path], path
_, status = os.waitpid(started(), 0)
assert os.waitstatus_to_exitcode(status) == 0
assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == whole
print(killed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of one process, which need no start-up time")
@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])  # 50 take minutes
def test_a_killed_batch_leaves_no_half_file_and_resumes(kills: int, tmp_path: Path, tiny_weights: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(4):
        save(tmp_path / "in" / f"{i}.png", i)
    formats = ["--format", "mp4", "--format", "gif", "--format", "frames"]
    command = [sys.executable, "-c", KILLER, str(kills), *formats, "--weights", str(tiny_weights), "--device", "cpu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "every batch had ended before its kill"


def test_frames_that_a_kill_cut_short_are_not_taken_for_whole(run, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    assert run("a.png", "-o", "out").code == 0
    whole = {name: (tmp_path / "out" / name).read_bytes() for name in visible(tmp_path / "out")}
    for name in ("0001.png", "0002.png"):  # the last two to be moved in
        (tmp_path / "out" / name).unlink()
    assert run("a.png", "-o", "out", "--skip-existing").code == 0
    assert {name: (tmp_path / "out" / name).read_bytes() for name in visible(tmp_path / "out")} == whole
    (tmp_path / "out" / "0001.png").unlink()
    (tmp_path / "out" / "notes.txt").touch()
    assert run("a.png", "-o", "out", "--skip-existing").code == 5, "a stranger's file is no clip"


@pytest.mark.skipif(workshop.fcntl is None, reason="needs locks that end with their process")
def test_what_dead_processes_left_is_swept_up_and_the_living_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".blurlive-dead").mkdir()
    (tmp_path / ".blurlive-dead" / "clip").touch()
    (tmp_path / ".blurlive-live").mkdir()
    lock = workshop._lock(tmp_path / ".blurlive-live", wait=True)
    with workshop.workshop(tmp_path) as mine:
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted([".blurlive-live", mine.name])
    workshop._unlock(lock)
    assert [p.name for p in tmp_path.iterdir()] == [".blurlive-live"]


@pytest.mark.parametrize("format", ["gif", "frames"])
def test_two_writers_of_one_target_leave_one_whole_clip(format: str, tmp_path: Path) -> None:
    target = tmp_path / "clip"
    meeting = threading.Barrier(2)

    def write(level: int) -> None:
        frame = np.full((8, 8, 3), level, np.uint8)
        for _ in range(10):
            meeting.wait()
            with open_writer(target, format, Clip(frame, 3, 10), overwrite=True) as writer:
                for _ in range(3):
                    writer.add(frame)

    threads = [threading.Thread(target=write, args=[level]) for level in (0, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = sorted(target.iterdir()) if format == "frames" else [target]
    levels = {int(np.asarray(Pillow.open(file).convert("RGB")).max()) for file in files}
    assert levels in ({0}, {200})
    assert len(visible(tmp_path)) == (3 if format == "frames" else 1)
