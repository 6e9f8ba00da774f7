"""A small data set as the stage extract leaves it, of random maps and codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.archive.writing import (
    encode_view_latent,
    normalised_attributes,
    write_meta_info,
    write_metadata,
    write_uv_map,
    write_zip,
)
from ffhq_uv.geometry import VIEWS

SIZE = 32
REPORTS = {
    "quality": {
        "encoder": "dct",
        "ffhq_uv": {"samples": 40, "id_std_percent": 71.25, "bs_error": 3.218, "valid_area_ratio": 0.93},
        "ffhq_uv_interpolate": {
            "samples": 20,
            "id_std_percent": 55.75,
            "id_std_percent_low": 51.92,
            "id_std_percent_high": 59.38,
            "bs_error": 2.104,
            "valid_area_ratio": 0.9512,
        },
    },
    "filter": {
        "in": 40,
        "kept": 31,
        "dropped": 9,
        "failed": 0,
        "criteria": {"bs_error": {"max": 4.12, "dropped": 7, "alone": 7, "not_measured": 0}},
    },
    "categories": {
        "skin_tone": {
            "light": {"source": 30, "kept": 21, "kept_share": 0.7, "made": 15},
            "dark": {"source": 10, "kept": 10, "kept_share": 1.0, "made": 5},
        }
    },
    "extract": {"asked": 20, "made": 20, "missing": 0, "tried": 22, "failed": 0, "rejected": 2, "rejected_by": {}},
}


def rows(count: int) -> list[dict[str, object]]:
    """What metadata.jsonl says of each sample."""
    return [
        {
            "id": f"{number:06d}",
            "gender": number % 2,
            "age": 20.5 + number,
            "beard": 0.25,
            "category": "male/18-60/beard",
            "note": None if number else "landmarks_guessed:left",
            "bs_error": 2 + number / 7,
            "bs_error_of_luma": 1.5,
            "valid_area_ratio": 0.95,
            "expression": 0.0,
            "light": None,
            "skin_tone": 30.0,
            "skin_tone_class": "intermediate",
        }
        for number in range(count)
    ]


def write_run(
    folder: Path, count: int = 20, data: str = "ffhq-uv-interpolate"
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write a data set and the reports of a run below a folder; id -> its map and its codes."""
    rng = np.random.default_rng(0)
    out = folder / "data" / data
    samples = {}
    for row in rows(count):
        uv_map = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        samples[str(row["id"])] = uv_map, rng.normal(size=(3, 18, 512)).astype(np.float32)
        write_uv_map(out, str(row["id"]), uv_map)
    write_zip(
        out / "face-latents/000.zip",
        (
            (f"{id}/{id}_{view}_latent.pt", encode_view_latent(code, attribute))
            for id, (_, codes) in samples.items()
            for view, code, attribute in zip(VIEWS, codes, normalised_attributes(1, 0.25, 30.0), strict=True)
        ),
    )
    write_meta_info(out / "meta-info.json", {id: {"Age": 1.0, "Beard": 0.0, "Gender": 1} for id in samples})
    if data == "ffhq-uv":
        write_tables(folder, count)
    else:
        write_metadata(out, rows(count))
    (folder / "reports").mkdir(parents=True)
    for name, report in REPORTS.items():
        (folder / f"reports/{name}.json").write_text(json.dumps(report))
    file = {"path": "dataset/ffhq-uv/meta-info.json", "bytes": 8389, "sha256": "ab" * 32, "kind": "meta-info.json"}
    (folder / "data/manifest.json").write_text(json.dumps({"samples": {}, "files": [file]}))
    (folder / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  extract:\n    cmd: x\n    params:\n      params.yaml:\n        seed: 7\n"
        "    outs:\n    - path: data/ffhq-uv-interpolate\n      md5: 0123.dir\n"
    )
    return samples


def write_tables(folder: Path, count: int) -> None:
    """Write what `normalise`, `measure` and `classify` say of people; of one more, that it could not be measured."""
    known = pl.DataFrame(rows(count), infer_schema_length=None).drop("skin_tone_class", "category")
    failed = pl.DataFrame({"id": f"{count:06d}", "reason": "error: no face"})
    attributes = ("gender", "age", "beard")
    samples = pl.concat([known.select("id", *attributes), failed.select("id")], how="diagonal")
    measured = known.drop(attributes).with_columns(
        pl.lit(None, pl.String).alias("reason"), pl.lit([0.5]).alias("identity"), pl.col("light").cast(pl.Float64)
    )
    sorted_ = known.select("id", pl.lit("male/18-60/beard").alias("fine"))
    merged = pl.when(pl.int_range(count) == 1).then(None).otherwise("fine").alias("category")
    tables = {
        "samples": samples,
        "measurements": pl.concat([measured, failed], how="diagonal"),
        "categories": sorted_.with_columns(merged).filter(pl.int_range(count) != 2),
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"data/{name}.parquet")
    (folder / "data/normalised").mkdir()
    (folder / "data/normalised/ffhq-uv.npy").touch()
