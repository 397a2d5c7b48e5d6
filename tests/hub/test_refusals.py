"""What the Hub refuses, and no Hub at all."""

from __future__ import annotations

import huggingface_hub
import pytest

from blurlive.errors import WeightsError
from blurlive.hub import fetch

from .conftest import ADDRESS
from .server import TOKEN, Hub, Repo


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
        fetch(address)
    assert "\n" not in str(refused.value)


def test_a_token_opens_a_private_repository(hub: Hub, net: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net}, private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetch(ADDRESS).read_bytes() == net


def test_a_hub_that_is_down_leaves_the_cache_or_the_way_by_hand(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = Repo({"net.safetensors": net})
    file = fetch(ADDRESS)
    hub.shutdown()
    hub.server_close()
    huggingface_hub.close_session()
    assert fetch(ADDRESS) == file
    with pytest.raises(WeightsError, match=f"fetch {hub.url}/org/repo/resolve/main/b.safetensors .* --weights b.safet"):
        fetch("hf://org/repo/b.safetensors")


def test_the_cache_serves_whom_the_hub_refuses_and_not_for_what_it_has_no_more(hub: Hub, net: bytes) -> None:
    hub.repos["org/repo"] = repo = Repo({"net.safetensors": net})
    file = fetch(ADDRESS)
    repo.gated = True
    assert fetch(ADDRESS) == file
    hub.repos["org/repo"] = Repo()
    with pytest.raises(WeightsError, match=r"org/repo has no file net\.safetensors"):
        fetch(ADDRESS)


def test_offline_without_a_cached_file_fails_with_the_way_by_hand_and_asks_nobody(hub: Hub) -> None:
    with pytest.raises(WeightsError, match=f"fetch {hub.url}/org/repo/resolve/v1%2Fa/net.safetensors .* --weights net"):
        fetch("hf://org/repo@v1%2Fa/net.safetensors", offline=True)
    assert hub.seen == []
