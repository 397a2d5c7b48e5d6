"""An evaluation as one HTML page that needs no network: figures, plots, and the clips playing side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from rich.table import Table as RichTable

from .._version import __version__
from ..metrics import PERFECT
from .article import article, colour
from .clips import ClipSource
from .methods import BLURRED, CENTRE, Method
from .plots import Point, Series, plot
from .report import Report, write_text
from .summary import gains, headline
from .tables import tables

BEST_SHARE = 4
"""Of the clips on a page that cannot hold all, one in so many is from the good end."""
READING = (
    "Better of two: each clip is turned round where that has the higher PSNR, one choice for every figure. "
    "EPE: flow from first to last frame against the true one. "
    "Warp: grey levels by which neighbouring frames differ along the true motion. "
    "Free windows: PSNR if each 32-pixel window chose its own order."
)


def write_page(file: Path, report: Report, clips: Iterable[ClipSource], methods: Sequence[Method], most: int) -> None:
    """Write the page, with at most ``most`` of the ``clips``: the worst, and a few of the best. They are read and
    predicted again.

    Raises OutputError, and whatever ``methods`` raise.
    """
    shown = pick(report, most)
    order = {clip: place for place, clip in enumerate(shown)}
    articles: dict[int, str] = {}
    for source in clips:
        if source.name in order:
            articles[order[source.name]] = article(report, source.load(), methods, badness(report, source.name))
        if len(articles) == len(order):
            break
    write_text(file, _page(report, [articles[place] for place in sorted(articles)]))


def pick(report: Report, most: int) -> list[str]:
    """Names of the clips to show, worst first (see :func:`badness`)."""
    judged = sorted(report.table[BLURRED], key=lambda clip: badness(report, clip))
    if len(judged) <= most:
        return judged
    best = most // BEST_SHARE
    return judged[: most - best] + judged[len(judged) - best :]


def badness(report: Report, clip: str) -> float:
    """Gain in dB over the blurred photo of the judged method; the blurred photo's own PSNR if there is none."""
    blurred = headline(report.table[BLURRED][clip])
    judged = _judged(report)
    return blurred if judged is None else headline(report.table[judged][clip]) - blurred


def _judged(report: Report) -> str | None:
    """The last method that is not trivial: our network, unless there is none."""
    names = _real(report)
    return names[-1] if names else None


def _real(report: Report) -> list[str]:
    return [name for name in report.table if name not in (BLURRED, CENTRE)]


def _page(report: Report, articles: list[str]) -> str:
    assets = files(__package__) / "assets"
    template = Template((assets / "page.html").read_text(encoding="utf-8"))
    total = report.summaries[0].clips
    return template.substitute(
        title=f"blurlive evaluate: {escape(Path(report.data).name)}",
        lead=escape(_lead(report)),
        style=(assets / "page.css").read_text(encoding="utf-8"),
        script=(assets / "page.js").read_text(encoding="utf-8"),
        tables=_tables(report),
        legend=_legend(report),
        plots="".join(_plots(report)),
        shown=f"{len(articles)} of {total} clips{': the worst and a few of the best' * (len(articles) < total)}",
        clips="\n".join(articles),
        footer=escape(_footer(report)),
    )


def _lead(report: Report) -> str:
    summary = report.summaries[0]
    groups = ", ".join(f"{gain.clips} {name}" for name, gain in summary.groups.items())
    broken = f"; missing scores: {len(report.broken)}" if report.broken else ""
    return f"{summary.clips} clips ({groups}){broken}. Seven frames each, 8-bit RGB; means over clips."


def _footer(report: Report) -> str:
    settings = [f"{name} {'not available' if value is None else value}" for name, value in report.settings.items()]
    return f"blurlive {__version__}; {', '.join(settings)}. {READING}"


def _tables(report: Report) -> str:
    return "".join(f'<div class="scroll">{_table(table)}</div>' for table in tables(report))


def _table(table: RichTable) -> str:
    """A terminal table as HTML."""
    head = "".join(f"<th>{escape(str(column.header))}</th>" for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(str(table.title))}</caption><tr>{head}</tr>{body}</table>"


def _legend(report: Report) -> str:
    return "".join(f'<span class="s{colour(report, name)}"><i></i>{escape(name)}</span>' for name in report.table)


def _plots(report: Report) -> Iterator[str]:
    yield _figure("PSNR by frame", plot(_by_frame(report), "frame", "PSNR in dB"))
    if any(row.motion is not None for row in report.table[BLURRED].values()):
        yield _figure(
            "PSNR by blur length", plot(_by_length(report, gain=False), "blur length in pixels", "PSNR in dB")
        )
        yield _figure(
            "Gain by blur length",
            plot(_by_length(report, gain=True), "blur length in pixels", "gain over the photo in dB"),
        )


def _figure(title: str, drawing: str) -> str:
    return f"<figure><figcaption>{title}</figcaption>{drawing}</figure>"


def _by_frame(report: Report) -> list[Series]:
    """Lines; frames that equal the truth are off the scale and left out."""
    lines = []
    for summary in report.summaries:
        values = [(i + 1, value) for i, value in enumerate(summary.frames_psnr) if value < PERFECT]
        points = [Point(i, value, f"{summary.method}, frame {i}: {value:.2f} dB") for i, value in values]
        lines.append(Series(colour(report, summary.method), points, joined=True))
    return lines


def _by_length(report: Report, *, gain: bool) -> list[Series]:
    """One dot a clip and method."""
    names = _real(report) if gain else [BLURRED, *_real(report)]
    return [Series(colour(report, name), list(_dots(report, name, gain=gain))) for name in names]


def _dots(report: Report, name: str, *, gain: bool) -> Iterator[Point]:
    rows = report.table[name]
    over = gains(rows.values(), report.table[BLURRED])
    for clip, row in rows.items():
        if row.motion is not None:
            value = over[clip] if gain else headline(row)
            yield Point(
                row.motion, value, f"{clip}, {name}: {value:+.2f} dB" if gain else f"{clip}, {name}: {value:.2f} dB"
            )
