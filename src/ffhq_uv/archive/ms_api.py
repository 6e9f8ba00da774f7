"""Microsoft Face API records: ``attributes_ms_api/<id>.pkl``, read and written without the Azure SDK.

A file is a protocol 3 pickle of one DetectedFace of azure-cognitiveservices-vision-face >= 0.6.0. Here a
record is a nested dict of plain values: a model object is a dict of its fields (without its empty
``additional_properties``), an enum is its stored string (``noGlasses``, ``GoodExposure``).

The attributes were detected by Microsoft's service on synthetic faces; they are for research only.
"""

from __future__ import annotations

import math
import reprlib
import struct
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.formats.unpickle import Record, Table, UnpickleError, unpickle

_PACKAGE = "azure.cognitiveservices.vision.face.models"

ENUMS: dict[str, tuple[str, ...]] = {
    "Gender": ("male", "female"),
    "GlassesType": ("noGlasses", "readingGlasses", "sunglasses", "swimmingGoggles"),
    "HairColorType": ("unknown", "white", "gray", "blond", "brown", "red", "black", "other"),
    "AccessoryType": ("headWear", "glasses", "mask"),
    "BlurLevel": ("Low", "Medium", "High"),
    "NoiseLevel": ("Low", "Medium", "High"),
    "QualityForRecognition": ("Low", "Medium", "High"),
    "ExposureLevel": ("UnderExposure", "GoodExposure", "OverExposure"),
    "MaskType": ("noMask", "faceMask", "otherMaskOrOcclusion", "uncertain"),
}
"""The stored values of each enum."""

_EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
_LANDMARKS = (
    *("pupil_left", "pupil_right", "nose_tip", "mouth_left", "mouth_right", "eyebrow_left_outer"),
    *("eyebrow_left_inner", "eye_left_outer", "eye_left_top", "eye_left_bottom", "eye_left_inner"),
    *("eyebrow_right_inner", "eyebrow_right_outer", "eye_right_inner", "eye_right_top", "eye_right_bottom"),
    *("eye_right_outer", "nose_root_left", "nose_root_right", "nose_left_alar_top", "nose_right_alar_top"),
    *("nose_left_alar_out_tip", "nose_right_alar_out_tip", "upper_lip_top", "upper_lip_bottom"),
    *("under_lip_top", "under_lip_bottom"),
)

MODELS: dict[str, dict[str, str]] = {
    "DetectedFace": {
        "face_id": "text",
        "recognition_model": "text",
        "face_rectangle": "FaceRectangle",
        "face_landmarks": "FaceLandmarks",
        "face_attributes": "FaceAttributes",
    },
    "FaceRectangle": dict.fromkeys(("width", "height", "left", "top"), "number"),
    "FaceAttributes": {
        "age": "number",
        "gender": "Gender",
        "smile": "number",
        "facial_hair": "FacialHair",
        "glasses": "GlassesType",
        "head_pose": "HeadPose",
        "emotion": "Emotion",
        "hair": "Hair",
        "makeup": "Makeup",
        "occlusion": "Occlusion",
        "accessories": "list of Accessory",
        "blur": "Blur",
        "exposure": "Exposure",
        "noise": "Noise",
        "mask": "Mask",
        "quality_for_recognition": "QualityForRecognition",
    },
    "FaceLandmarks": dict.fromkeys(_LANDMARKS, "Coordinate"),
    "Coordinate": dict.fromkeys("xy", "number"),
    "FacialHair": dict.fromkeys(("moustache", "beard", "sideburns"), "number"),
    "HeadPose": dict.fromkeys(("roll", "yaw", "pitch"), "number"),
    "Emotion": dict.fromkeys(_EMOTIONS, "number"),
    "Hair": {"bald": "number", "invisible": "flag", "hair_color": "list of HairColor"},
    "HairColor": {"color": "HairColorType", "confidence": "number"},
    "Makeup": dict.fromkeys(("eye_makeup", "lip_makeup"), "flag"),
    "Occlusion": dict.fromkeys(("forehead_occluded", "eye_occluded", "mouth_occluded"), "flag"),
    "Accessory": {"type": "AccessoryType", "confidence": "number"},
    "Blur": {"blur_level": "BlurLevel", "value": "number"},
    "Exposure": {"exposure_level": "ExposureLevel", "value": "number"},
    "Noise": {"noise_level": "NoiseLevel", "value": "number"},
    "Mask": {"type": "MaskType", "nose_and_mouth_covered": "flag"},
}
"""The fields of each model object in the order in which they are stored, and what each holds (or None)."""


def decode_ms_api(data: bytes, name: str) -> dict[str, Any]:
    """The DetectedFace record of one file. Nothing in it is executed, no class is imported.

    Raises ArchiveError naming the GLOBAL, field or value that does not belong into such a record.
    """
    try:
        content = unpickle(data, _table(), name)
    except UnpickleError as error:
        raise ArchiveError(str(error)) from error
    if content is None:
        raise ArchiveError(f"{name}: expected a DetectedFace, not None")
    return cast(dict[str, Any], _plain("DetectedFace", content, name))


def neutral_emotion(record: Mapping[str, Any], name: str) -> float | None:
    """How neutral the service found a face's expression, 0..1; None where it did not say.

    The eight emotions add up to 1, so this is 1 without any other. Raises ArchiveError for a number beyond 0..1.
    """
    emotions = (record.get("face_attributes") or {}).get("emotion") or {}
    neutral = emotions.get("neutral")
    if neutral is not None and not (math.isfinite(neutral) and 0 <= neutral <= 1):
        raise ArchiveError(f"{name}: neutral is {reprlib.repr(neutral)}, expected a number from 0 to 1")
    return neutral if neutral is None else float(neutral)


