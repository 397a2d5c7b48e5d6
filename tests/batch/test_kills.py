"""What a kill leaves, and what two processes do to each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from blurlive import workshop
from blurlive.writers import Clip, open_writer

from .conftest import save, visible

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
    dead, live, other = (tmp_path / f".blurlive-{end}" for end in ("00dead00", "000a11fe", "settings"))
    for folder in (dead, live, other):
        folder.mkdir()
        (folder / "clip").touch()
    lock = workshop._lock(live, wait=True)
    with workshop.workshop(tmp_path) as mine:
        assert set(tmp_path.iterdir()) == {live, other, mine}
    workshop._unlock(lock)
    assert set(tmp_path.iterdir()) == {live, other}, "what only begins like ours is somebody else's"


FORKED = """
import os, signal, sys, time
from pathlib import Path
from blurlive.workshop import alone
with alone(Path(sys.argv[1])):
    if os.fork():
        time.sleep(60)
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(60)
"""


@pytest.mark.skipif(workshop.fcntl is None, reason="needs locks and forks")
def test_a_lock_ends_with_its_process_whatever_that_has_forked(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", FORKED, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        with pytest.raises(BlockingIOError), workshop.alone(tmp_path, wait=False):
            pass
        parent.kill()
        parent.wait()
        os.kill(child, 0)  # it lives
        with workshop.alone(tmp_path, wait=False):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()


@pytest.mark.parametrize("format", ["gif", "frames"])
def test_two_writers_of_one_target_leave_one_whole_clip(format: str, tmp_path: Path) -> None:
    target = tmp_path / "clip"
    meeting = threading.Barrier(2, timeout=60)

    def write(level: int) -> None:
        frame = np.full((8, 8, 3), level, np.uint8)
        for _ in range(10):
            meeting.wait()
            with open_writer(target, format, Clip(frame, 3, 10), overwrite=True) as writer:
                for _ in range(3):
                    writer.add(frame)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (0, 200)))
    files = sorted(target.iterdir()) if format == "frames" else [target]
    levels = {int(np.asarray(Pillow.open(file).convert("RGB")).max()) for file in files}
    assert levels in ({0}, {200})
    assert len(visible(tmp_path)) == (3 if format == "frames" else 1)
