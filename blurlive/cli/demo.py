"""``blurlive demo``: a page in the browser to drop a photo on."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options as o

SERVE = "Server"
LOCAL = ("127.0.0.1", "localhost", "::1")

Host = Annotated[
    str, typer.Option(help="Address to listen on; 0.0.0.0 lets the whole network in.", rich_help_panel=SERVE)
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any.", rich_help_panel=SERVE)]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.", rich_help_panel=SERVE)]
MaxSide = Annotated[
    int, typer.Option(min=16, help="Shrink photos whose longer side exceeds this many pixels: larger is slower.")
]


def demo(
    host: Host = "127.0.0.1",
    port: Port = 7860,
    open_: Open = False,
    max_side: MaxSide = 1024,
    weights: o.Weights = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
) -> None:
    """A page in the browser: drop a photo, watch and scrub its frames, zoom, download. Ctrl-C ends it."""
    from ..demo.jobs import Jobs
    from ..demo.server import Server
    from ..model import load

    with Server(host, port, Jobs(load(weights, device, dtype, offline=offline), max_side)) as server:
        if host not in LOCAL:
            typer.echo(f"blurlive: everyone who can reach {host} can use this page", err=True)
        typer.echo(server.url)
        if open_:
            typer.launch(server.url)
        server.serve_forever()
