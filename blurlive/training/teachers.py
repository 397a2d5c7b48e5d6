"""Networks that only judge: which feature extractor and which flow network a run uses, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import WeightsError, reason
from ..files import save_tensors, sha256
from ..models.features import LAYERS, Derivatives, Vgg, vgg_keys
from ..models.flow import FlowConfig, FlowNet
from ..weights import bundled_folder, find

HUB_VGG = "hf://timm/vgg19.tv_in1k/model.safetensors"
"""The paper's VGG19, with torchvision's weights under torchvision's names."""
FLOW_FORMAT = "blurlive-flow-1"
BUNDLED = "teachers"
"""Subfolder of the bundled weights in which judges lie: ``vgg*.safetensors`` and ``flow.safetensors``."""


@dataclass(frozen=True)
class Teacher:
    """A frozen network, or none; ``name`` says which, for people and for the weights file that it helped to make. A run
    goes on with judges of the same names only, so what may change from day to day is in ``note``."""

    net: nn.Module | None
    name: str
    note: str = ""


def feature_teacher(address: str = "auto") -> Teacher:
    """The feature extractor of Eq. 1 and 6: ``none``, ``derivatives``, a VGG file or ``hf://`` address, or ``auto``.

    ``auto`` takes a bundled VGG, then the Hub's VGG19, and without both falls back on :class:`Derivatives`, whose name
    says so. Raises :class:`WeightsError` if a named file holds no VGG.
    """
    if address == "none":
        return Teacher(None, "none")
    if address == "derivatives":
        return Teacher(Derivatives(), "derivatives (no weights)")
    if address != "auto":
        return _vgg(find(address))
    bundled = sorted((bundled_folder() / BUNDLED).glob("vgg*.safetensors"), reverse=True)
    try:
        return _vgg(bundled[0] if bundled else _cached_or_fetched(HUB_VGG))
    except WeightsError as error:
        if bundled:
            raise
        return Teacher(Derivatives(), "derivatives, as no VGG19 is at hand", f"no VGG19: {error}")


def flow_teacher(address: str = "auto") -> Teacher:
    """The flow network of Eq. 4: ``none``, a file or ``hf://`` address, or ``auto``: the bundled one, and none without
    it.

    Raises :class:`WeightsError` if a named file holds no flow network of ours.
    """
    file = bundled_folder() / BUNDLED / "flow.safetensors"
    if address == "none" or (address == "auto" and not file.is_file()):
        return Teacher(None, "none" if address == "none" else "none, as none is bundled")
    file = file if address == "auto" else find(address)
    return Teacher(_frozen(load_flow(file)), f"{file.name} sha256 {sha256(file)[:12]}")


def save_flow(net: FlowNet, file: Path, about: Mapping[str, str]) -> None:
    """Write a flow network that describes itself, whole or not at all. Raises :class:`OutputError`."""
    metadata = {"format": FLOW_FORMAT, "architecture": json.dumps(asdict(net.config)), "about": json.dumps(dict(about))}
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in net.state_dict().items()}
    save_tensors(file, tensors, metadata)


def load_flow(file: Path) -> FlowNet:
    """Read what :func:`save_flow` wrote. Raises :class:`WeightsError`."""
    tensors, metadata = _read(file)
    if metadata.get("format") != FLOW_FORMAT:
        raise WeightsError(
            f"{file}: not a flow network of blurlive ({FLOW_FORMAT}); make one with examples/train_flow.py"
        )
    try:
        sizes: dict[str, Any] = json.loads(metadata["architecture"])
        sizes = {key: tuple(size) if isinstance(size, list) else size for key, size in sizes.items()}
        with torch.device("meta"):  # no memory for what a damaged file may ask for
            net = FlowNet(FlowConfig(**sizes))
        net.load_state_dict(tensors, assign=True)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(f"{file}: its tensors do not fit the network it describes ({reason(error)})") from error
    return net


def _vgg(file: Path) -> Teacher:
    tensors, _ = _read(file)
    convolutions = {name for name in tensors if name.startswith("features.")}  # the file may hold the classifier too
    name = next((name for name in LAYERS if vgg_keys(name) == convolutions), None)
    if name is None:
        raise WeightsError(f"{file}: not a VGG16 or VGG19 under torchvision's names; give timm's or a converted file")
    net = Vgg(name)
    try:
        net.load_state_dict({key: tensors[key] for key in sorted(convolutions)})
    except RuntimeError as error:
        raise WeightsError(f"{file}: its tensors are not those of {name} ({reason(error)})") from error
    return Teacher(_frozen(net), f"{name} {file.name} sha256 {sha256(file)[:12]}")


def _cached_or_fetched(address: str) -> Path:
    try:
        return find(address, offline=True)
    except WeightsError:
        return find(address)


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(file, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118  # not a mapping
            return tensors, dict(stored.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{file}: cannot be read as safetensors ({reason(error)}); convert or download it again"
        ) from error


def _frozen(net: nn.Module) -> nn.Module:
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
