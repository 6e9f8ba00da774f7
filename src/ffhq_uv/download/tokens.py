"""Who asks for the files of Hugging Face's hub; ``HF_ENDPOINT`` and ``HF_TOKEN`` are huggingface_hub's own names."""

from __future__ import annotations

import os


def endpoint() -> str:
    """Where the hub is, or its mirror."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def authorisation(url: str) -> dict[str, str]:
    """The header by which the hub knows who asks for one of its files; nothing for any other URL.

    Requests sends it to no other host, to which the hub may lead.
    """
    if not _of_hub(url) or (token := os.environ.get("HF_TOKEN") or _stored()) is None:
        return {}
    return {"Authorization": f"Bearer {token}"}


def remedy(url: str, status: int) -> str:
    """What to do about a refused file of the hub; nothing for any other URL or answer."""
    return f"; {gated(url.partition('/resolve/')[0])}" if status in (401, 403) and _of_hub(url) else ""


def gated(page: str) -> str:
    """What to do about a repository that is not for everyone."""
    return f"the hub gives this only to those whom it knows: accept the terms at {page}, and set HF_TOKEN"


def _of_hub(url: str) -> bool:
    return url.startswith(f"{endpoint()}/")


def _stored() -> str | None:
    """The token that ``hf auth login`` stored."""
    try:
        from huggingface_hub import get_token
    except ImportError:
        return None
    return get_token()