def _table() -> Table:
    models = {f"{_PACKAGE}._models_py3.{kind}": partial(Record, kind) for kind in MODELS}
    enums = {f"{_PACKAGE}._face_client_enums.{kind}": partial(_enum, kind) for kind in ENUMS}
    return {**models, **enums}


def _enum(kind: str, value: object) -> str:
    if value not in ENUMS[kind]:
        raise UnpickleError(f"{kind} is one of {', '.join(ENUMS[kind])}, not {reprlib.repr(value)}")
    return str(value)


_KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "flag": (bool,), "number": (float, int)}


def _plain(kind: str, value: object, name: str) -> object:
    """A value of a kind of `MODELS` as plain dicts, lists, texts, numbers and flags."""
    if value is None:
        return None
    if kind in MODELS and isinstance(value, Record) and value.kind == kind:
        fields = MODELS[kind]
        if unknown := value.fields.keys() - {*fields, "additional_properties"}:
            raise ArchiveError(f"{name}: {kind} has no field {reprlib.repr(min(unknown))}")
        return {key: _plain(held, value.fields[key], name) for key, held in fields.items() if key in value.fields}
    if kind.startswith("list of ") and isinstance(value, list):
        return [_plain(kind.removeprefix("list of "), item, name) for item in value]
    if type(value) in _KINDS.get(kind, ()) or (kind in ENUMS and value in ENUMS[kind]):
        return value
    raise ArchiveError(f"{name}: expected a {kind}, not {reprlib.repr(value)}")


def encode_ms_api(record: Mapping[str, Any]) -> bytes:
    """Pickle a DetectedFace record as the SDK would: the same GLOBALs, NEWOBJ, REDUCE, BUILD and memo.

    Missing fields are stored as None. Raises ValueError for an unknown field or a value of the wrong kind.
    """
    writer = _Writer()
    writer.value("DetectedFace", record)
    return bytes(writer.out + b".")


class _Writer:
    """Emits the opcodes of Python's own pickler for this one schema."""

    def __init__(self) -> None:
        self.out = bytearray(b"\x80\x03")
        self.places: dict[tuple[str, ...], int] = {}
        self.count = 0

    def value(self, kind: str, value: Any) -> None:
        if value is None:
            self.out += b"N"
        elif kind in MODELS:
            self.model(kind, value)
        elif kind in ENUMS:
            self.enum(kind, value)
        elif kind.startswith("list of "):
            self.list_of(kind.removeprefix("list of "), value)
        elif kind == "text" and isinstance(value, str):
            self.text(value)
        elif kind == "flag" and isinstance(value, bool):
            self.out += b"\x88" if value else b"\x89"
        elif kind == "number" and isinstance(value, float):
            self.out += b"G" + struct.pack(">d", value)
        elif kind == "number" and isinstance(value, int) and not isinstance(value, bool):
            self.integer(value)
        else:
            raise ValueError(f"MS API record: expected a {kind}, not {value!r}")

    def model(self, kind: str, record: Mapping[str, Any]) -> None:
        if unknown := record.keys() - MODELS[kind].keys():
            raise ValueError(f"MS API record: {kind} has no field {', '.join(sorted(unknown))}")
        self.name("_models_py3", kind)
        self.out += b")\x81"
        self.put()
        self.out += b"}"
        self.put()
        self.out += b"("
        self.text("additional_properties")
        self.out += b"}"
        self.put()
        for field, held in MODELS[kind].items():
            self.text(field)
            self.value(held, record.get(field))
        self.out += b"ub"

    def enum(self, kind: str, value: str) -> None:
        if value not in ENUMS[kind]:
            raise ValueError(f"MS API record: {kind} is one of {', '.join(ENUMS[kind])}, not {value!r}")
        if self.known("enum", kind, value):
            return
        self.name("_face_client_enums", kind)
        self.text(value)
        self.out += b"\x85"
        self.put()
        self.out += b"R"
        self.put("enum", kind, value)

    def list_of(self, kind: str, values: list[Any]) -> None:
        self.out += b"]"
        self.put()
        if len(values) == 1:
            self.value(kind, values[0])
            self.out += b"a"
        elif values:
            self.out += b"("
            for value in values:
                self.value(kind, value)
            self.out += b"e"

    def name(self, module: str, name: str) -> None:
        if not self.known("global", module, name):
            self.out += f"c{_PACKAGE}.{module}\n{name}\n".encode()
            self.put("global", module, name)

    def text(self, value: str) -> None:
        if not self.known("text", value):
            encoded = value.encode()
            self.out += b"X" + struct.pack("<I", len(encoded)) + encoded
            self.put("text", value)

    def integer(self, value: int) -> None:
        if 0 <= value < 256:
            self.out += b"K" + struct.pack("<B", value)
        elif 0 <= value < 65536:
            self.out += b"M" + struct.pack("<H", value)
        else:
            self.out += b"J" + struct.pack("<i", value)

    def known(self, *key: str) -> bool:
        """Refer back to an object that was written before."""
        if (place := self.places.get(key)) is None:
            return False
        self.out += struct.pack("<cB", b"h", place) if place < 256 else struct.pack("<cI", b"j", place)
        return True

    def put(self, *key: str) -> None:
        """Give the object on top of the stack the next place in the memo."""
        self.out += struct.pack("<cB", b"q", self.count) if self.count < 256 else struct.pack("<cI", b"r", self.count)
        if key:
            self.places[key] = self.count
        self.count += 1
