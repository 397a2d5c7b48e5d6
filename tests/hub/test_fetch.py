"""A file is fetched whole and once, whatever breaks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from huggingface_hub import constants

from blurlive import weights
from blurlive.errors import WeightsError
from blurlive.hub import fetch

from ..conftest import random_net
from .conftest import ADDRESS, blurlive, environment
from .server import COMMIT, Hub, Repo


def blobs(home: Path) -> list[Path]:
    return [file for file in home.rglob("blobs/*") if file.is_file()]


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    first, second = fetch(ADDRESS), fetch(ADDRESS)
    assert first == second
    assert first.read_bytes() == net
    assert hub.gets() == [None]
    asked = len(hub.seen)
    assert fetch(ADDRESS, offline=True) == first
    assert fetch(f"hf://org/repo@{COMMIT}/net.safetensors") == first
    assert len(hub.seen) == asked, "offline, or pinned to a commit, the cache asks nobody"


def test_a_broken_connection_goes_on_where_it_broke(hub: Hub, net: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 14)  # 10 MB: what is kept is whole chunks
    hub.repos["org/repo"] = Repo({"net.safetensors": net}, cut=len(net) // 3)
    assert fetch(ADDRESS).read_bytes() == net
    first, second = hub.gets()
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(net) // 3


def test_other_bytes_than_the_hubs_are_refused_and_removed(hub: Hub, net: bytes, tmp_path: Path) -> None:
    hub.repos["org/repo"] = repo = Repo({"net.safetensors": net}, swapped=True)
    with pytest.raises(WeightsError, match=r"net\.safetensors: what arrived is not what the Hub has"):
        fetch(ADDRESS)
    assert not blobs(tmp_path)
    repo.swapped = False
    assert fetch(ADDRESS).read_bytes() == net


def test_a_cached_file_that_was_changed_is_found_out_and_fetched_again(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    fetch(ADDRESS).write_bytes(net[:-1] + b"!")
    with pytest.raises(WeightsError, match="sha256"):
        fetch(ADDRESS)
    assert fetch(ADDRESS).read_bytes() == net


def test_a_changed_file_is_found_out_without_the_hub_too(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    pinned = f"hf://org/repo@{COMMIT}/net.safetensors"
    assert weights.verify(fetch(pinned)) == sha256(net).hexdigest()
    fetch(pinned).write_bytes(net[:-1] + b"!")
    with pytest.raises(WeightsError, match=r"is not what was published.*remove it"):
        weights.verify(fetch(pinned))


def test_a_hundred_at_once_get_it_whole_for_one_download(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    with ThreadPoolExecutor(100) as pool:
        files = list(pool.map(lambda _: fetch(ADDRESS), range(100)))
    assert {file.read_bytes() for file in files} == {net}
    assert hub.gets() == [None]


TWENTY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from huggingface_hub import get_hf_file_metadata, hf_hub_download  # slow to import: not to be waited for later
from blurlive.hub import fetch

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(20) as pool:
    for file in pool.map(lambda _: fetch(sys.argv[1]), range(20)):
        print(file, sha256(file.read_bytes()).hexdigest())
"""


def test_five_processes_of_twenty_downloads_each_get_one_whole_file(hub: Hub, tmp_path: Path) -> None:
    content = Random(0).randbytes(8 << 20)
    hub.repos["org/repo"] = Repo({"net.safetensors": content})
    command = [sys.executable, "-c", TWENTY, ADDRESS]
    env = environment(hub, tmp_path, HF_HUB_DISABLE_PROGRESS_BARS="1")
    pipe = subprocess.PIPE
    many = [subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True) for _ in range(5)]
    assert {process.stdout.readline() for process in many} == {"ready\n"}
    for process in many:
        process.stdin.write("\n")
        process.stdin.flush()
    lines = [line for process in many for line in process.communicate(timeout=240)[0].splitlines()]
    assert [process.returncode for process in many] == [0] * 5
    digest = sha256(content).hexdigest()
    assert len(lines) == 100
    assert {line.split()[1] for line in lines} == {digest}
    assert len(set(lines)) == 1, "the same file for all"
    assert [file.name for file in blobs(tmp_path)] == [digest], "and nothing half beside it"
    assert hub.gets() == [None]


def test_what_a_killed_download_left_is_swept_up(hub: Hub, net: bytes, tmp_path: Path) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net}, cut=len(net) // 3, silent=True)
    cache = {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_DOWNLOAD_TIMEOUT": "100"}
    script = "import sys; from blurlive import hub; hub.fetch(sys.argv[1])"
    killed = subprocess.Popen([sys.executable, "-c", script, ADDRESS], env=environment(hub, tmp_path, **cache))
    deadline = time.monotonic() + 90
    while not blobs(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    (left,) = blobs(tmp_path)
    assert left.name.endswith(".incomplete")
    whole = fetch(ADDRESS)
    assert whole.read_bytes() == net
    living = left.with_name(f"{whole.resolve().name}.0123abcd.incomplete")
    living.touch()
    if left.exists():  # or, as older versions of huggingface_hub do it, the download went on with it
        os.utime(left, (0, 0))
    assert fetch(ADDRESS) == whole
    assert set(blobs(tmp_path)) == {whole.resolve(), living}


def test_the_command_line_fetches_and_says_the_licence(hub: Hub, tmp_path: Path) -> None:
    weights.save(random_net(), tmp_path / "net.safetensors", {"licence": "MIT"})
    hub.repos["org/repo"] = Repo({"net.safetensors": (tmp_path / "net.safetensors").read_bytes()})
    home = tmp_path / "home"
    done = blurlive("weights", "download", ADDRESS, env=environment(hub, home))
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(home)
    assert "licence: MIT" in done.stderr
    off = blurlive("weights", "path", "hf://org/repo/b.safetensors", env=environment(hub, home, HF_HUB_OFFLINE="1"))
    assert (off.returncode, off.stdout) == (4, "")
    assert len(off.stderr.splitlines()) == 1
    assert f"{hub.url}/org/repo/resolve/main/b.safetensors" in off.stderr
