"""A file is replaced whole, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blurlive import workshop
from blurlive.files import replaced_whole

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
