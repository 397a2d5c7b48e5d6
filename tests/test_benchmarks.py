"""What the scripts that measure do where there is nothing to measure."""

from __future__ import annotations

import sys

import pytest

from benchmarks.memory import peaks


@pytest.mark.parametrize(("command", "code"), [("import os; os.kill(os.getpid(), 9)", -9), ("raise SystemExit(3)", 3)])
def test_the_memory_of_a_command_that_fails_is_not_reported(command: str, code: int) -> None:
    with pytest.raises(SystemExit, match=f"ended with {code} "):
        peaks([sys.executable, "-c", command])
