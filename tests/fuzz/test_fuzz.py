"""The fuzzer itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import __main__ as fuzzing


def test_a_reader_that_ends_its_process_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: bytes) -> None:
        raise SystemExit

    monkeypatch.setattr(fuzzing, "FINDINGS", tmp_path)
    monkeypatch.setitem(fuzzing.READERS, "photos", (leave, lambda: [b"abc"]))
    assert fuzzing.part("photos", 0, 2) == 1
    assert "ended the process" in next(tmp_path.glob("*.txt")).read_text()
