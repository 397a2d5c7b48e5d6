"""Runs, journals, summaries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.errors import DataError, UsageError
from blurlive.evaluation.clips import Clip, ClipSource
from blurlive.evaluation.journal import Journal
from blurlive.evaluation.methods import BLURRED, CENTRE, trivial
from blurlive.evaluation.plots import ticks
from blurlive.evaluation.protocol import Settings
from blurlive.evaluation.report import make_report
from blurlive.evaluation.run import run
from blurlive.evaluation.summary import bootstrap, headline, summarise, tabulate, wins

from .conftest import Fake, a_clip, rows_of


def test_clips_are_read_as_they_are_needed() -> None:
    read: list[int] = []

    def sources() -> Iterator[ClipSource]:
        for i in range(20):
            read.append(i)
            yield ClipSource(f"c{i}", "g", lambda i=i: a_clip(i, f"c{i}"))

    outcomes = run(sources(), trivial(), Settings(), jobs=2)
    assert next(outcomes).clip == "c0"
    assert len(read) <= 3
    assert [outcome.clip for outcome in outcomes] == [f"c{i}" for i in range(1, 20)]


def test_a_broken_clip_does_not_end_the_run() -> None:
    def broken() -> Clip:
        raise DataError("c.png: is broken")

    sources = [ClipSource("c", "g", broken), ClipSource("a", "g", a_clip)]
    outcomes = list(run(sources, trivial(), Settings()))
    assert [len(outcome.rows) for outcome in outcomes] == [0, 2]
    assert outcomes[0].broken == ["c.png: is broken"]


def test_journal_goes_on_where_a_kill_cut_it(tmp_path: Path) -> None:
    file, rows = tmp_path / "rows.jsonl", rows_of(Fake())
    journal = Journal(file, {"gamma": 2.2}, resume=False)
    for row in rows:
        journal.add(row)
    file.write_text(file.read_text()[:-30])
    again = Journal(file, {"gamma": 2.2}, resume=True)
    assert list(again.rows.values()) == rows[:-1]
    again.add(rows[-1])
    assert list(Journal(file, {"gamma": 2.2}, resume=True).rows.values()) == rows
    with pytest.raises(UsageError, match="other settings"):
        Journal(file, {"gamma": 1.0}, resume=True)


def test_what_is_done_is_not_scored_again() -> None:
    method = Fake()
    sources = [ClipSource(name, "g", lambda name=name: a_clip(0, name)) for name in ("a", "b")]
    outcomes = list(run(sources, [method], Settings(), done={("a", "fake", "a test")}))
    assert [len(outcome.rows) for outcome in outcomes] == [0, 1]
    assert method.asked == ["b"]


def test_summary_adds_up() -> None:
    rows = rows_of(Fake("good", 3), Fake("poor", 60, turned=("c1",)))
    table = tabulate(rows, [BLURRED, CENTRE, "good", "poor"])
    blurred, _, good, poor = summarise(table)
    assert (good.clips, good.reversed, poor.reversed) == (3, 0, 1)
    values = [headline(row) for row in table["good"].values()]
    assert good.best["psnr"] == pytest.approx(np.mean(values))
    assert good.interval[0] <= good.best["psnr"] <= good.interval[1]
    assert good.gain.mean == pytest.approx(good.best["psnr"] - blurred.best["psnr"])
    assert poor.gain.worst == pytest.approx(
        min(headline(table["poor"][c]) - headline(table[BLURRED][c]) for c in table["poor"])
    )
    assert poor.forward["psnr"] < poor.best["psnr"]
    assert good.best["lpips"] is None
    assert (wins(table)["good"]["poor"], wins(table)["poor"]["good"]) == (3, 0)
    same = {"one": table["good"], "other": table["good"]}
    assert wins(same) == {"one": {"other": 0}, "other": {"one": 0}}


def test_methods_are_compared_on_the_same_clips() -> None:
    rows = [row for row in rows_of(Fake("good"), Fake("gaps", 5)) if (row.method, row.clip) != ("gaps", "c1")]
    table = tabulate(rows, [BLURRED, CENTRE, "good", "gaps"])
    assert [list(clips) for clips in table.values()] == [["c0", "c2"]] * 4


def test_clips_in_which_nothing_moves_are_left_out(tmp_path: Path) -> None:
    photo = a_clip().blurred
    still = Clip("still", photo, np.stack([photo] * 7))
    sources = [ClipSource(clip.name, "g", lambda clip=clip: clip) for clip in (a_clip(), still)]
    methods = [*trivial(), Fake()]
    rows = [row for outcome in run(sources, methods, Settings()) for row in outcome.rows]
    report = make_report(tmp_path, Settings(), methods, rows, [])
    assert (report.still, [summary.clips for summary in report.summaries]) == (["still"], [1, 1, 1])
    assert report.summaries[0].best["psnr"] == headline(rows[0])
    with pytest.raises(DataError, match="nothing moves in any"):
        make_report(tmp_path, Settings(), methods, rows[3:], [])


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_intervals_stay_within_the_values(values: list[float]) -> None:
    low, high = bootstrap(np.array(values))
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert (low, high) == bootstrap(np.array(values))


def test_intervals_of_many_values_are_those_of_a_normal_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    reach = 1.96 * values.std() / 20
    assert bootstrap(values) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.06 * reach)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
@settings(deadline=None)
def test_ticks_enclose_the_values_evenly(values: list[float]) -> None:
    found = ticks(values)
    assert 2 <= len(found) <= 12
    assert np.allclose(np.diff(found), found[1] - found[0])
    assert found[0] <= min(values) + 1e-6 and max(values) <= found[-1] + 1e-6  # noqa: PT018


def test_a_journal_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"rows\.jsonl: cannot be read"):
        Journal(tmp_path / "rows.jsonl", {}, resume=True)
