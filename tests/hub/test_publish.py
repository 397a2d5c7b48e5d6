"""Weights go to the Hub with a card, under a licence."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from huggingface_hub import constants

from blurlive import weights
from blurlive.errors import OutputError, UsageError, WeightsError
from blurlive.publish import prepare, publish

from ..conftest import random_net
from .conftest import blurlive, environment
from .server import COMMIT, TOKEN, Hub, Repo


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
        prepare(str(tmp_path), "org/a b", "MIT")
    for repo in ("just-a-name", "org/repo@main", "org/repo/folder"):
        with pytest.raises(UsageError, match=f"^{repo}: not a repository; write ORG/REPO"):
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


def test_a_dry_run_prints_the_card_and_asks_nobody(hub: Hub, tmp_path: Path, tiny_weights: Path) -> None:
    arguments = ("weights", "publish", tiny_weights, "org/repo", "--licence", "MIT", "--dry-run")
    done = blurlive(*arguments, env=environment(hub, tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == prepare(str(tiny_weights), "org/repo", "MIT").card
    assert hub.seen == []
