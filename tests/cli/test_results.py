"""Photos in, clips out."""

from __future__ import annotations

import json
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image as Pillow

from .conftest import one_line, save_photo


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
    flip = ["--flip", "0,0,100,50", "--flip", "0,50,100,100"]
    for name, options in (("forth", []), ("back", ["--reverse"]), ("both", ["--boomerang"]), ("halves", flip)):
        assert run("extract", "a.png", "-o", name, *options).returncode == 0

    def frames(name: str) -> list[np.ndarray]:
        return [np.asarray(Pillow.open(file)) for file in sorted((tmp_path / name).iterdir())]

    forth, both = frames("forth"), frames("both")
    assert len(forth) == 7
    assert len(both) == 12
    np.testing.assert_array_equal(both, forth + forth[-2:0:-1])
    assert not np.array_equal(frames("back"), forth)
    np.testing.assert_array_equal(frames("halves"), frames("back"))


def test_slowmo_gives_forty_two_frames(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png", 16, 24)
    done = run("slowmo", "a.png", "--iters", "2", "-o", "frames/")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "frames").glob("*.png"))) == 42


def test_several_photos_go_to_one_folder_and_a_bad_one_does_not_stop_them(run, tmp_path: Path) -> None:
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
    start = time.perf_counter()
    done = run("extract", "a.png", "missing.png", "-o", "out", "--json")
    passed = time.perf_counter() - start
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["status"] == "done"
    assert first["frames"] == 7
    assert (first["width"], first["height"]) == (56, 40)
    assert set(first["seconds"]) == {"decode", "network", "encode"}
    assert min(first["seconds"].values()) > 0
    assert sum(first["seconds"].values()) < passed
    assert second["status"] == "failed"
    assert second["exit_code"] == 3 == done.returncode
    assert "missing.png" in second["error"]


def test_json_tells_what_was_there_already(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    (tmp_path / "a.gif").touch()
    for status, made in (("done", ["a.webp"]), ("skipped", [])):
        kinds = ("--format", "gif", "--format", "webp")
        told = json.loads(run("extract", "a.png", *kinds, "--skip-existing", "--json").stdout)
        assert (told["status"], told["outputs"]) == (status, made)
        assert told["skipped"] == (["a.gif"] if made else ["a.gif", "a.webp"])


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


def test_a_dry_run_leaves_out_what_would_be_skipped(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png")
    (tmp_path / "a.mp4").write_bytes(b"there")
    done = run("extract", "a.png", "--format", "mp4", "--format", "gif", "--skip-existing", "--dry-run")
    assert done.stdout.split() == ["a.gif"]


def test_loop_for_ever_is_for_animations_only(run, tmp_path: Path) -> None:
    save_photo(tmp_path / "a.png", 16, 16)
    assert run("extract", "a.png", "-o", "x.gif", "--loop", "2").returncode == 0
    with Pillow.open(tmp_path / "x.gif") as gif:
        assert gif.info["loop"] == 1  # GIF counts repetitions after the first play
    assert run("extract", "a.png", "-o", "x.mp4", "--loop", "2").returncode == 0
    assert len(iio.imread(tmp_path / "x.mp4")) == 14
    assert run("extract", "a.png", "-o", "y.gif", "-o", "y.mp4", "--loop", "0").returncode == 0
    with Pillow.open(tmp_path / "y.gif") as gif:
        assert (gif.info["loop"], getattr(gif, "n_frames", 1)) == (0, 7)
    assert len(iio.imread(tmp_path / "y.mp4")) == 35
