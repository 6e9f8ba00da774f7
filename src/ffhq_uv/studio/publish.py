"""Publishing: draw people and write them in FFHQ-UV's archive layout, with the truth beside it.

Person k is both sample k of ``dataset/ffhq-uv`` (normalised, with its faults) and one photographed person of
``dataset_project``, tied by ``Index-in-FFHQ``. The same arguments give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.archive.writing import (
    encode_attributes,
    encode_latent,
    encode_light,
    encode_ms_api,
    encode_png,
    encode_view_latent,
    normalised_attributes,
    write_bytes,
    write_meta_info,
    write_zip,
)
from ffhq_uv.geometry import VIEWS
from ffhq_uv.studio.assets import YAWS, write_assets
from ffhq_uv.studio.codes import Codes, encode, turned
from ffhq_uv.studio.flow import direction_file, flow_file
from ffhq_uv.studio.person import BADLY_LIT, HIDDEN_SKIN, SMILING, Person, draw, person
from ffhq_uv.studio.render import true_map

CHUNK = 1000
"""Samples in one zip of the data set."""
FFHQ = 70_000
"""Images in FFHQ: the range of the 5-digit ids."""
NO_INDEX = 0.015
"""Share of samples without an index in FFHQ (published: "about 1K" of 54,165; 1,448 were counted)."""

_WHO, _CODE, _API, _LIGHT, _INDEX = range(1, 6)
"""Purposes of the random draws."""


def normalised(seed: int, k: int) -> Codes:
    """Codes [3, 18, 512] of the normalised views of person k."""
    front = encode(draw((seed, _WHO, k), True), (seed, _CODE, k))
    return np.stack([turned(front, YAWS[view]) if YAWS[view] else front for view in VIEWS])


def photographed(seed: int, k: int) -> Codes:
    """The code [18, 512] of person k as photographed."""
    return encode(draw((seed, _WHO, k), False), (seed, _CODE, k))


@dataclass(frozen=True)
class Detected:
    """What a face service says of a person, with its small errors and its rounding."""

    age: float
    beard: float
    bald: float
    smile: float
    male: int
    yaw: float
    pitch: float

    @classmethod
    def of(cls, one: Person, rng: np.random.Generator) -> Detected:
        """Detect: age within some 2 years, beard and smile in steps, pose within some 1.5 degrees."""
        error = rng.normal(size=6)

        def step(x: float, size: float) -> float:
            return float(round(np.clip(x, 0, 1) / size) * size)

        return cls(
            age=float(round(max(0.0, one.age + 2.0 * error[0]))),
            beard=step(one.beard + 0.02 * error[1], 0.025) if one.male > 0.5 else 0.0,
            bald=step(0.05 + 0.6 * one.receding + 0.02 * error[2], 0.01),
            smile=step(one.smile + 0.03 * error[3] * (one.smile > 0), 0.001),
            male=int(one.male > 0.5),
            yaw=round(one.yaw + 1.5 * float(error[4]), 1),
            pitch=round(-one.pitch + 1.5 * float(error[5]), 1),
        )


def publish(
    out: Path,
    *,
    people: int,
    reference: int,
    map_size: int,
    seed: int,
    flow: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write ``dataset/ffhq-uv``, ``dataset_project``, ``topo_assets`` and ``truth.parquet`` below ``out``.

    people      samples of the data set, at least 1
    reference   photographed people of the project folder; those below ``people`` are the data set's own
    map_size    side of the UV maps, texels (published: 1024)
    flow        publish ``checkpoints/styleflow_model``, too, which edits the codes of the project folder
    progress    called with the number of people done, after each
    """
    if not 1 <= people <= FFHQ or not 0 <= reference <= FFHQ or map_size < 64:
        raise ValueError(
            f"people {people}, reference {reference}, map_size {map_size}: "
            f"expected 1..{FFHQ}, 0..{FFHQ} and at least 64"
        )
    write_assets(out / "topo_assets")
    if flow:
        write_bytes(out / "checkpoints/styleflow_model/modellarge10k.pt", flow_file())
        write_bytes(out / "checkpoints/styleflow_model/expression_direction.pt", direction_file())
    rng = np.random.default_rng([seed, _INDEX])
    numbers = rng.permutation(FFHQ)[: max(people, reference)]
    unknown = rng.random(people) < NO_INDEX
    records: dict[str, dict[str, object]] = {}
    truth: list[dict[str, object]] = []
    data_set = out / "dataset" / "ffhq-uv"
    for start in range(0, people, CHUNK):
        maps, codes = [], []
        for k in range(start, min(start + CHUNK, people)):
            id = f"{k:06d}"
            views = normalised(seed, k)
            one = person(views[VIEWS.index("front")])
            found = Detected.of(one, np.random.default_rng([seed, _API, k, 0]))
            index = None if unknown[k] else f"{numbers[k]:05d}"
            records[id] = {
                "Age": found.age, "Beard": found.beard, "Gender": found.male, "Index-in-FFHQ": index,
            }  # fmt: skip
            truth.append(truth_of(id, one))
            maps.append((f"{id}.png", encode_png(true_map(views[VIEWS.index("front")], map_size))))
            slots = normalised_attributes(found.male, found.beard, found.age)
            for view, latent, attribute in zip(VIEWS, views, slots, strict=True):
                codes.append((f"{id}/{id}_{view}_latent.pt", encode_view_latent(latent, attribute)))
            progress(k + 1)
        write_zip(data_set / "uv-maps" / f"{start // CHUNK:03d}.zip", maps)
        write_zip(data_set / "face-latents" / f"{start // CHUNK:03d}.zip", codes)
    write_meta_info(data_set / "meta-info.json", records)
    _publish_project(out / "dataset_project", [int(n) for n in numbers[:reference]], seed)
    buffer = io.BytesIO()
    pl.DataFrame(truth).write_parquet(buffer)
    write_bytes(out / "truth.parquet", buffer.getvalue())


