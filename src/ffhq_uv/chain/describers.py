"""Who tells what a face looks like: the choices ``attributes=networks | recorded | none`` of the tools."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.ms_api import decode_ms_api
from ffhq_uv.attributes.appearance import Appearance, Describer, Told
from ffhq_uv.attributes.networks import AgeAndGender, NetworkDescriber
from ffhq_uv.attributes.recorded import RecordedDescriber
from ffhq_uv.config import ConfigError
from ffhq_uv.formats import packaged
from ffhq_uv.formats.folders import walk
from ffhq_uv.quality.recogniser import LABELS, ExpressionRecogniser

Choice = Literal["networks", "recorded", "none"]

RECOGNISER = Path("exprecog_model/FacialExpRecognition_model.t7")
"""Below checkpoints/: the network that tells a smile, where it is there."""
_KEYS = {"age": "Age", "gender": "Gender", "beard": "Beard", "smile": "Expression", "glasses": "Glasses"}
"""The values of an appearance, as the published JSON calls them."""


def build_describer(
    choice: Choice, checkpoints: Path, recorded: Path | None, device: str, bounds: Limits = PUBLISHED
) -> Describer:
    """The describer of a choice.

    recorded  for ``recorded``: a folder of ``<id>.json``, or of the service's ``<id>.pkl``
    bounds    of those files

    Raises FileNotFoundError or RuntimeError, saying what to install; ConfigError for ``recorded`` without a folder.
    """
    if choice == "none":
        return RecordedDescriber({})
    if choice == "recorded":
        if recorded is None or not recorded.is_dir():
            raise ConfigError("attributes=recorded needs recorded=FOLDER with <id>.json or the service's <id>.pkl")
        return RecordedDescriber(read_recorded(recorded, bounds))
    files = (file.checked() for file in (packaged.AGE, packaged.GENDER, packaged.LANDMARKS_5))
    networks = AgeAndGender(*files)
    if not (checkpoints / RECOGNISER).is_file():
        return NetworkDescriber(networks)
    recognise = ExpressionRecogniser(checkpoints / RECOGNISER, device)
    return NetworkDescriber(networks, partial(_happy, recognise), f"p(happy) of {RECOGNISER.name}")


def _happy(recognise: ExpressionRecogniser, picture: object) -> float:
    return float(recognise(torch.as_tensor(picture)[None])[0, LABELS.index("happy")])


def read_recorded(folder: Path, bounds: Limits = PUBLISHED) -> dict[str, Appearance]:
    """What was recorded of each id: its JSON's values and their sources, or else its pickle's. Raises ArchiveError."""
    found: dict[str, Appearance] = {}
    with Archives(folder, bounds) as archives:
        for file in walk(folder):
            if file.suffix == ".json":
                found[file.stem] = _of_json(archives.read(file.relative_to(folder).as_posix()), file)
            elif file.suffix == ".pkl" and file.stem not in found:
                record = decode_ms_api(archives.read(file.relative_to(folder).as_posix()), file.name)
                found[file.stem] = _of_service(record["face_attributes"])
    return found


def _of_json(data: bytes, file: Path) -> Appearance:
    try:
        record = json.loads(data)
        sources = record.get("Source", {})
        values = {name: record.get(key) for name, key in _KEYS.items()}
        if any(value is not None and not isinstance(value, int | float) for value in values.values()):
            raise ValueError(f"its values are {values}, expected numbers")
    except (ValueError, AttributeError, RecursionError) as error:
        raise ArchiveError(f"{file}: no attributes ({error})") from error
    return Appearance(
        **{
            name: Told(value, None if value is None else sources.get(_KEYS[name], f"recorded in {file.name}"))
            for name, value in values.items()
        }
    )


def _of_service(face: dict[str, Any]) -> Appearance:
    hair = face.get("facial_hair")
    values: dict[str, Any] = {
        "age": face.get("age"),
        "gender": None if face.get("gender") is None else face["gender"] == "male",
        "beard": hair.get("beard") if isinstance(hair, dict) else 0.0,
        "smile": face.get("smile"),
        "glasses": None if face.get("glasses") is None else face["glasses"] != "noGlasses",
    }
    by = "Microsoft Face API, recorded"
    return Appearance(**{name: Told(float(value), by) for name, value in values.items() if value is not None})
