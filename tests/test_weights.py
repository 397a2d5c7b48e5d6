"""Weights: found, described, refused when they are not what they claim."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from blurlive import weights
from blurlive.errors import OutputError, WeightsError
from blurlive.files import sha256

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
    assert weights.verify(file) == sha256(file)
    assert sha256(file) in (weights.bundled_folder() / weights.SUMS).read_text()
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
    tensors = load_file(tiny_weights)
    with safe_open(tiny_weights, "pt") as stored:
        metadata = stored.metadata()
    tensors.pop("generator.head.weight")
    save_file(tensors, tmp_path / "wrong.safetensors", metadata)
    with pytest.raises(WeightsError, match="do not fit"):
        weights.load(tmp_path / "wrong.safetensors")


def damaged(file: Path, target: Path, architecture: object) -> Path:
    with safe_open(file, "pt") as stored:
        metadata = stored.metadata()
    save_file(load_file(file), target, {**metadata, "architecture": json.dumps(architecture)})
    return target


def sizes(**changed: object) -> dict[str, dict[str, object]]:
    """The tiny network's sizes with some of the ``generator``'s changed, and ``width``, the director's."""
    whole = TINY.as_dict()
    director = {"width": changed.pop("width")} if "width" in changed else whole["director"]
    return {"generator": {**whole["generator"], **changed}, "director": director}


@pytest.mark.parametrize("width", [-1, 0, 9, 20_000, 10**6, 10**12, 10**30, 1.5, float("nan"), "8", None, [8]])
def test_sizes_that_are_damaged_are_one_line(tiny_weights: Path, tmp_path: Path, width: object) -> None:
    for architecture in (sizes(width=width), sizes(widths=[width] * 4), sizes(channels=width)):
        file = damaged(tiny_weights, tmp_path / "damaged.safetensors", architecture)
        with pytest.raises(WeightsError, match=r"damaged\.safetensors: ") as refused:
            weights.load(file)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 500


def test_more_parameters_than_the_file_has_bytes_take_no_memory(tiny_weights: Path, tmp_path: Path) -> None:
    architecture = sizes(width=65_536)  # 350 TiB
    with pytest.raises(WeightsError, match="parameters do not fit into"):
        weights.read_card(damaged(tiny_weights, tmp_path / "a.safetensors", architecture))
    torch.save({"architecture": architecture, "tensors": {}}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="parameters do not fit into"):
        weights.convert(tmp_path / "a.pt", tmp_path / "b.safetensors")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ARCHITECTURES = JSON | st.builds(
    lambda generator, director: {"generator": generator, "director": director},
    st.fixed_dictionaries({"widths": JSON}, optional={"channels": JSON, "directed": JSON, "init": JSON}),
    st.fixed_dictionaries({}, optional={"width": JSON}),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(architecture=ARCHITECTURES)
def test_any_description_is_read_or_refused(tiny_weights: Path, tmp_path: Path, architecture: object) -> None:
    with contextlib.suppress(WeightsError):
        weights.read_card(damaged(tiny_weights, tmp_path / "any.safetensors", architecture))


def test_saving_where_there_is_no_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no/such/net\.safetensors"):
        weights.save(random_net(), tmp_path / "no" / "such" / "net.safetensors", {})


@pytest.mark.parametrize(
    "address", ["hf://", "hf://only-one", "hf://org/repo", "hf://org/repo/../secret", "hf://a b/repo/file"]
)
def test_a_hub_address_that_is_none_is_explained(address: str) -> None:
    with pytest.raises(WeightsError, match=f"^{address}: not a Hub address"):
        weights.find(address)


GUARDED = """
import os, socket, sys

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        if event != "socket.connect" or not isinstance(arguments[1], (str, bytes)):  # else a path: AF_UNIX
            print("network:", event, arguments[1:], flush=True)
            os._exit(99)

sys.addaudithook(guard)
from blurlive.cli.app import main
try:
    main()
except SystemExit as end:
    print("exit", end.code, flush=True)
socket.create_connection(("127.0.0.1", 9))
"""


def test_a_photo_needs_no_network(photo_file: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    command = [sys.executable, "-c", GUARDED, "extract", str(photo_file), "-o", str(photo_file.with_name("x.gif"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    written, end, guarded = done.stdout.splitlines()
    assert written.endswith("x.gif")
    assert end == "exit 0"
    assert guarded.startswith("network: socket."), "the guard was awake"
