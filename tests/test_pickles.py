"""Pickles of weights: converted without running them, never loaded as they are."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from blurlive import weights
from blurlive.cli.app import main
from blurlive.errors import WeightsError

from .conftest import TINY, random_net


def test_a_legacy_pickle_is_converted_without_running_it(tmp_path: Path) -> None:
    net = random_net()
    torch.save(
        {"architecture": TINY.as_dict(), "about": {"stage": "base"}, "tensors": net.state_dict()}, tmp_path / "a.pth"
    )
    file = weights.convert(tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert weights.read_card(file).about == {"stage": "base"}
    for name, tensor in weights.load(file)[0].state_dict().items():
        torch.testing.assert_close(tensor, net.state_dict()[name], atol=1e-2, rtol=1e-2)  # by default in half precision
    lacking = {name: tensor for name, tensor in net.state_dict().items() if name != "generator.head.weight"}
    torch.save({"architecture": TINY.as_dict(), "tensors": lacking}, tmp_path / "b.pth")
    with pytest.raises(WeightsError, match=r"generator\.head\.weight"):
        weights.convert(tmp_path / "b.pth", tmp_path / "b.safetensors")
    assert not (tmp_path / "b.safetensors").exists()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command line in this process: its exit code, and the one line that it complains in."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["blurlive", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        (line,) = capsys.readouterr().err.splitlines()
        return end.value.code, line

    return call


class Evil:
    """Marks that it was unpickled, by the shell, where it says."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


def written_by_torch(evil: Evil, file: Path) -> None:
    torch.save({"architecture": TINY.as_dict(), "tensors": evil}, file)


def written_by_old_torch(evil: Evil, file: Path) -> None:
    torch.save({"tensors": evil}, file, _use_new_zipfile_serialization=False)


def written_by_pickle(evil: Evil, file: Path) -> None:
    file.write_bytes(pickle.dumps(evil))


@pytest.mark.parametrize("write", [written_by_torch, written_by_old_torch, written_by_pickle])
def test_a_pickle_with_code_in_it_is_refused_and_its_code_does_not_run(
    command, tmp_path: Path, photo_file: Path, write: Callable[[Evil, Path], None]
) -> None:
    mark, file, disguised = tmp_path / "harmed", tmp_path / "evil.pt", tmp_path / "evil.safetensors"
    write(Evil(mark), file)
    disguised.write_bytes(file.read_bytes())
    out = tmp_path / "out.safetensors"
    for network in ("blurlive", "vgg16", "lpips"):
        code, line = command("weights", "convert", file, out, "--network", network)
        assert (code, "evil.pt" in line) == (4, True)
    for weights_file in (file, disguised):
        code, line = command("extract", photo_file, "--weights", weights_file, "-o", tmp_path / "x.gif")
        assert (code, weights_file.name in line) == (4, True)
    assert not mark.exists()
    assert not out.exists()
    torch.load(file, weights_only=False) if write is not written_by_pickle else pickle.loads(file.read_bytes())
    assert mark.exists(), "it would have done harm"


@pytest.mark.parametrize(
    ("target", "refusal", "words"),
    [
        ("a.safetensors", 5, "a.safetensors: exists already; use --overwrite"),
        ("a.pt", 2, "a.pt: is the pickle itself"),
        ("no/a.safetensors", 5, "no/a.safetensors: the folder no does not exist"),
        ("folder", 5, "folder: is a folder"),
    ],
)
def test_conversion_spares_what_is_there(
    command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, refusal: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pt").write_text("a pickle")
    Path("a.safetensors").write_text("precious")
    Path("folder").mkdir()
    code, line = command("weights", "convert", "a.pt", target)
    assert (code, words in line) == (refusal, True), line
    assert (Path("a.pt").read_text(), Path("a.safetensors").read_text()) == ("a pickle", "precious")
