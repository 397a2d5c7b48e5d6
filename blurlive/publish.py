"""Weights to the Hugging Face Hub, with a model card made of what the file says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import hub, weights
from .errors import OutputError, UsageError, WeightsError, reason

HUB_LICENCES = {
    *("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "mpl-2.0", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0"),
    *("openrail", "unlicense", "unknown"),
}
"""Licences that the Hub knows by these names; any other is "other", with a name."""


@dataclass(frozen=True)
class Upload:
    """What goes to repository ``repo``: the weights under ``file``, and ``card`` as its README.md."""

    repo: str
    file: str
    content: bytes
    card: str


def prepare(source: str, repo: str, licence: str | None = None) -> Upload:
    """All that needs no network: find ``source`` (a run's folder, or weights as :func:`blurlive.weights.find` takes
    them), check that they load, write ``licence`` into them if one is given, make the card.

    Raises :class:`WeightsError`, and :class:`UsageError` if the weights are under no licence or ``repo`` is not
    ``org/repo``.
    """
    file = _file(source)
    if not re.fullmatch("[^/@]+/[^/@]+", repo):
        raise UsageError(f"{repo}: not a repository; write ORG/REPO, without folder or revision")
    hub.place(f"{hub.SCHEME}{repo}/{file.name}")  # complains of names that the Hub does not allow
    about = weights.load(file)[1].about | ({} if licence is None else {"licence": licence})
    content = file.read_bytes() if licence is None else _licensed(file, licence)
    if not about.get("licence"):
        raise UsageError(f"{file}: under no licence, so nobody may use it; say which, as --licence MIT")
    return Upload(repo, file.name, content, _card(repo, file.name, about, sha256(content).hexdigest()))


def _file(source: str) -> Path:
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return weights.find(source)
    file = folder / weights.EXPORTED
    if not file.is_file():
        raise WeightsError(f"{folder}: no {file.name} in it; write it with `blurlive train --export --out {folder}`")
    return file


def _licensed(file: Path, licence: str) -> bytes:
    """The same weights with ``licence`` in their description: they say it wherever they go, the card does not.

    The header is rewritten in its own order; safetensors would shuffle it, and the sha256 with it, at each call.
    """
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    about = json.loads(header["__metadata__"]["about"])
    header["__metadata__"]["about"] = json.dumps({**about, "licence": licence})
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)  # tensors start at multiples of 8
    return len(written).to_bytes(8, "little") + written + content[end:]


def _card(repo: str, file: str, about: Mapping[str, Any], digest: str) -> str:
    title = _line(about.get("title") or file)
    facts = {**{name: value for name, value in about.items() if name != "title"}, "sha256": f"`{digest}`"}
    rows = "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in facts.items())
    return f"""---
{_front_matter(str(about["licence"]))}
---

# {title}

Weights for blurlive: one motion-blurred photo in, the short sharp video that the shutter saw out.

```sh
blurlive extract photo.jpg -o clip.mp4 --weights {hub.SCHEME}{repo}/{file}
```

`hf://{repo}@COMMIT/{file}` pins them. What the file says of itself (`blurlive weights info`):

| | |
| --- | --- |
{rows}
"""


def _front_matter(licence: str) -> str:
    """What the Hub itself reads of a card, as YAML."""
    from huggingface_hub import ModelCardData

    known = licence.lower() if licence.lower() in HUB_LICENCES else None
    data = ModelCardData(
        license=known or "other",
        license_name=None if known else "-".join(licence.lower().split()),
        library_name="blurlive",
        pipeline_tag="image-to-video",
        tags=["blurlive", "motion-blur", "deblurring"],
    )
    return str(data.to_yaml()).strip()


def _cell(value: object) -> str:
    """A value in a cell of a table; what is in a dictionary stands as ``name value``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_cell(name)} {_cell(entry)}" for name, entry in value.items())
    return _line(value).replace("|", "\\|")


def _line(value: object) -> str:
    return " ".join(str(value).split())


def publish(upload: Upload, *, private: bool = False) -> str:
    """Make the repository if there is none and commit weights and card at once; returns the address of that commit.

    The card there is replaced. Raises :class:`OutputError` if the Hub or the network refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise OutputError(f"{upload.repo}: the network is switched off; unset HF_HUB_OFFLINE to publish")
    files = {upload.file: upload.content, "README.md": upload.card.encode()}
    api = HfApi()
    try:
        if get_token() is None:
            raise OutputError(
                f"{upload.repo}: no token; make one that may write at {api.endpoint}/settings/tokens and give it in "
                "HF_TOKEN or by `hf auth login`"
            )
        api.create_repo(upload.repo, private=private, exist_ok=True)
        if private and not api.model_info(upload.repo).private:
            raise OutputError(f"{upload.repo}: is public already; make it private on its page, or choose another name")
        operations = [CommitOperationAdd(name, content) for name, content in files.items()]
        commit = api.create_commit(upload.repo, operations, commit_message=f"{upload.file} and its card")
    except OutputError:
        raise
    except Exception as error:  # also those of the HTTP library, which is another one in each major version
        raise OutputError(f"{upload.repo}: {_refusal(error)}") from error
    return f"{hub.SCHEME}{upload.repo}@{commit.oid}/{upload.file}"


def _refusal(error: Exception) -> str:
    if hub.status(error) in (401, 403):
        return (
            f"the Hub refuses the token ({hub.status(error)}); put one in HF_TOKEN that may write to this "
            f"repository ({reason(error)})"
        )
    return f"cannot be published ({reason(error)}); try again"
