"""``blurlive``: assembles the commands and turns errors into one line and an exit code (see :mod:`blurlive.errors`)."""

from __future__ import annotations

import errno
import signal
import sys
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..errors import BlurliveError, OutputError, UsageError, reason
from .demo import demo
from .evaluate import evaluate
from .extract import extract
from .info import info
from .slowmo import slowmo
from .synthesize import synthesize
from .train import train
from .ui import leave_output, printable
from .weights import weights

EXTRAS = {"cv2": "train", "pydantic": "train"}
"""Packages that not everybody needs, and the extra that brings each."""

app = typer.Typer(
    name="blurlive",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="One motion-blurred photo in, the short sharp video that the shutter saw out.",
)
app.command()(extract)
app.command()(slowmo)
app.command()(demo)
app.command()(train)
app.command()(synthesize)
app.command()(evaluate)
app.command()(info)
app.add_typer(weights, name="weights")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"blurlive {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # acts through its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Exit codes: 0 fine, 1 bug, 2 usage, 3 input, 4 weights, 5 output, 6 device, 7 config, 8 data, 130 Ctrl-C, 143
    SIGTERM."""


def main() -> None:
    """Run the command line and exit. A bug shows its traceback (exit code 1); everything else is one line."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRAS:
            raise
        remedy = f'pip install "blurlive[{EXTRAS[missing]}]"'
        _fail(UsageError(f"{missing} is not installed, which this command needs; {remedy}"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        leave_output()
        _fail(OutputError(f"cannot write to standard output or a temporary file ({reason(error)}); free some space"))
    except BlurliveError as error:
        _fail(error)


def _stop(*_: object) -> NoReturn:
    """Exit by unwinding, so that half-written files are removed."""
    sys.exit(143)


def _fail(error: BlurliveError) -> NoReturn:
    typer.echo(f"blurlive: {printable(str(error))}", err=True)
    sys.exit(error.exit_code)
