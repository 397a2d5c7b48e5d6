"""Files on the Hugging Face Hub: ``hf://org/repo[@revision]/file``, brought into the Hub's own cache.

huggingface_hub downloads: cache, locks between processes, a new try from where a connection broke, ``HF_TOKEN``,
``HF_HUB_OFFLINE``. Of what arrived it checks the length alone (and chunk by chunk what came by way of Xet), so the
sha256 is compared here, with the one that the Hub gives as the file's ETag.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from .errors import WeightsError, reason
from .files import sha256

SCHEME = "hf://"
ADDRESS = re.compile(r"hf://(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?/(?P<file>.+)")
COMMIT = re.compile(r"[0-9a-f]{40}")
DIGEST = re.compile(r"[0-9a-f]{64}")
STALE = 3600
"""Seconds after which nobody writes to part of a download any more: a silent connection is given up much sooner."""


@dataclass(frozen=True)
class Place:
    """Where a file is on the Hub. ``revision`` is a branch, a tag or a commit; None is the main branch."""

    repo: str
    revision: str | None
    file: str

    @property
    def url(self) -> str:
        """What a browser downloads it from."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.repo, self.file, revision=self.revision)


def place(address: str) -> Place:
    """Take an ``hf://`` address apart; a slash in a revision is written %2F. Raises :class:`WeightsError`."""
    match = ADDRESS.fullmatch(address)
    if match is None or ".." in match["file"].split("/"):
        raise WeightsError(f"{address}: not a Hub address; write hf://org/repo/file or hf://org/repo@revision/file")
    found = Place(match["repo"], match["revision"] and unquote(match["revision"]), match["file"])
    try:
        found.url  # noqa: B018  # huggingface_hub checks the names
    except ValueError as error:
        raise WeightsError(f"{address}: not a Hub address ({reason(error)})") from None
    return found


def fetch(address: str, *, offline: bool = False) -> Path:
    """The file at an ``hf://`` address: in the cache if its whole commit hash says which one is meant or if
    ``offline`` (or ``HF_HUB_OFFLINE``), else as the Hub has it now, downloaded if the cache has another.

    Where the Hub does not answer, or refuses a token that is missing or has run out (401, 403), the cache will do: what
    was fetched once may be used. Where it has no such file any more (404), the cache will not. Raises
    :class:`WeightsError` that says what else can be done.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download
    from huggingface_hub.constants import HF_HUB_OFFLINE

    asked = place(address)
    cached, offline = _cached(asked), offline or HF_HUB_OFFLINE
    if cached and (offline or COMMIT.fullmatch(asked.revision or "")):
        return cached
    if offline:
        raise WeightsError(f"{address}: not in the cache, and the network is switched off; {_by_hand(asked)}")
    try:
        etag = get_hf_file_metadata(asked.url).etag  # tried once: the download tries again by itself
        file = Path(hf_hub_download(asked.repo, asked.file, revision=asked.revision))
    except Exception as error:  # also those of the HTTP library, which is another one in each major version
        if cached and status(error) != 404:
            return cached
        raise WeightsError(f"{address}: {_refusal(asked, error)}") from error
    _check(address, file, etag)
    _sweep(file.resolve())
    return file


def _cached(asked: Place) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(asked.repo, asked.file, revision=asked.revision)
    return Path(found) if isinstance(found, str) else None  # else nothing, or a mark that the Hub has no such file


def published(file: Path) -> str | None:
    """The sha256 that the Hub has of a file in its cache, which names large ones by it; None of any other file."""
    blob = file.resolve()
    return blob.name if blob.parent.name == "blobs" and DIGEST.fullmatch(blob.name) else None


def _check(address: str, file: Path, etag: str | None) -> None:
    """Compare the sha256 with the ETag, which is one for every file that is not small text. A wrong file is removed."""
    if etag is None or not DIGEST.fullmatch(etag):
        return
    try:
        digest = sha256(file)
    except FileNotFoundError:  # another process found it wrong first
        digest = "nothing"
    if digest == etag:
        return
    for path in (file.resolve(), file):  # the link in the snapshot, and what it leads to
        path.unlink(missing_ok=True)
    raise WeightsError(
        f"{address}: what arrived is not what the Hub has (sha256 {digest[:12]}…, expected {etag[:12]}…) and was "
        "removed; download it again"
    )


def _sweep(whole: Path) -> None:
    """Remove parts of a file, now whole, that killed downloads left beside it. Versions of huggingface_hub that give
    each download a part of its own never look at them again; the one part of older versions is taken up by them."""
    for part in whole.parent.glob(f"{whole.name}.*.incomplete"):
        with suppress(OSError):  # another process removes it too
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


def _by_hand(asked: Place) -> str:
    return f"fetch {asked.url} where there is one, and give the file itself, as --weights {Path(asked.file).name}"


def _refusal(asked: Place, error: Exception) -> str:
    """What a failed request means, and what to do."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return f"{asked.repo} asks for consent; give it on the repository's page, and your token in HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return f"no repository {asked.repo}, or a private one; check the name, or give your token in HF_TOKEN"
    if isinstance(error, RevisionNotFoundError):
        return f"{asked.repo} has no revision {asked.revision}; check the name, or leave it out"
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return f"{asked.repo} has no file {asked.file} at {asked.revision or 'main'}; check the name"
    if status(error) in (401, 403):
        return f"the Hub refuses the token ({status(error)}); put one in HF_TOKEN that may read {asked.repo}"
    return f"cannot be downloaded ({reason(error)}); try again, or {_by_hand(asked)}"


def status(error: Exception) -> int | None:
    """HTTP status of a failed request to the Hub, if it came that far."""
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None
