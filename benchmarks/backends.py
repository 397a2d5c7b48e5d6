"""Other ways to run the generator on a CPU: `python benchmarks/backends.py`; onnxscript, onnxruntime and openvino are
tried if they are installed.

For a 640x360 photo (640x384 as it is padded): milliseconds per photo, as a ratio to the way that blurlive runs it
(fp32, channels last), seconds until the first result, and the largest difference of a frame in grey levels. Each is
timed in turns with ours, so that a busy machine slows both alike. What is not installed says so.
"""

from __future__ import annotations

import importlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from blurlive.extractor import Extractor
from blurlive.models.generator import spread_field

PHOTO = Path(__file__).parents[1] / "examples/photos/coffee.jpg"
SIZE = (640, 384)
ROUNDS = 7
Run = Callable[[], Tensor]


def inputs(extractor: Extractor) -> tuple[Tensor, Tensor]:
    photo = np.asarray(Image.open(PHOTO).convert("RGB").resize(SIZE))
    field = extractor.direction(photo)
    assert field is not None
    picture = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    return picture, spread_field(field[None])


def eager(net: nn.Module, dtype: torch.dtype, layout: torch.memory_format) -> Callable[[Tensor, Tensor], Run]:
    def build(picture: Tensor, field: Tensor) -> Run:
        ready = net.to(dtype).to(memory_format=layout)  # type: ignore[call-overload]
        return lambda: ready(picture.contiguous(memory_format=layout), field)

    return build


def compiled(net: nn.Module) -> Callable[[Tensor, Tensor], Run]:
    def build(picture: Tensor, field: Tensor) -> Run:
        fast = torch.compile(net.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        return lambda: fast(picture.contiguous(memory_format=torch.channels_last), field)

    return build


def exported(net: nn.Module, picture: Tensor, field: Tensor, file: Path) -> Path:
    with warnings.catch_warnings(), torch.inference_mode(False):
        warnings.simplefilter("ignore")
        pair = picture.clone(), field.clone()
        torch.onnx.export(net, pair, str(file), input_names=["blurred", "field"], dynamo=True, verbose=False)
    return file


def onnx_runtime(net: nn.Module, folder: Path) -> Callable[[Tensor, Tensor], Run]:
    def build(picture: Tensor, field: Tensor) -> Run:
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        file = exported(net, picture, field, folder / "g.onnx")
        session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        feed = {"blurred": picture.numpy(), "field": field.numpy()}
        return lambda: torch.from_numpy(session.run(None, feed)[0])

    return build


def openvino(net: nn.Module, folder: Path) -> Callable[[Tensor, Tensor], Run]:
    def build(picture: Tensor, field: Tensor) -> Run:
        core = importlib.import_module("openvino").Core()
        file = exported(net, picture, field, folder / "o.onnx")
        settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
        model = core.compile_model(str(file), "CPU", settings)
        return lambda: torch.from_numpy(model([picture.numpy(), field.numpy()])[0])

    return build


def timed(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(name: str, build: Callable[[Tensor, Tensor], Run], ours: Run, pair: tuple[Tensor, Tensor]) -> None:
    start = time.perf_counter()
    try:
        run = build(*pair)
        frames = run()
    except Exception as error:  # whatever an optional package raises is its row
        print(f"{name:28s} {type(error).__name__}: {str(error).strip().splitlines()[0][:90]}", flush=True)
        return
    first, difference = time.perf_counter() - start, float((frames.float() - ours()).abs().max()) * 255
    rounds = [(timed(run), timed(ours)) for _ in range(ROUNDS)]
    mine, theirs = statistics.median(b for _, b in rounds), statistics.median(a for a, _ in rounds)
    print(
        f"{name:28s} {theirs * 1e3:6.0f} ms, {theirs / mine:4.2f} of ours, "
        f"first result after {first:5.1f} s, differs by {difference:.3f} levels",
        flush=True,
    )


def generator() -> nn.Module:
    return Extractor(device="cpu", dtype="fp32").net.generator.float().eval()


@torch.inference_mode()
def main() -> None:
    extractor = Extractor(device="cpu", dtype="fp32")
    pair = inputs(extractor)
    ours = eager(generator(), torch.float32, torch.channels_last)(*pair)
    ours()
    ways = {
        "ours: fp32, channels last": eager(generator(), torch.float32, torch.channels_last),
        "fp32, channels first": eager(generator(), torch.float32, torch.contiguous_format),
        "bf16, channels last": eager(generator(), torch.bfloat16, torch.channels_last),
        "torch.compile": compiled(generator()),
    }
    with tempfile.TemporaryDirectory() as folder:
        ways["ONNX Runtime"] = onnx_runtime(generator(), Path(folder))
        ways["OpenVINO"] = openvino(generator(), Path(folder))
        for name, build in ways.items():
            compare(name, build, ours, pair)


if __name__ == "__main__":
    main()
