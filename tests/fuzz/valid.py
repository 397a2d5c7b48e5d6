"""Valid files to damage: a small one of every format and pixel type."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, PngImagePlugin
from safetensors.torch import save

from blurlive import weights
from blurlive.models.director import DirectorConfig
from blurlive.models.generator import GeneratorConfig
from blurlive.models.restorer import Restorer, RestorerConfig


def photos() -> list[bytes]:
    """What Pillow can write, 11 by 9 pixels each."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (9, 11, 3), np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (9, 11), np.uint16))
    half = rgb.copy()
    half.putalpha(128)
    both = {"exif": _exif(), "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    made: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (rgb, "JPEG", both),
        (rgb.convert("L"), "JPEG", {}),
        (rgb.convert("CMYK"), "JPEG", {"progressive": True}),
        (rgb, "PNG", both),
        (rgb, "PNG", {"pnginfo": _chunks()}),
        (rgb.quantize(7), "PNG", {"transparency": bytes([0, 99, 255])}),
        (rgb.convert("1"), "PNG", {}),
        (deep, "PNG", {}),
        (half, "PNG", {}),
        (half.convert("LA"), "PNG", {"save_all": True, "append_images": [half.convert("LA")]}),
        (rgb, "WEBP", both),
        (half, "WEBP", {"lossless": True, "save_all": True, "append_images": [rgb.convert("RGBA")]}),
        (rgb, "GIF", {"save_all": True, "append_images": [rgb.rotate(90)]}),
        (rgb, "BMP", {}),
        (rgb.quantize(7), "BMP", {}),
        (rgb, "PPM", {}),
        (deep, "PPM", {}),
        (rgb, "AVIF", both),
        (half, "AVIF", {}),
        (rgb, "TIFF", both),
        (deep, "TIFF", {"compression": "tiff_lzw"}),
        (rgb.convert("CMYK"), "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb.convert("LAB"), "TIFF", {"compression": "packbits"}),
        (rgb.convert("YCbCr"), "TIFF", {"compression": "jpeg"}),
        (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        (rgb.convert("F"), "TIFF", {}),
        (rgb.convert("I"), "TIFF", {}),
    ]
    return [_saved(*one) for one in made]


def _chunks() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add(b"cICP", bytes([12, 13, 0, 1]))
    info.add(b"gAMA", (100_000).to_bytes(4, "big"))
    return info


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274] = "maker", 6
    return exif


def _saved(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def weights_files() -> list[bytes]:
    """A whole one of a tiny network, and one with tensors of every number format, which fits no network."""
    tiny = Restorer(RestorerConfig(GeneratorConfig(widths=(1, 1, 1, 1), directed=False), DirectorConfig(width=1)))
    directed = RestorerConfig(GeneratorConfig(widths=(8, 8, 8, 8)), DirectorConfig(width=8))
    dtypes = (torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.float8_e4m3fn, torch.complex64)
    odd = {f"generator.t{i}": torch.zeros(2, 2).to(dtype) for i, dtype in enumerate(dtypes)}
    return [save(tiny.state_dict(), metadata(tiny.config.as_dict())), save(odd, metadata(directed.as_dict()))]


def metadata(architecture: Any) -> dict[str, str]:
    about = json.dumps({"stage": "base", "licence": "MIT"})
    return {"format": weights.FORMAT, "architecture": json.dumps(architecture), "about": about}
