"""The command line as a user meets it: a process, its files, its streams and its exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image as Pillow

from blurlive import weights

from .conftest import random_net, random_photo

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "HF_HUB_OFFLINE": "1"}


def blurlive(*arguments: object, cwd: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "blurlive", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=ENV,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def run(tmp_path: Path, tiny_weights: Path):
    """Run a command in a fresh folder with the tiny weights; checks that no traceback is ever shown."""

    def call(command: str, *arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
        done = blurlive(command, *arguments, "--weights", tiny_weights, cwd=tmp_path, stdin=stdin)
        assert "Traceback" not in done.stderr
        return done

    return call


def save_photo(file: Path, height: int = 40, width: int = 56, seed: int = 0) -> Path:
    Pillow.fromarray(random_photo(height, width, seed)).save(file)
    return file


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


LIGHT = """
import sys
from blurlive.cli.app import main
try:
    main()
finally:
    print(sorted({"torch", "PIL", "cv2", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


def test_help_and_version_do_not_import_torch(tmp_path: Path) -> None:
    for arguments in (["--help"], ["extract", "--help"], ["--version"]):
        command = [sys.executable, "-c", LIGHT, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=ENV, check=False)
        assert done.returncode == 0
        assert done.stderr.decode().strip() == "[]"


TAB = """
eval "$(_BLURLIVE_COMPLETE=source_bash blurlive)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_blurlive_completion blurlive
printf '%s\n' "${COMPREPLY[@]}"
complete -p blurlive
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="completes in bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sl"], {"slowmo"}),
        (["weights", "p"], {"path", "publish"}),
        (["extract", "--over"], {"--overwrite"}),
        (["extract", "a.p"], {""}),
    ],
)
def test_bash_completes_commands_and_options_at_once(tmp_path: Path, words: list[str], offered: set[str]) -> None:
    program = tmp_path / "blurlive"
    program.write_text(f"#!{sys.executable}\n{LIGHT}")
    program.chmod(0o755)
    env = ENV | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", "-c", TAB, "bash", "blurlive", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    *found, registered = done.stdout.splitlines()
    assert set(found) == offered
    assert registered == "complete -o default -F _blurlive_completion blurlive", "files where nothing else is offered"
    assert set(done.stderr.splitlines()) == {"[]"}, "nothing heavy is imported"


def test_extract_writes_a_video_of_the_photos_size_beside_it(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "photo.png")
    done = run("extract", "photo.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "photo.mp4\n"
    video = iio.imread(tmp_path / "photo.mp4")
    assert video.shape[1:] == (40, 56, 3)
    assert len(video) == 35  # seven frames at 10 a second, repeated to last three seconds
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.mp4", "photo.png"]


def test_several_results_in_one_run(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    results = ["a.webm", "a.gif", "a.webp", "b.png", "a.sheet.png", "a.side.mp4", "frames"]
    done = run("extract", "a.png", *(argument for name in results for argument in ("-o", name)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*results[:6], "frames"]
    for name in ("a.gif", "a.webp", "b.png"):
        with Pillow.open(tmp_path / name) as animation:
            assert animation.n_frames == 7
            assert animation.size == (56, 40)
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == [f"{i:04}.png" for i in range(1, 8)]


def test_frames_folder_reverse_and_boomerang_agree(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    for name, options in (("forth", []), ("back", ["--reverse"]), ("both", ["--boomerang"])):
        assert run("extract", "a.png", "-o", name, *options).returncode == 0

    def frames(name: str) -> list[np.ndarray]:
        return [np.asarray(Pillow.open(file)) for file in sorted((tmp_path / name).iterdir())]

    forth, both = frames("forth"), frames("both")
    assert len(forth) == 7
    assert len(both) == 12
    np.testing.assert_array_equal(both, forth + forth[-2:0:-1])
    assert not np.array_equal(frames("back"), forth)


def test_slowmo_gives_forty_two_frames(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png", 16, 24)
    done = run("slowmo", "a.png", "--iters", "2", "-o", "frames/")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "frames").glob("*.png"))) == 42


def test_several_photos_go_to_a_folder_each_and_a_bad_one_does_not_stop_them(run, tmp_path: Path) -> None:
    photos = tmp_path / "in"
    photos.mkdir()
    for i in range(9):
        save_photo(photos / f"{i}.png", 16, 16, i)
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff but no more")
    done = run("extract", "in", "-o", "out", "--format", "gif")
    assert done.returncode == 3
    assert len(list((tmp_path / "out").glob("*.gif"))) == 9
    errors = done.stderr.strip().splitlines()
    assert "bad.jpg" in errors[0]
    assert errors[1].startswith("9 done, 0 skipped, 1 failed in ")


def test_json_has_a_line_per_photo(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    done = run("extract", "a.png", "missing.png", "-o", "out", "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["status"] == "done"
    assert first["frames"] == 7
    assert (first["width"], first["height"]) == (56, 40)
    assert set(first["seconds"]) == {"decode", "network", "encode"}
    assert second["status"] == "failed"
    assert second["exit_code"] == 3 == done.returncode
    assert "missing.png" in second["error"]


def test_dry_run_writes_nothing(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    done = run("extract", "a.png", "--format", "mp4", "--format", "sheet", "--dry-run")
    assert done.returncode == 0
    assert done.stdout.split() == ["a.mp4", "a.sheet.png"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_existing_results_are_kept_skipped_or_replaced_as_asked(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    target = tmp_path / "a.gif"
    target.write_bytes(b"precious")
    refused = run("extract", "a.png", "-o", "a.gif")
    assert refused.returncode == 5
    assert "--overwrite" in one_line(refused)
    skipped = run("extract", "a.png", "-o", "a.gif", "--skip-existing")
    assert skipped.returncode == 0
    assert target.read_bytes() == b"precious"
    assert run("extract", "a.png", "-o", "a.gif", "--overwrite").returncode == 0
    assert target.read_bytes()[:3] == b"GIF"


def test_a_photo_from_standard_input(run, tmp_path: Path) -> None:
    data = save_photo(tmp_path / "a.png").read_bytes()
    done = run("extract", "-", "-o", "x.gif", stdin=data)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.gif").exists()


def test_max_side_shrinks(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png", 40, 80)
    assert run("extract", "a.png", "-o", "x.gif", "--max-side", "20").returncode == 0
    assert Pillow.open(tmp_path / "x.gif").size == (20, 10)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.png"], 3, "missing.png"),
        (["empty.png"], 3, "empty"),
        (["text.txt"], 3, "text.txt"),
        (["cut.png"], 3, "cut.png"),
        (["folder"], 3, "folder"),
        (["a.png", "-o", "no/such/folder/x.mp4"], 5, "no/such/folder"),
        (["a.png", "-o", "x.docx"], 5, "x.docx"),
        (["a.png", "--device", "cuda:99"], 6, "cuda:99"),
        (["a.png", "--device", "abacus"], 6, "abacus"),
        (["a.png", "--dtype", "int4"], 6, "int4"),
        (["a.png", "--format", "docx"], 2, "docx"),
        (["a.png", "a.png", "b.png", "-o", "x.mp4"], 2, "x.mp4"),
        (["a.png", "--overwrite", "--skip-existing"], 2, "--skip-existing"),
    ],
)
def test_every_mistake_is_one_line_and_its_exit_code(
    run, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    whole = save_photo(tmp_path / "a.png").read_bytes()
    save_photo(tmp_path / "b.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder").mkdir()
    before = sorted(p.name for p in tmp_path.rglob("*"))
    done = run("extract", *arguments)
    assert done.returncode == code, done.stderr
    assert words in one_line(done)
    assert done.stdout == ""
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "content"), [("none.safetensors", None), ("bad.safetensors", b"junk"), ("old.pth", b"junk")]
)
def test_bad_weights_are_one_line_and_code_four(tmp_path: Path, name: str, content: bytes | None) -> None:
    save_photo(tmp_path / "a.png")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = blurlive("extract", "a.png", "--weights", name, cwd=tmp_path)
    assert done.returncode == 4
    assert name in one_line(done)


def test_loop_for_ever_is_for_animations_only(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png", 16, 16)
    assert run("extract", "a.png", "-o", "x.gif", "--loop", "2").returncode == 0
    with Pillow.open(tmp_path / "x.gif") as gif:
        assert gif.info["loop"] in (1, 2)  # GIF counts repetitions after the first play
    assert run("extract", "a.png", "-o", "x.mp4", "--loop", "2").returncode == 0
    assert len(iio.imread(tmp_path / "x.mp4")) == 14


def test_control_c_leaves_nothing_behind(tmp_path: Path, tiny_weights: Path) -> None:
    save_photo(tmp_path / "a.png", 64, 64)
    command = [
        sys.executable,
        "-m",
        "blurlive",
        "slowmo",
        "a.png",
        "--iters",
        "4",
        "-o",
        "x.mp4",
        "--weights",
        str(tiny_weights),
    ]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 90
    while len(list(tmp_path.iterdir())) == 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) > 1, "writing has begun"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_info_says_what_a_bug_report_needs(tmp_path: Path) -> None:
    done = blurlive("info", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert {"blurlive", "python", "torch", "device", "dtype", "ffmpeg", "hub cache", "default weights"} <= set(facts)


def test_weights_commands(tmp_path: Path, tiny_weights: Path) -> None:
    listed = blurlive("weights", "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "* blurlive-base" in listed.stdout
    assert blurlive("weights", "path", cwd=tmp_path).stdout.strip().endswith("blurlive-base.safetensors")
    verified = blurlive("weights", "verify", tiny_weights, cwd=tmp_path)
    assert verified.stdout.split()[1] == str(tiny_weights)
    about = json.loads(blurlive("weights", "info", tiny_weights, "--json", cwd=tmp_path).stdout)
    assert about["stage"] == "none"


def test_a_dry_run_leaves_out_what_would_be_skipped(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    (tmp_path / "a.mp4").write_bytes(b"there")
    done = run("extract", "a.png", "--format", "mp4", "--format", "gif", "--skip-existing", "--dry-run")
    assert done.stdout.split() == ["a.gif"]


def test_info_and_a_wrong_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENV, "IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    done = blurlive("info", cwd=tmp_path)
    assert (done.returncode, "does not run" in done.stdout) == (0, True), done.stderr


def test_a_strangers_weights_cannot_write_to_the_terminal_and_may_be_called_anything(tmp_path: Path) -> None:
    plain = tmp_path / "plain.safetensors"
    weights.save(random_net(), plain, {"title": "\x1b[31mred"})
    file = plain.rename(tmp_path / os.fsdecode(b"\xff.safetensors"))
    strict = {**ENV, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(
        [sys.executable, "-m", "blurlive", "weights", "path", file], capture_output=True, env=strict, check=True
    )
    assert done.stdout == os.fsencode(file) + b"\n"
    about = blurlive("weights", "info", file.rename(plain), cwd=tmp_path)
    assert "\\x1b[31mred" in about.stdout


def test_an_extra_that_is_missing_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['blurlive', 'synthesize', '.', '-o', 'x']; sys.modules['cv2'] = None\n"
        "from blurlive.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, env=ENV, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        'blurlive: cv2 is not installed, which this command needs; pip install "blurlive[train]"'
    ]
