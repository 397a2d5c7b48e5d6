"""A Hub that a test can break."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from .server import Hub, running

ADDRESS = "hf://org/repo/net.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with nothing in it, and huggingface_hub looking there, with an empty cache and no token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        known = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
        }
        known |= {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_TOKEN_PATH": str(tmp_path / "token")}
        for name, value in {**known, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}.items():
            monkeypatch.setattr(constants, name, value)
        huggingface_hub.close_session()  # made anew with these settings
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def net(tiny_weights: Path) -> bytes:
    return tiny_weights.read_bytes()


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    """What a process needs to take ``hub`` for the Hub, with its home in ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return {**kept, **ours, "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1", **more}


def blurlive(*arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blurlive", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)
