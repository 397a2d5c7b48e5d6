"""Shards, names and streams."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from blurlive.cli.batch import shard_of
from blurlive.cli.ui import Bar
from blurlive.cli.work import Result
from blurlive.errors import UsageError

from .conftest import save, visible


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
    said = run("a.png", "b.png", "d.png", "--format", "webp", "--device", "abacus")
    assert ", 1 failed, 2 not tried in " in said.err


def test_the_bar_counts_all_frames_of_a_photo_that_is_reported() -> None:
    shown: list[int] = []
    bar = Bar(shown.append, 7)
    bar.frame()
    bar.frame()
    bar.photo()  # it failed after two frames
    bar.photo()  # it was skipped
    for _ in range(7):
        bar.frame()
    bar.photo()
    assert shown == [1, 2, 7, 14, *range(15, 22), 21]


def test_a_photo_that_memory_does_not_suffice_for_is_one_that_failed() -> None:
    result = Result("a.png")
    with result.telling():
        raise MemoryError
    assert (result.status, result.exit_code) == ("failed", 3)
    assert result.error == "a.png: needs more memory than there is; use --max-side"


def test_a_dry_run_tells_what_is_in_the_way(run, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "a.gif").touch()
    asked = ("a.png", "--format", "gif", "--format", "webp", "--dry-run")
    said = run(*asked)
    assert (said.code, said.out.split()) == (0, [b"a.gif", b"a.webp"])
    assert "a.gif exists already" in said.err
    assert run(*asked, "--overwrite").err == run("a.png", "-o", "new/", "--dry-run").err == ""


def test_a_clip_to_standard_output(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png")
    said = run("a.png", "-o", "-")
    assert (said.code, said.err) == (0, "")
    assert said.out[4:8] == b"ftyp"
    assert run("a.png", "-o", "-", "--format", "gif", "--skip-existing").out.startswith(b"GIF89a")
    assert visible(tmp_path) == ["a.png"]
    assert run("a.png", "-o", "./-").out == b"-\n"
    assert len(visible(tmp_path / "-")) == 7, "a folder of that name is none"
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
