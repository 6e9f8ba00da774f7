"""Writing the published layout: the same input gives the same bytes, and a name never shows half a file.

The layout is FFHQ-UV's: chunked zips or folders of PNG maps, torch latents, JSON attributes, NPY
lights, one ``meta-info.json``. Arrays come in without the batch axes of the files; the encoders add
them.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.archive.ms_api import encode_ms_api
from ffhq_uv.formats.png import encode_png
from ffhq_uv.geometry import VIEWS

__all__ = [
    "METADATA",
    "encode_attributes",
    "encode_latent",
    "encode_light",
    "encode_ms_api",
    "encode_png",
    "encode_view_latent",
    "normalised_attributes",
    "remove_partial_files",
    "sample_files",
    "write_bytes",
    "write_face_latents",
    "write_meta_info",
    "write_metadata",
    "write_tar",
    "write_uv_map",
    "write_zip",
]

PARTIAL = ".part"
"""Ending of the temporary files beside their targets; they start with a dot, and no reader takes them."""
_ORPHAN = re.compile(r"\..+\.[a-z0-9_]{8}\.part")  # as tempfile names them; a download's part is none


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the name ``path`` only once it is complete. Parent folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_partial_files(folder: Path) -> int:
    """Delete what killed writers left anywhere under ``folder``; return how many files that was."""
    orphans = [path for path in folder.rglob(f".*{PARTIAL}") if _ORPHAN.fullmatch(path.name)]
    for orphan in orphans:
        orphan.unlink(missing_ok=True)
    return len(orphans)


def write_bytes(path: Path, content: bytes) -> None:
    """Write one file atomically."""
    with _replacing(path) as file:
        file.write(content)


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a tar of ``(name, content)`` members in the given order, atomically.

    Nothing in it depends on when or by whom it was written: date 1970, user and group 0, permissions 0644.
    """
    with _replacing(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip of ``(name, content)`` members in the given order, atomically.

    Members are stored, not deflated: maps and codes do not shrink, and zlib's bytes differ between
    versions. Date (1980), permissions (0644) and system (Unix) are fixed. Raises ValueError for a name
    given twice.
    """
    seen: set[str] = set()
    with _replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            if name in seen:
                raise ValueError(f"{path.name}: member {name} is given twice")
            seen.add(name)
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content)


def encode_latent(latent: NDArray[np.float32]) -> bytes:
    """``latents/<id>.pt``: W+ code [18, 512] as a bare float32 tensor (1, 18, 512)."""
    return _torch_bytes(_checked(latent, (18, 512))[None])


def encode_view_latent(latent: NDArray[np.float32], attribute: NDArray[np.float32]) -> bytes:
    """``<id>_<view>_latent.pt``: W+ code [18, 512] and attributes [17], see `normalised_attributes`."""
    return _torch_bytes(
        {
            "latent": _checked(latent, (18, 512))[None],
            "attribute": _checked(attribute, (17,)).reshape(1, 17, 1, 1),
        }
    )


def normalised_attributes(gender: int, beard: float, age: float) -> NDArray[np.float32]:
    """The attribute vectors float32 [3, 17] that normalised views are published with.

    Slots: 0-8 SH light (uniform), 9 gender (1 male), 10 glasses (0), 11 yaw (+30, 0, -30 degrees),
    12 pitch (0), 13 baldness (1: no hair), 14 beard (0..1), 15 age (years), 16 expression (0).
    """
    vectors = np.zeros((len(VIEWS), 17), np.float32)
    vectors[:, [0, 13]] = 1
    vectors[:, 9], vectors[:, 14], vectors[:, 15] = gender, beard, age
    vectors[:, 11] = (30, 0, -30)
    return vectors


def encode_attributes(attributes: Mapping[str, object]) -> bytes:
    """``attributes/<id>.json``: indented, sorted by key, no newline at the end."""
    return json.dumps(dict(attributes), indent=4, sort_keys=True, allow_nan=False).encode()


def encode_light(sh: NDArray[np.float32]) -> bytes:
    """``lights/<id>.npy``: nine spherical harmonics coefficients [9] as float32 (1, 9, 1, 1)."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(sh, "<f4").reshape(1, 9, 1, 1), (1, 0), allow_pickle=False)
    return buffer.getvalue()


def write_meta_info(path: Path, records: Mapping[str, Mapping[str, object]]) -> None:
    """``meta-info.json``: per 6-digit id Age, Beard, Gender and Index-in-FFHQ; sorted, one record a line."""
    lines = (f'    "{id}": {json.dumps(records[id], sort_keys=True, allow_nan=False)}' for id in sorted(records))
    write_bytes(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


METADATA = "metadata.jsonl"
"""Beside uv-maps/: what Hugging Face's ``imagefolder`` reads, a line a sample."""


def write_metadata(data_set: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """``metadata.jsonl`` of a data set: rows with an ``id``, in their order, and where each sample's map lies."""
    lines = (
        json.dumps({"file_name": sample_files(Path(), str(row["id"]))[0].as_posix(), **row}, allow_nan=False)
        for row in rows
    )
    write_bytes(data_set / METADATA, "".join(f"{line}\n" for line in lines).encode())


def write_uv_map(data_set: Path, id: str, uv_map: NDArray[np.uint8]) -> None:
    """Write a sample's map uint8 [S, S, 3] to ``uv-maps/<chunk>/<id>.png`` of a data set."""
    write_bytes(sample_files(data_set, id)[0], encode_png(uv_map))


def write_face_latents(data_set: Path, id: str, latents: NDArray[np.float32], attributes: NDArray[np.float32]) -> None:
    """Write a sample's codes [3, 18, 512] and attributes [3, 17] below ``face-latents/<chunk>/<id>/``."""
    for path, latent, attribute in zip(sample_files(data_set, id)[1:], latents, attributes, strict=True):
        write_bytes(path, encode_view_latent(latent, attribute))


def sample_files(data_set: Path, id: str) -> list[Path]:
    """What `write_uv_map` and `write_face_latents` write of a sample: its map, and its codes in the views' order."""
    latents = data_set / "face-latents" / _chunk(id) / id
    return [data_set / "uv-maps" / _chunk(id) / f"{id}.png", *(latents / f"{id}_{view}_latent.pt" for view in VIEWS)]


def _chunk(id: str) -> str:
    return f"{int(id) // 1000:03d}"


def _checked(array: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if array.shape != shape:
        raise ValueError(f"expected an array of shape {list(shape)}, not {list(array.shape)}")
    return np.array(array, np.float32)


def _torch_bytes(value: NDArray[np.float32] | dict[str, NDArray[np.float32]]) -> bytes:
    """A tensor, or a dict of tensors, as torch saves it."""
    import torch  # here: it loads for seconds, and most who write no codes do without

    saved = (
        {name: torch.from_numpy(array) for name, array in value.items()}
        if isinstance(value, dict)
        else torch.from_numpy(value)
    )
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    return buffer.getvalue()
