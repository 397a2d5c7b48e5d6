"""Weights: where they are, whether they are what they claim, and how a network is built from them.

A weights file is a safetensors file that describes itself: architecture, stage, recipe, data and licence are JSON in
its metadata. It is asked for by the name of a bundled file, by a path, or by ``hf://org/repo[@revision]/file``. Pickles
are never loaded.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .errors import WeightsError, reason
from .files import save_tensors, sha256
from .hub import SCHEME, fetch, published
from .models.restorer import Restorer, RestorerConfig, restorer_config

DEFAULT = "blurlive-base"
"""Name of the bundled weights that are used when none are asked for."""
EXPORTED = "weights.safetensors"
"""What a training run calls its weights."""
FORMAT = "blurlive-1"
SUMS = "SHA256SUMS"
DTYPES = (torch.float16, torch.bfloat16, torch.float32)
"""Number formats in which a file may hold its tensors."""


@dataclass(frozen=True)
class Card:
    """What a weights file says of itself. ``about`` holds stage, recipe, data, licence and figures."""

    file: Path
    config: RestorerConfig
    about: dict[str, Any]
    parameters: int


def bundled_folder() -> Path:
    """The folder of the bundled weights: inside the installed package, or ``weights/`` of a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "bundled"
    return installed if installed.is_dir() else here.parent / "weights"


def bundled() -> dict[str, Path]:
    """Bundled weights files by name."""
    return {file.stem: file for file in sorted(bundled_folder().glob("*.safetensors"))}


def find(weights: str | Path | None = None, *, offline: bool = False) -> Path:
    """The file of a bundled name, a path or an ``hf://`` address (see :func:`blurlive.hub.fetch`).

    Raises :class:`WeightsError` that lists the bundled names if there is no such thing.
    """
    asked = str(weights or DEFAULT)
    if asked.startswith(SCHEME):
        return fetch(asked, offline=offline)
    named = bundled().get(asked)
    if named is not None:
        return named
    file = Path(asked).expanduser()
    if file.is_dir():
        raise WeightsError(f"{asked}: is a folder; give the .safetensors file in it")
    if not file.is_file():
        names = ", ".join(bundled()) or "none"
        raise WeightsError(
            f"{asked}: no such weights; give a .safetensors file, hf://org/repo/file, or one of: {names}"
        )
    return file


def read_card(file: Path) -> Card:
    """Read a file's own description without its tensors. Raises :class:`WeightsError` if it is none of ours."""
    return _read(file)[1]


def _read(file: Path) -> tuple[Restorer, Card]:
    """The network that a file describes, without tensors yet, and its card."""
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(_unreadable(file, error)) from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{file}: safetensors, but not blurlive weights ({FORMAT}); train or download some")
    try:
        net = _described(json.loads(metadata["architecture"]), file)
        about = dict(json.loads(metadata["about"]))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(
            f"{file}: its description is damaged or of a newer version ({reason(error)}); upgrade blurlive"
        ) from error
    return net, Card(file, net.config, about, _parameters(net))


def _described(architecture: dict[str, Any], file: Path) -> Restorer:
    """The network without memory for its tensors: what a damaged file asks for may be larger than the machine."""
    with torch.device("meta"):
        net = Restorer(restorer_config(architecture))
    if _parameters(net) > file.stat().st_size:  # each takes two bytes or more
        raise ValueError(f"{_parameters(net)} parameters do not fit into {file.stat().st_size} bytes")
    return net


def _parameters(net: Restorer) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _unreadable(file: Path, error: Exception) -> str:
    if file.suffix in {".pt", ".pth", ".ckpt", ".bin", ".pkl"}:
        return f"{file}: a pickle can run code when loaded; turn it into safetensors with `blurlive weights convert`"
    return f"{file}: cannot be read as safetensors ({reason(error)}); download it again"


def load(weights: str | Path | None = None, *, offline: bool = False) -> tuple[Restorer, Card]:
    """A restorer in fp32 on the CPU, ready to infer, and its card. Raises :class:`WeightsError`."""
    net, card = _read(find(weights, offline=offline))
    try:
        with safe_open(card.file, framework="pt") as stored:
            tensors = {name: _real(stored.get_tensor(name)) for name in stored.keys()}  # noqa: SIM118
        net.load_state_dict(tensors, assign=True)
    except (OSError, SafetensorError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{card.file}: the tensors do not fit the network it describes ({reason(error)})") from error
    return net.eval().requires_grad_(False), card


def _real(stored: Tensor) -> Tensor:
    if stored.dtype not in DTYPES:
        raise TypeError(f"{stored.dtype} where float16, bfloat16 or float32 is needed")
    return stored.float()


def save(net: Restorer, file: Path, about: Mapping[str, Any], dtype: torch.dtype = torch.float16) -> None:
    """Write a self-describing weights file, whole or not at all. Raises :class:`OutputError`."""
    tensors: dict[str, Tensor] = {
        name: value.detach().to("cpu", dtype).contiguous() for name, value in net.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "architecture": json.dumps(net.config.as_dict()),
        "about": json.dumps(dict(about)),
    }
    save_tensors(file, tensors, metadata)


def convert(source: Path, target: Path) -> Path:
    """Turn a legacy pickle of a blurlive state dict into a weights file; ``weights_only``, so that no code in it runs.

    The pickle holds ``{"architecture": ..., "about": ..., "tensors": {...}}``. Raises :class:`WeightsError`.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickle protocols, where one error is to be one line
            stored = torch.load(source, map_location="cpu", weights_only=True)
        about = json.loads(json.dumps(dict(stored.get("about", {}))))
        net = _described(stored["architecture"], source).to_empty(device="cpu")
        net.load_state_dict(stored["tensors"])
    except FileNotFoundError:
        raise WeightsError(f"{source}: no such file") from None
    except Exception as error:  # a hostile or foreign pickle can raise anything at all
        raise WeightsError(
            f"{source}: not a pickle of blurlive tensors that is safe to read ({reason(error)})"
        ) from error
    save(net, target, about)
    return target


def verify(file: Path) -> str:
    """Digest of a weights file that loads and, if it is bundled or from the Hub, is what was published. Raises
    :class:`WeightsError`."""
    load(file)
    digest, expected = sha256(file), _expected(file)
    if expected not in (None, digest):
        raise WeightsError(
            f"{file.resolve()}: is not what was published (sha256 {digest[:12]}…, expected {str(expected)[:12]}…); "
            "remove it and install or download it again"
        )
    return digest


def _expected(file: Path) -> str | None:
    """The digest by ``SHA256SUMS`` of a bundled file, by the Hub of one in its cache, None of any other."""
    if file.resolve().parent == bundled_folder().resolve():
        return _pinned().get(file.name)
    return published(file)


def _pinned() -> dict[str, str]:
    sums = bundled_folder() / SUMS
    rows = (line.split(maxsplit=1) for line in sums.read_text().splitlines()) if sums.is_file() else ()
    return {name.strip(): digest for digest, name in rows}
