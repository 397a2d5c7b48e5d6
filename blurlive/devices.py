"""Which device computes, in which number format, and what to do when its memory ends."""

from __future__ import annotations

import torch

from .errors import DeviceError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """``auto`` takes CUDA, then Apple's MPS, then the CPU. Raises :class:`DeviceError` if a named one is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _mps() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"--device {name}: no such device; use auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"--device {name}: this PyTorch sees {torch.cuda.device_count()} CUDA devices; use --device cpu"
        )
    if device.type == "mps" and not _mps():
        raise DeviceError(f"--device {name}: no Apple GPU that PyTorch can use; use --device cpu")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise DeviceError(f"--device {name}: not supported; use auto, cpu, cuda or mps")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """``auto`` is bf16 where the hardware multiplies it faster than fp32, else fp32."""
    if name == "auto":
        return torch.bfloat16 if fast_bf16(device) else torch.float32
    if name not in DTYPES:
        raise DeviceError(f"--dtype {name}: unknown; use auto, {', '.join(DTYPES)}")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("--dtype fp16: slow and inexact on a CPU; use bf16 or fp32")
    return DTYPES[name]


def fast_bf16(device: torch.device) -> bool:
    """Whether bf16 convolutions are faster than fp32 ones: tensor cores since Ampere, CPUs with AMX or AVX512-BF16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    # Private in torch, hence the guard: a torch without them computes in fp32, which is right everywhere.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch or NumPy says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )


def _mps() -> bool:
    return torch.backends.mps.is_available()
