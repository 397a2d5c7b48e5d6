"""The README's result tables, as Markdown, out of what ``blurlive evaluate --json`` wrote.

    blurlive evaluate --data clips --weights base=base.safetensors --weights gram=gram.safetensors \\
        --weights blurlive= --pred jin2018=jin/frames --json out.json
    python benchmarks/tables.py out.json

Methods are rows, in the order in which the command got them; so the ablation base / gram / hepta is one call of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def main() -> None:
    """Print both tables of one evaluation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="what --json wrote")
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    print(f"{report['clips']} clips, better of two orders (one choice a clip):\n")
    print(results(report["methods"]))
    print("\nGain over the blurred photo in dB, mean (worst clip):\n")
    print(gains(report["methods"]))


def results(methods: list[dict[str, Any]]) -> str:
    """Headline figures, one row a method."""
    head = (
        "method",
        "PSNR",
        "95 %",
        "centre",
        "ends",
        "SSIM",
        "LPIPS",
        "EPE",
        "re-blur",
        "forward PSNR",
        "free windows",
    )
    return markdown(head, (result(method) for method in methods))


def result(method: dict[str, Any]) -> list[str]:
    """One method's headline figures."""
    best, (low, high) = method["best"], method["interval"]
    figures = [number(best["psnr"]), f"{low:.2f} to {high:.2f}", number(best["psnr.centre"]), number(best["psnr.ends"])]
    figures += [number(best["ssim"], 4), number(best["lpips"], 3), number(best["epe"])]
    return [method["method"], *figures, *map(number, (method["reblur"], method["forward"]["psnr"], method["windows"]))]


def gains(methods: list[dict[str, Any]]) -> str:
    """Gains by group of clips, one row a method."""
    groups = list(methods[0]["groups"])
    head = ["method", "all", *groups]
    return markdown(head, ([m["method"], gain(m["gain"]), *(gain(m["groups"][g]) for g in groups)] for m in methods))


def gain(figures: dict[str, Any]) -> str:
    """Mean and worst gain."""
    return f"{figures['mean']:+.2f} ({figures['worst']:+.2f})"


def number(value: float | None, digits: int = 2) -> str:
    """A figure, or "n/a"."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; numbers to the right."""
    titles = list(head)
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
