"""Hugging Face's hub: a repository is listed through its API, and its files are files of the web.

A place is ``hf://datasets/OWNER/NAME``, with ``@REVISION`` and a folder after it where wanted. The revision (a branch,
a tag or a commit) is resolved to a commit before anything is fetched, so that all files are of one state.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ffhq_uv.download.offer import Offer
from ffhq_uv.download.streams import BUSY, DownloadError, Interrupted, brief, seconds_of
from ffhq_uv.download.tokens import endpoint, gated

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_PLACE = re.compile(
    r"hf://(?P<kind>datasets/|spaces/)?(?P<name>(?!datasets/|spaces/)[^/@]+/[^/@]+)"
    r"(?:@(?P<revision>[^/]+))?(?:/(?P<folder>.*))?"
)


def is_hub(place: str) -> bool:
    """Whether a place is on the hub."""
    return place.startswith("hf://")


def hosted(place: str, revision: str | None = None) -> tuple[str, list[Offer]]:
    """The commit that a place is at, and its files: SHA-256 where the hub stores one (of all that are large).

    revision  where the place names none; None: main

    Raises DownloadError for what is not there, not for us, or no place; Interrupted where it may be later.
    """
    if not (found := _PLACE.fullmatch(place.rstrip("/"))):
        raise DownloadError(f"{place}: expected hf://datasets/OWNER/NAME, with @REVISION or a folder after it")
    kind, name, folder = found["kind"] or "", found["name"], found["folder"] or None
    revision = found["revision"] or revision
    api = _api(place)
    options: dict[str, Any] = {"repo_type": kind[:-2] or "model"}
    from huggingface_hub import RepoFile
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        commit = api.repo_info(name, revision=revision, **options).sha
        tree = list(api.list_repo_tree(name, folder, recursive=True, revision=commit, **options))
    except GatedRepoError as error:
        raise DownloadError(f"{place}: {gated(f'{endpoint()}/{kind}{name}')}") from error
    except RevisionNotFoundError as error:
        raise DownloadError(f"{place}: the hub knows no revision {revision}") from error
    except EntryNotFoundError as error:
        raise DownloadError(f"{place}: the hub has no folder {folder} there") from error
    except RepositoryNotFoundError as error:
        raise DownloadError(
            f"{place}: {endpoint()} has no such repository, or it is private (HF_TOKEN says who asks)"
        ) from error
    except HfHubHTTPError as error:
        answer = error.response
        if answer is not None and answer.status_code not in BUSY:
            raise DownloadError(f"{place}: {brief(error)}") from error
        after = seconds_of(answer.headers.get("Retry-After")) if answer is not None else 0
        raise Interrupted(brief(error), after) from error
    except Exception as error:  # no connection, an answer that is no JSON, ...
        raise Interrupted(brief(error)) from error
    above = f"{folder}/" if folder else ""
    files = [
        Offer(
            entry.path.removeprefix(above),
            f"{endpoint()}/{kind}{name}/resolve/{commit}/{quote(entry.path)}",
            entry.size,
            entry.lfs.sha256 if entry.lfs else None,
        )
        for entry in tree
        if isinstance(entry, RepoFile)
    ]
    return str(commit), files


def _api(place: str) -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise DownloadError(f"{place}: needs huggingface_hub; pip install -e '.[hf]'") from error
    return HfApi(endpoint=endpoint())
