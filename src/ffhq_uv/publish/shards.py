"""Parquet shards that `datasets`, torch, pandas and polars read: pictures as files' bytes, codes as nested lists."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SHARD_BYTES = 500_000_000
"""What a shard is about as large as: the Hub's own choice."""
GROUP = 8
"""Samples a row group: few enough for random access, about 10 MB."""
CODES = (3, 18, 512)
"""Views, layers, numbers."""
KEY = b"ffhq_uv.key"
"""In the schema's metadata: what the shard was made from."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """The columns beside image and codes: name -> ``string``, ``int64`` or ``double``; and the heads' vertices.

    heads    number of vertices of a head, or None: without
    meshes   whether heads are there as GLB
    """

    plain: Mapping[str, str]
    heads: int | None = None
    meshes: bool = False

    def schema(self, key: str) -> pa.Schema:
        """The schema, with the features that `datasets` reads, and what the shard was made from."""
        fields = [pa.field("id", pa.string()), pa.field("image", _FILE), pa.field("codes", _nested(pa.float32(), 3))]
        features: dict[str, Any] = {
            "id": {"dtype": "string", "_type": "Value"},
            "image": {"_type": "Image"},
            "codes": {"shape": list(CODES), "dtype": "float32", "_type": "Array3D"},
        }
        for name, type in self.plain.items():
            fields.append(pa.field(name, pa.type_for_alias(type)))
            features[name] = {"dtype": {"double": "float64"}.get(type, type), "_type": "Value"}
        if self.heads is not None:
            fields.append(pa.field("head", _nested(pa.float16(), 2)))
            features["head"] = {"shape": [self.heads, 3], "dtype": "float16", "_type": "Array2D"}
        if self.meshes:
            fields.append(pa.field("mesh", _FILE))
            features["mesh"] = {"_type": "Mesh"}
        described = json.dumps({"info": {"features": features}})
        return pa.schema(fields, {b"huggingface": described.encode(), KEY: key.encode()})


@dataclass(frozen=True)
class Sample:
    """A sample's picture, codes float32 [3, 18, 512], and its head, float16 [N, 3] or a GLB's bytes, or None."""

    image: bytes
    codes: NDArray[np.float32]
    head: NDArray[np.float16] | None = None
    mesh: bytes | None = None


_FILE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def shard_sizes(samples: int, total_bytes: int, shard_bytes: int = SHARD_BYTES) -> list[int]:
    """How many samples go to each shard: as equal as whole row groups allow."""
    shards = max(1, math.ceil(total_bytes / shard_bytes))
    groups = math.ceil(samples / GROUP)
    ends = [min(samples, GROUP * (groups * shard // shards)) for shard in range(1, shards + 1)]
    return [size for size in np.diff([0, *ends]).tolist() if size]


def shard_name(shard: int, shards: int) -> str:
    """As `datasets` names them."""
    return f"train-{shard:05d}-of-{shards:05d}.parquet"


def is_made(path: Path, key: str) -> bool:
    """Whether a whole shard that was made from the same is there."""
    try:
        return (pq.read_schema(path).metadata or {}).get(KEY) == key.encode()
    except (OSError, pa.ArrowInvalid):
        return False


def write_shard(
    path: Path,
    columns: Columns,
    key: str,
    rows: Sequence[Row],
    read: Callable[[Sequence[Row]], Sequence[Sample]],
    suffix: str = ".png",
) -> None:
    """Write a shard, a row group at a time: the same bytes each time with the same pyarrow.

    rows    id and the plain columns of every sample
    read    the samples of a row group
    """
    schema = columns.schema(key)
    text = [name for name, type in columns.plain.items() if type == "string"]
    with pq.ParquetWriter(
        path, schema, compression="none", use_dictionary=text or False, write_statistics=["id"], write_page_index=True
    ) as writer:
        for start in range(0, len(rows), GROUP):
            part = rows[start : start + GROUP]
            samples = read(part)
            ids = [row["id"] for row in part]
            images = [{"bytes": s.image, "path": f"{id}{suffix}"} for id, s in zip(ids, samples, strict=True)]
            arrays = [
                pa.array(ids, pa.string()),
                pa.array(images, _FILE),
                _lists(np.stack([sample.codes for sample in samples]), pa.float32()),
                *(pa.array([row[name] for row in part], schema.field(name).type) for name in columns.plain),
            ]
            if columns.heads is not None:
                blank = np.full((columns.heads, 3), np.nan, np.float16)
                heads = np.stack([blank if sample.head is None else sample.head for sample in samples])
                arrays.append(_lists(heads, pa.float16()))
            if columns.meshes:
                meshes = [
                    None if sample.mesh is None else {"bytes": sample.mesh, "path": f"{id}.glb"}
                    for id, sample in zip(ids, samples, strict=True)
                ]
                arrays.append(pa.array(meshes, _FILE))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=GROUP)


def _nested(inner: pa.DataType, depth: int) -> pa.DataType:
    return inner if depth == 0 else pa.list_(_nested(inner, depth - 1))


def _lists(values: NDArray[Any], inner: pa.DataType) -> pa.Array:
    """An array [n, a, b, ...] as a column of nested lists."""
    found = pa.array(values.reshape(-1), inner)
    for axis in range(values.ndim - 1, 0, -1):
        length = values.shape[axis]
        offsets = np.arange(0, len(found) + 1, length, dtype=np.int32)
        found = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), found)
    return found
