"""The configured bounds as the archive room takes them."""

from __future__ import annotations

from ffhq_uv.archive.limits import Limits
from ffhq_uv.config import Config


def limits(config: Config) -> Limits:
    """How much of an archive's file is read."""
    return Limits(**config.limits.model_dump(by_alias=True))
