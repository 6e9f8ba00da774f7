"""What lies in an archive: every published file by the sample, view and part that its name tells.

The published layout exists in several containers (chunk zips, chunk folders, per-sample folders, flat
folders, zips with any inner prefix), so only a file's own name counts, and for plain pictures the
folder ``inversions`` or ``images`` that they lie in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.archive.containers import files, open_zip
from ffhq_uv.archive.limits import PUBLISHED, Limits

_NAME = re.compile(
    r"(?P<id>\d{5,6})(?:_(?P<view>left|front|right))?(?P<suffix>_latent|_final_[a-z0-9_]+)?"
    r"\.(?P<type>png|pt|json|pkl|npy)"
)
_INTRINSICS = re.compile(
    r"(?:.*/)?(?P<id>\d{6})/(?P<part>ambient_occlusion|diffuse|normal|specular|translucency|light_normalized)\.png"
)
"""FFHQ-UV-Intrinsics (Ubisoft): six pictures in a sample's folder, 27 zips of about 370 samples each."""
_RECORDS = {"json": "attributes", "pkl": "ms_api", "npy": "lights"}


@dataclass(frozen=True, slots=True)
class Member:
    """One published file.

    part is the name of a picture of FFHQ-UV-Intrinsics (``diffuse``, ...), ``uv_map``, ``latent``, ``face``,
    ``inversion``, ``image``, ``attributes``, ``ms_api``, ``lights``, or what follows ``_final_`` in the files of step
    4 (``coeffs``, ``trans_params``, ``seg_result``, ...).
    """

    id: str
    view: str | None
    part: str
    location: str


def scan(root: Path, *folders: str, limits: Limits = PUBLISHED) -> Iterator[Member]:
    """The published files below ``root`` (or below these of its folders), in a fixed order.

    Files with other names are passed over. Raises ArchiveError for a zip that is damaged or hostile.
    """
    for folder in folders or ("",):
        for path in files(root / folder):
            location = path.relative_to(root).as_posix()
            if path.suffix == ".zip":
                with open_zip(path, limits) as archive:
                    names = [f"{location}!{name}" for name in archive.namelist()]
            else:
                names = [location]
            yield from filter(None, map(recognise, names))


def recognise(location: str) -> Member | None:
    """The published file at a location, by its name; None if it is not one of a sample."""
    basename = location[max(location.rfind("/"), location.rfind("!")) + 1 :]
    if not (match := _NAME.fullmatch(basename)):
        intrinsic = _INTRINSICS.fullmatch(location.replace("!", "/"))
        return Member(intrinsic["id"], None, intrinsic["part"], location) if intrinsic else None
    view, suffix, type = match["view"], match["suffix"] or "", match["type"]
    if suffix.startswith("_final_"):
        part = {"uv": "uv_map"}.get(name := suffix.removeprefix("_final_"), name)
    elif type in _RECORDS:
        part = _RECORDS[type]
    elif type == "pt":
        part = "latent"
    elif view:
        part = "face"
    else:
        stems = {parent.removesuffix(".zip") for parent in re.split("[/!]", location)[:-1]}
        part = "inversion" if "inversions" in stems else "image" if "images" in stems else "uv_map"
    return Member(match["id"], view, part, location)
