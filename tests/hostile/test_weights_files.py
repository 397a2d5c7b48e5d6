"""Damaged and hostile weights files: only our errors, in one line; no memory for what a header merely claims."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blurlive import weights
from blurlive.errors import WeightsError

from ..conftest import TINY, random_net
from ..fuzz import valid
from ..fuzz.__main__ import finding, read_weights
from ..fuzz.damage import damaged
from .conftest import NUMBERS, few

WEIGHTS = valid.weights_files()


def test_what_is_damaged_was_a_weights_file() -> None:
    read_weights(WEIGHTS[0])


@few
@given(file=st.sampled_from(WEIGHTS), random=NUMBERS)
def test_a_damaged_weights_file_is_read_or_refused(file: bytes, random: Random) -> None:
    assert finding(read_weights, damaged(file, WEIGHTS, random)) is None


@pytest.mark.parametrize("length", [0, 1, 7, 2**31, 2**62, 2**64 - 1])
def test_a_header_whose_length_lies(length: int) -> None:
    assert finding(read_weights, struct.pack("<Q", length) + WEIGHTS[0][8:]) is None
    with pytest.raises(WeightsError, match="cannot be read as safetensors"):
        read_weights(struct.pack("<Q", length) + WEIGHTS[0][8:])


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 2**63]},
        {"dtype": "F4", "shape": [32], "data_offsets": [0, 16]},
        {"dtype": "C64", "shape": [2], "data_offsets": [0, 16]},
        {"dtype": "nonsense", "shape": [2], "data_offsets": [0, 16]},
    ],
)
def test_absurd_tensors(entry: dict[str, Any]) -> None:
    refused({"__metadata__": valid.metadata(TINY.as_dict()), "generator.stem.weight": entry}, bytes(16))


def test_tensors_that_overlap() -> None:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    refused({"__metadata__": valid.metadata(TINY.as_dict()), "a": entry, "b": entry}, bytes(16))


def refused(header: Any, data: bytes = b"") -> str:
    """The message by which a safetensors file is refused: one line, no warning, little memory."""
    text = json.dumps(header).encode()
    file = struct.pack("<Q", len(text)) + text + data
    assert finding(read_weights, file) is None
    with pytest.raises(WeightsError) as caught:
        read_weights(file)
    assert len(str(caught.value)) < 400
    return str(caught.value)


SIZES: list[Any] = [[0] * 4, [-8] * 4, [10**5] * 4, [10**9] * 4, [10**30] * 4, [2.5] * 4, [float("inf")] * 4]
SIZES += [[True] * 4, [None] * 4, [[8]] * 4, [8] * 3, [8] * 5, "8888", {"a": 1}, 8, None]


@pytest.mark.parametrize("widths", SIZES, ids=str)
def test_absurd_widths_are_refused(widths: Any) -> None:
    architecture = TINY.as_dict()
    architecture["generator"]["widths"] = widths
    assert "description is damaged" in refused({"__metadata__": valid.metadata(architecture)})


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("generator", "channels", 2),
        ("generator", "channels", -3),
        ("generator", "directed", 7),
        ("generator", "beauty", 1),
        ("director", "width", 0),
        ("director", "width", 10**12),
        ("director", "width", "8"),
        ("director", "beauty", 1),
    ],
)
def test_a_network_that_could_not_run_is_refused(part: str, name: str, value: Any) -> None:
    architecture = TINY.as_dict()
    architecture[part][name] = value
    assert "description is damaged" in refused({"__metadata__": valid.metadata(architecture)})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"generator": 1}', "[" * 100_000, "9" * 5000])
@pytest.mark.parametrize("name", ["architecture", "about"])
def test_a_description_that_is_none(name: str, text: str) -> None:
    refused({"__metadata__": {**valid.metadata(TINY.as_dict()), name: text}})


@pytest.mark.parametrize("about", [{"a": torch.zeros(1)}, 3, ["x"]])
def test_a_pickle_that_says_nothing_sensible_of_itself(tmp_path: Path, about: Any) -> None:
    stored = {"architecture": TINY.as_dict(), "tensors": random_net().state_dict(), "about": about}
    torch.save(stored, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="not a pickle of blurlive tensors"):
        weights.convert(tmp_path / "a.pth", tmp_path / "a.safetensors")
