"""A file is replaced whole, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from blurlive import workshop
from blurlive.errors import OutputError
from blurlive.files import check_place, replaced_whole, save_tensors

KILLED = """
import os, signal, sys
from pathlib import Path
from blurlive.files import replaced_whole
with replaced_whole(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(workshop.fcntl is None, reason="needs locks that end with their process")
def test_what_a_killed_process_left_is_swept_up_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "weights.txt"
    file.write_text("old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    (left,) = set(tmp_path.iterdir()) - {file}
    assert left.name.startswith(".")
    with replaced_whole(file) as part:
        part.write_text("new")
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "new"


class ControlC:
    """A trace function that presses Ctrl-C at one line of those that make, lock and remove the hidden folder."""

    def __init__(self, line: int) -> None:
        self.lines = line + 1
        """How many lines are to come."""

    def __call__(self, frame: FrameType, event: str, _: Any) -> ControlC | None:
        if frame.f_code.co_filename not in {workshop.__file__, contextlib.__file__, shutil.__file__}:
            return None
        self.lines -= event == "line"
        if event == "line" and not self.lines:
            raise KeyboardInterrupt
        return self


def test_control_c_at_any_line_leaves_no_hidden_folder(tmp_path: Path) -> None:
    debugger, line, lasting = sys.gettrace(), 0, True
    while lasting:
        control_c = ControlC(line)
        with contextlib.suppress(KeyboardInterrupt, OSError):  # OSError: rmtree closes twice what it was closing
            try:
                sys.settrace(control_c)
                with workshop.workshop(tmp_path) as hidden:
                    (hidden / "half").touch()
            finally:
                sys.settrace(debugger)
        assert list(tmp_path.iterdir()) == [], line
        lasting = control_c.lines <= 0
        line += 1
    assert line > 50, "it was pressed at many lines"


def test_an_exception_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def half() -> None:
        with replaced_whole(file) as part:
            part.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        half()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_new_file_gets_the_modes_that_new_files_get(tmp_path: Path) -> None:
    with replaced_whole(tmp_path / "a.txt") as part:
        part.chmod(0o600)
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_where_no_file_can_be_written_is_told_beforehand(tmp_path: Path) -> None:
    check_place(tmp_path / "new.safetensors")
    (tmp_path / "old.safetensors").touch()
    check_place(tmp_path / "old.safetensors")
    for place in (tmp_path, Path()):
        with pytest.raises(OutputError, match="is a folder; give the name of a file"):
            check_place(place)
    with pytest.raises(OutputError, match=r"none does not exist; create it first"):
        check_place(tmp_path / "none" / "new.safetensors")


def test_tensors_are_written_with_what_is_said_of_them(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3)}
    save_tensors(tmp_path / "a.safetensors", tensors, {"about": "nothing"})
    torch.testing.assert_close(load_file(tmp_path / "a.safetensors"), tensors)
    with safe_open(tmp_path / "a.safetensors", "pt") as stored:
        assert stored.metadata() == {"about": "nothing"}
    with pytest.raises(OutputError, match="cannot be written"):
        save_tensors(tmp_path / "none" / "a.safetensors", tensors, {})
