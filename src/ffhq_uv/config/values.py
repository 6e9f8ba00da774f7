"""The types of single values: places, shares, counts, angles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ffhq_uv.config.overrides import home
from ffhq_uv.repository import repository
from ffhq_uv.secrecy import WHERE, holds_secret


def _in_repository(place: Any) -> Any:
    """A relative path as it is, or where the user's repository has it: a copy that DVC makes has tracked files only.

    ``~`` is the home folder.
    """
    if not str(place).strip():
        raise ValueError("is empty; null stands for no place")
    place = type(place)(home(str(place)))
    local = "://" not in str(place)
    if not local or repository() == Path.cwd() or Path(place).exists():
        return place
    return type(place)(repository() / place)


def _without_credentials(place: str) -> str:
    if holds_secret(place):
        raise ValueError(WHERE)
    return place


UserPath = Annotated[Path, AfterValidator(_in_repository)]
Place = Annotated[str, AfterValidator(_without_credentials), AfterValidator(_in_repository)]
"""A path on this machine, or a URL."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Degrees = Annotated[float, Field(ge=-90, le=90)]
LayerRange = tuple[Annotated[int, Field(ge=0, le=17)], Annotated[int, Field(ge=0, le=17)]]
Positive = Annotated[float, Field(gt=0)]
