"""A server with tiny weights, and a browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image as Pillow

import blurlive
from blurlive.demo import jobs
from blurlive.demo.server import Server

from ..conftest import random_photo


@pytest.fixture(scope="module")
def server(tiny_weights: Path) -> Iterator[Server]:
    model = blurlive.load(tiny_weights, "cpu", "fp32")
    with Server("127.0.0.1", 0, jobs.Jobs(model, max_side=40)) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def png(height: int = 24, width: int = 32) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(random_photo(height, width)).save(file, "PNG")
    return file.getvalue()
