"""The Hugging Face Hub, as a server of the tests' own: fetched whole or refused in one line, published and fetched
again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from random import Random

import huggingface_hub
import pytest
import yaml
from huggingface_hub import constants

from blurlive import hub as there
from blurlive import weights
from blurlive.errors import OutputError, UsageError, WeightsError
from blurlive.publish import prepare, publish

from . import hub as here
from .conftest import random_net
from .hub import COMMIT, TOKEN, Hub, Repo

ADDRESS = "hf://org/repo/net.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with nothing in it, and huggingface_hub looking there, with an empty cache and no token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with here.running() as running:
        known = {
            "ENDPOINT": running.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": running.url + "/{repo_id}/resolve/{revision}/{filename}",
        }
        known |= {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_TOKEN_PATH": str(tmp_path / "token")}
        for name, value in {**known, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}.items():
            monkeypatch.setattr(constants, name, value)
        huggingface_hub.close_session()  # made anew with these settings
        yield running
        huggingface_hub.close_session()


@pytest.fixture
def net(tiny_weights: Path) -> bytes:
    return tiny_weights.read_bytes()


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return {**kept, **ours, "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1", **more}


def blurlive(*arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blurlive", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def blobs(home: Path) -> list[Path]:
    return [file for file in home.rglob("blobs/*") if file.is_file()]


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    first, second = there.fetch(ADDRESS), there.fetch(ADDRESS)
    assert first == second
    assert first.read_bytes() == net
    assert hub.gets() == [None]
    asked = len(hub.seen)
    assert there.fetch(ADDRESS, offline=True) == first
    assert there.fetch(f"hf://org/repo@{COMMIT}/net.safetensors") == first
    assert len(hub.seen) == asked, "offline, or pinned to a commit, the cache asks nobody"


def test_a_broken_connection_goes_on_where_it_broke(hub: Hub, net: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 14)  # 10 MB: what is kept is whole chunks
    hub.repos["org/repo"] = Repo({"net.safetensors": net}, cut=len(net) // 3)
    assert there.fetch(ADDRESS).read_bytes() == net
    first, second = hub.gets()
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(net) // 3


def test_other_bytes_than_the_hubs_are_refused_and_removed(hub: Hub, net: bytes, tmp_path: Path) -> None:
    hub.repos["org/repo"] = repo = Repo({"net.safetensors": net}, swapped=True)
    with pytest.raises(WeightsError, match=r"net\.safetensors: what arrived is not what the Hub has"):
        there.fetch(ADDRESS)
    assert not blobs(tmp_path)
    repo.swapped = False
    assert there.fetch(ADDRESS).read_bytes() == net


def test_a_cached_file_that_was_changed_is_found_out_and_fetched_again(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    there.fetch(ADDRESS).write_bytes(net[:-1] + b"!")
    with pytest.raises(WeightsError, match="sha256"):
        there.fetch(ADDRESS)
    assert there.fetch(ADDRESS).read_bytes() == net


def test_a_hundred_at_once_get_it_whole_for_one_download(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    with ThreadPoolExecutor(100) as pool:
        files = list(pool.map(lambda _: there.fetch(ADDRESS), range(100)))
    assert {file.read_bytes() for file in files} == {net}
    assert hub.gets() == [None]


TWENTY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from huggingface_hub import get_hf_file_metadata, hf_hub_download
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
    whole = there.fetch(ADDRESS)
    assert whole.read_bytes() == net
    living = left.with_name(f"{whole.resolve().name}.0123abcd.incomplete")
    living.touch()
    if left.exists():  # or, as older versions of huggingface_hub do it, the download went on with it
        os.utime(left, (0, 0))
    assert there.fetch(ADDRESS) == whole
    assert set(blobs(tmp_path)) == {whole.resolve(), living}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf://org/none/net.safetensors", "no repository org/none, or a private one.*HF_TOKEN"),
        ("hf://org/private/net.safetensors", "no repository org/private, or a private one.*HF_TOKEN"),
        ("hf://org/gated/net.safetensors", "org/gated asks for consent.*HF_TOKEN"),
        ("hf://org/repo@v9/net.safetensors", "org/repo has no revision v9"),
        ("hf://org/repo/other.safetensors", r"org/repo has no file other\.safetensors at main"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(hub: Hub, net: bytes, address: str, words: str) -> None:
    files = {"net.safetensors": net}
    hub.repos |= {
        "org/repo": Repo(files),
        "org/private": Repo(files, private=True),
        "org/gated": Repo(files, gated=True),
    }
    with pytest.raises(WeightsError, match=f"^{address}: {words}") as refused:
        there.fetch(address)
    assert "\n" not in str(refused.value)


def test_a_token_opens_a_private_repository(hub: Hub, net: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net}, private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert there.fetch(ADDRESS).read_bytes() == net


def test_a_hub_that_is_down_leaves_the_cache_or_the_way_by_hand(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    file = there.fetch(ADDRESS)
    hub.shutdown()
    hub.server_close()
    huggingface_hub.close_session()
    assert there.fetch(ADDRESS) == file
    with pytest.raises(WeightsError, match=f"fetch {hub.url}/org/repo/resolve/main/b.safetensors .* --weights b.safet"):
        there.fetch("hf://org/repo/b.safetensors")


def test_offline_without_a_cached_file_fails_with_the_way_by_hand_and_asks_nobody(hub: Hub) -> None:
    with pytest.raises(WeightsError, match=f"fetch {hub.url}/org/repo/resolve/v1%2Fa/net.safetensors .* --weights net"):
        there.fetch("hf://org/repo@v1%2Fa/net.safetensors", offline=True)
    assert hub.seen == []


def test_what_is_published_is_fetched_and_loads(hub: Hub, monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    address = publish(prepare(str(tiny_weights), "org/new", licence="CC-BY-4.0"), private=True)
    assert address == f"hf://org/new@{COMMIT}/tiny.safetensors"
    assert hub.repos["org/new"].private
    loaded, card = weights.load(address)
    assert card.about == {**weights.read_card(tiny_weights).about, "licence": "CC-BY-4.0"}
    for name, value in weights.load(tiny_weights)[0].state_dict().items():
        assert loaded.state_dict()[name].equal(value)
    readme = hub.repos["org/new"].files["README.md"].decode()
    assert sha256(card.file.read_bytes()).hexdigest() in readme


def test_the_card_says_what_the_file_says(tmp_path: Path) -> None:
    about = {
        "title": "one | two\n---",
        "stage": "gram",
        "licence": "My Own 1",
        "figures": {"PSNR": 23.2},
        "data": "a|b",
    }
    weights.save(random_net(), tmp_path / "weights.safetensors", about)
    upload = prepare(str(tmp_path), "org/repo")  # a run's folder
    _, front, body = upload.card.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert (facts["license"], facts["license_name"], facts["pipeline_tag"]) == ("other", "my-own-1", "image-to-video")
    assert "# one | two ---\n" in body
    assert "| stage | gram |" in body
    assert "| figures | PSNR 23.2 |" in body
    assert "| data | a\\|b |" in body
    assert sha256((tmp_path / "weights.safetensors").read_bytes()).hexdigest() in body
    assert "--weights hf://org/repo/weights.safetensors" in body


def test_a_licence_that_the_hub_knows_is_called_as_the_hub_calls_it(tmp_path: Path) -> None:
    weights.save(random_net(), tmp_path / "weights.safetensors", {"licence": "MIT"})
    front = yaml.safe_load(prepare(str(tmp_path), "org/repo").card.split("---\n")[1])
    assert front["license"] == "mit"
    assert "license_name" not in front


def test_weights_under_no_licence_and_folders_without_weights_are_not_published(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train --export"):
        prepare(str(tmp_path), "org/repo")
    weights.save(random_net(), tmp_path / "weights.safetensors", {})
    with pytest.raises(UsageError, match="--licence"):
        prepare(str(tmp_path), "org/repo")
    with pytest.raises(WeightsError, match="not a Hub address"):
        prepare(str(tmp_path), "just-a-name", "MIT")
    for repo in ("org/repo@main", "org/repo/folder"):
        with pytest.raises(UsageError, match=f"^{repo}: not a repository"):
            prepare(str(tmp_path), repo, "MIT")


def test_publishing_is_refused_in_one_line(hub: Hub, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = prepare(str(tiny_weights), "org/open", "MIT")
    hub.repos["org/open"] = Repo()
    with pytest.raises(OutputError, match=r"^org/open: no token.*HF_TOKEN"):
        publish(upload)
    assert hub.seen == []
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(OutputError, match=r"^org/open: the Hub refuses the token \(401\)"):
        publish(upload)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(OutputError, match=r"^org/open: is public already"):
        publish(upload, private=True)
    assert hub.repos["org/open"].files == {}
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OutputError, match="HF_HUB_OFFLINE"):
        publish(upload)


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


def test_a_dry_run_prints_the_card_and_asks_nobody(hub: Hub, tmp_path: Path, tiny_weights: Path) -> None:
    arguments = ("weights", "publish", tiny_weights, "org/repo", "--licence", "MIT", "--dry-run")
    done = blurlive(*arguments, env=environment(hub, tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == prepare(str(tiny_weights), "org/repo", "MIT").card
    assert hub.seen == []
