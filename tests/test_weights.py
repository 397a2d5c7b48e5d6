"""Weights: found, described, refused when they are not what they claim."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from blurlive import weights
from blurlive.errors import OutputError, WeightsError

from .conftest import TINY, random_net


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    net, file = random_net(), tmp_path / "net.safetensors"
    weights.save(net, file, {"stage": "base", "licence": "MIT"}, torch.float32)
    loaded, card = weights.load(file)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=0)
    assert card.config == TINY
    assert card.about == {"stage": "base", "licence": "MIT"}
    assert card.parameters == sum(p.numel() for p in net.parameters())
    assert not loaded.training


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    net = random_net()
    weights.save(net, tmp_path / "half.safetensors", {})
    weights.save(net, tmp_path / "full.safetensors", {}, torch.float32)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.65 * (tmp_path / "full.safetensors").stat().st_size
    assert next(iter(weights.load(tmp_path / "half.safetensors")[0].parameters())).dtype == torch.float32


def test_the_bundled_default_is_there_and_is_what_was_published() -> None:
    file = weights.find()
    assert file.stem == weights.DEFAULT
    assert weights.verify(file) == weights.sha256(file)
    assert weights.sha256(file) in (weights.bundled_folder() / weights.SUMS).read_text()
    about = weights.read_card(file).about
    assert {"stage", "recipe", "data", "licence", "images"} <= set(about)


def test_a_bundled_file_that_was_changed_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "some.safetensors"
    weights.save(random_net(), file, {})
    (tmp_path / weights.SUMS).write_text(f"{'0' * 64}  some.safetensors\n")
    monkeypatch.setattr(weights, "bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="sha256"):
        weights.verify(weights.find("some"))


def test_unknown_weights_are_told_with_the_names_there_are() -> None:
    with pytest.raises(WeightsError, match=f"nothing-like-it.*{weights.DEFAULT}"):
        weights.find("nothing-like-it")


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a folder"):
        weights.find(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\xff" * 100])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.safetensors.*cannot be read"):
        weights.load(file)


def test_a_truncated_file_is_refused(tiny_weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "half.safetensors"
    file.write_bytes(tiny_weights.read_bytes()[:-500])
    with pytest.raises(WeightsError, match=r"half\.safetensors"):
        weights.load(file)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    file = tmp_path / "old.pth"
    torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="convert"):
        weights.load(file)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, foreign)
    with pytest.raises(WeightsError, match="not blurlive weights"):
        weights.load(foreign)


def test_tensors_that_do_not_fit_the_description_are_refused(tiny_weights: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    tensors = load_file(tiny_weights)
    with safe_open(tiny_weights, "pt") as stored:
        metadata = stored.metadata()
    tensors.pop("generator.head.weight")
    save_file(tensors, tmp_path / "wrong.safetensors", metadata)
    with pytest.raises(WeightsError, match="do not fit"):
        weights.load(tmp_path / "wrong.safetensors")


def test_a_legacy_pickle_is_converted_without_running_it(tmp_path: Path) -> None:
    net = random_net()
    torch.save(
        {"architecture": TINY.as_dict(), "about": {"stage": "base"}, "tensors": net.state_dict()}, tmp_path / "a.pth"
    )
    file = weights.convert(tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert weights.read_card(file).about == {"stage": "base"}


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("__import__('pathlib').Path('harmed').touch()",))


def test_a_pickle_with_code_in_it_is_refused_and_its_code_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"tensors": Evil()}, "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth"):
        weights.convert(Path("evil.pth"), tmp_path / "out.safetensors")
    assert not (tmp_path / "harmed").exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_saving_where_there_is_no_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no/such/net\.safetensors"):
        weights.save(random_net(), tmp_path / "no" / "such" / "net.safetensors", {})


@pytest.mark.parametrize("address", ["hf://", "hf://only-one", "hf://org/repo"])
def test_a_hub_address_that_is_none_is_explained(address: str) -> None:
    with pytest.raises(WeightsError, match="hf://org/repo/file"):
        weights.find(address)


def test_offline_never_asks_the_network() -> None:
    with pytest.raises(WeightsError, match="--offline"):
        weights.find("hf://blurlive/no-such-repo/no.safetensors", offline=True)