def truth_of(id: str, one: Person) -> dict[str, object]:
    """What is really wrong with a sample: three verdicts and the strengths behind them (see `person`)."""
    return {
        "id": id,
        "badly_lit": one.uneven_light >= BADLY_LIT,
        "smiling": one.smile >= SMILING,
        "hidden_skin": one.hidden_skin >= HIDDEN_SKIN,
        "uneven_light": one.uneven_light,
        "smile": one.smile,
        "fringe": one.fringe,
        "strand": abs(one.strand),
    }


def _publish_project(folder: Path, numbers: list[int], seed: int) -> None:
    """The four zips of ``dataset_project``, sorted by id."""
    latents, attributes, api, lights = [], [], [], []
    for number, k in sorted(zip(numbers, range(len(numbers)), strict=True)):
        id = f"{number:05d}"
        code = photographed(seed, k)
        one = person(code)
        found = Detected.of(one, np.random.default_rng([seed, _API, k, 1]))
        latents.append((f"{id}.pt", encode_latent(code)))
        attributes.append(
            (
                f"{id}.json",
                encode_attributes(
                    {
                        "Age": found.age,
                        "Baldness": found.bald,
                        "Beard": found.beard,
                        "Expression": found.smile,
                        "Gender": found.male,
                        "Glasses": 0,
                        "Pitch": found.pitch,
                        "Yaw": found.yaw,
                    }
                ),
            )
        )
        api.append((f"{id}.pkl", encode_ms_api(_detected_face(found, one))))
        error = np.random.default_rng([seed, _LIGHT, k]).normal(size=9)
        lights.append((f"{id}.npy", encode_light((one.light + 0.01 * error).astype(np.float32))))
    for name, members in (
        ("latents", latents),
        ("attributes", attributes),
        ("attributes_ms_api", api),
        ("lights", lights),
    ):
        write_zip(folder / f"{name}.zip", members)


def _detected_face(found: Detected, one: Person) -> dict[str, object]:
    """The face service's record of a person."""
    calm = 1 - found.smile
    dark, grey = one.hair_melanin, one.grey
    coloured = 1 - grey
    colours = {
        "black": coloured * dark**3,
        "brown": coloured * (1 - abs(2 * dark - 1.1)),
        "blond": coloured * (1 - dark),
        "red": coloured * one.hair_red,
        "gray": grey,
        "white": max(0.0, 2 * grey - 1),
        "other": 0.05,
    }
    ranked = sorted(colours.items(), key=lambda item: (-item[1], item[0]))
    return {
        "face_id": None,
        "face_rectangle": {"width": 554, "height": 554, "left": 235, "top": 300},
        "face_attributes": {
            "age": found.age,
            "gender": "male" if found.male else "female",
            "smile": found.smile,
            "facial_hair": {
                "moustache": round(found.beard * one.moustache, 2), "beard": found.beard, "sideburns": 0.0,
            },
            "glasses": "noGlasses",
            "head_pose": {"roll": 0.0, "yaw": found.yaw, "pitch": found.pitch},
            "emotion": {
                "anger": 0.0, "contempt": 0.0, "disgust": 0.0, "fear": 0.0, "happiness": found.smile,
                "neutral": round(calm, 3), "sadness": 0.0, "surprise": 0.0,
            },
            "hair": {
                "bald": found.bald,
                "invisible": False,
                "hair_color": [
                    {"color": colour, "confidence": round(float(np.clip(share, 0, 1)), 2)}
                    for colour, share in ranked
                ],
            },
            "makeup": {"eye_makeup": one.lashes > 0.75, "lip_makeup": bool(one.lips[0] > 0.8)},
            "occlusion": {
                "forehead_occluded": one.fringe >= HIDDEN_SKIN, "eye_occluded": False, "mouth_occluded": False,
            },
            "accessories": [],
            "blur": {"blur_level": "Low", "value": 0.0},
            "exposure": {"exposure_level": "GoodExposure", "value": 0.5},
            "noise": {"noise_level": "Low", "value": 0.0},
            "quality_for_recognition": "High",
        },
    }  # fmt: skip
