"""What starts at once, what is completed, and what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ENV

LIGHT = """
import sys
from blurlive.cli.app import main
try:
    main()
finally:
    print(sorted({"torch", "PIL", "cv2", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


def test_help_and_version_do_not_import_torch(tmp_path: Path) -> None:
    for arguments in (["--help"], ["extract", "--help"], ["--version"]):
        command = [sys.executable, "-c", LIGHT, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=ENV, check=False)
        assert done.returncode == 0
        assert done.stderr.decode().strip() == "[]"


TAB = """
eval "$(_BLURLIVE_COMPLETE=source_bash blurlive)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_blurlive_completion blurlive
printf '%s\n' "${COMPREPLY[@]}"
complete -p blurlive
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="completes in bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sl"], {"slowmo"}),
        (["weights", "p"], {"path", "publish"}),
        (["extract", "--over"], {"--overwrite"}),
        (["extract", "a.p"], {""}),
    ],
)
def test_bash_completes_commands_and_options_at_once(tmp_path: Path, words: list[str], offered: set[str]) -> None:
    program = tmp_path / "blurlive"
    program.write_text(f"#!{sys.executable}\n{LIGHT}")
    program.chmod(0o755)
    env = ENV | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", "-c", TAB, "bash", "blurlive", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    *found, registered = done.stdout.splitlines()
    assert set(found) == offered
    assert registered == "complete -o default -F _blurlive_completion blurlive", "files where nothing else is offered"
    assert set(done.stderr.splitlines()) == {"[]"}, "nothing heavy is imported"


def test_an_extra_that_is_missing_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['blurlive', 'synthesize', '.', '-o', 'x']; sys.modules['cv2'] = None\n"
        "from blurlive.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, env=ENV, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        'blurlive: cv2 is not installed, which this command needs; pip install "blurlive[train]"'
    ]
