"""The lowest versions that pyproject.toml allows of what users install, as constraints for pip.

The whole suite with them, in a new environment:

    python .ci/lowest.py > lowest.txt && pip install -c lowest.txt -e '.[dev]' && pytest

PyTorch among them, whose old wheels for Linux are gigabytes of CUDA: .ci/run takes that of constraints.txt instead.
None on a Python above the lowest, for which such old versions may have no wheels.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
wanted = [*project["dependencies"], *(each for name in extras if name != "dev" for each in extras[name])]
lowest_python = tuple(int(part) for part in project["requires-python"].removeprefix(">=").split("."))
if sys.version_info[:2] == lowest_python:
    print(*dict.fromkeys(each.replace(">=", "==") for each in wanted), sep="\n")
