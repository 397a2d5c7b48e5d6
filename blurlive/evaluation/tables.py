"""An evaluation as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from .report import Report
from .summary import Gain, Summary


def tables(report: Report) -> Iterator[Table]:
    """The headline first, then the other figures, groups, frames and wins."""
    yield _headline(report)
    yield _others(report)
    yield _groups(report)
    yield _frames(report)
    yield _wins(report)


def number(value: float | None, digits: int = 2) -> str:
    """A figure, or "n/a" where it is not available."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """A gain in dB."""
    return f"{value:+.2f}"


def _headline(report: Report) -> Table:
    clips = report.summaries[0].clips
    left_out = f", {len(report.still)} left out in which nothing moves" if report.still else ""
    table = _table(
        f"Seven frames, {clips} clips{left_out}",
        "PSNR",
        "better of two",
        "95 %",
        "gain",
        "worst",
        "SSIM",
        "EPE px",
        "LPIPS",
        "turned",
    )
    for summary in report.summaries:
        low, high = summary.interval
        table.add_row(
            Text(summary.method),
            number(summary.forward["psnr"]),
            number(summary.best["psnr"]),
            f"{low:.2f} to {high:.2f}",
            signed(summary.gain.mean),
            signed(summary.gain.worst),
            number(summary.best["ssim"], 4),
            number(summary.best["epe"]),
            number(summary.best["lpips"], 3),
            f"{summary.reversed}/{clips}",
        )
    return table


def _others(report: Report) -> Table:
    columns = ("centre", "SSIM", "ends", "SSIM", "pooled", "free windows", "re-blur", "warp")
    table = _table("Better of two orders: parts and checks", *columns)
    for summary in report.summaries:
        best = summary.best
        parts = [best["psnr.centre"], best["ssim.centre"], best["psnr.ends"], best["ssim.ends"], best["pooled"]]
        figures = [number(value, 4 if i in (1, 3) else 2) for i, value in enumerate(parts)]
        table.add_row(
            Text(summary.method), *figures, number(summary.windows), number(summary.reblur), number(best["warp"])
        )
    return table


def _groups(report: Report) -> Table:
    first = report.summaries[0].groups
    table = _table(
        "Gain over the blurred photo in dB: mean (worst)", *(f"{name} x{gain.clips}" for name, gain in first.items())
    )
    for summary in report.summaries:
        table.add_row(Text(summary.method), *(_gain(summary.groups[name]) for name in first))
    return table


def _gain(gain: Gain) -> str:
    return f"{signed(gain.mean)} ({signed(gain.worst)})"


def _frames(report: Report) -> Table:
    table = _table("PSNR by frame, better of two orders", *(str(i + 1) for i in range(7)))
    for summary in report.summaries:
        table.add_row(Text(summary.method), *(number(value) for value in summary.frames_psnr))
    return table


def _wins(report: Report) -> Table:
    table = _table("Clips on which the row beats the column", *(summary.method for summary in report.summaries))
    for summary in report.summaries:
        table.add_row(Text(summary.method), *_beaten(summary, report))
    return table


def _beaten(summary: Summary, report: Report) -> Iterator[str]:
    for other in report.summaries:
        same = other.method == summary.method
        yield "" if same else str(report.wins[summary.method][other.method])


def _table(title: str, *columns: str) -> Table:
    """A table to be filled; names of methods and groups are text, whatever brackets they hold, and no markup."""
    table = Table(title=title, title_justify="left")
    table.add_column("method")
    for column in columns:
        table.add_column(Text(column), justify="right")
    return table
