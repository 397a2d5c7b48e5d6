"""``blurlive info``: what a bug report needs to say about a machine."""

from __future__ import annotations

import json as jsonlib
import platform
import sys
from typing import Annotated, Any

import typer

from .. import __version__


def info(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Versions, devices, ffmpeg, caches and weights of this machine, for bug reports."""
    facts = _facts()
    if json:
        typer.echo(jsonlib.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        typer.echo(f"{name:<{width}}  {value}")


def _facts() -> dict[str, Any]:
    import torch
    from huggingface_hub.constants import HF_HUB_CACHE

    from ..devices import choose_device, choose_dtype
    from ..weights import DEFAULT, bundled, find

    device = choose_device()
    return {
        "blurlive": __version__,
        "python": f"{sys.version.split()[0]} ({sys.executable})",
        "platform": platform.platform(),
        "torch": torch.__version__,
        "device": _device_name(device),
        "dtype": str(choose_dtype("auto", device)).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        **_packages(),
        "ffmpeg": _ffmpeg(),
        "hub cache": HF_HUB_CACHE,
        "weights": ", ".join(bundled()) or "none",
        "default weights": str(find()) if DEFAULT in bundled() else f"{DEFAULT} is missing; reinstall blurlive",
    }


def _device_name(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.processor() or platform.machine()})"


def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("numpy", "pillow", "imageio-ffmpeg", "typer", "safetensors", "opencv-python-headless", "pillow-heif"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed (optional)"
    return found


def _ffmpeg() -> str:
    import subprocess

    import imageio_ffmpeg

    try:
        return f"{imageio_ffmpeg.get_ffmpeg_version()} ({imageio_ffmpeg.get_ffmpeg_exe()})"
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:  # none, or IMAGEIO_FFMPEG_EXE is no program
        return f"does not run ({error})"
