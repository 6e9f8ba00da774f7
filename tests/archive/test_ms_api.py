"""Microsoft Face API records: the published one, whole, and what may not be in one."""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.archive.ms_api import ENUMS, MODELS, decode_ms_api, encode_ms_api

PUBLISHED_01223 = {
    "face_id": "78ba7232-2de4-4cd8-8c5f-d05e917d8485",
    "recognition_model": None,
    "face_rectangle": {"width": 554, "height": 554, "left": 238, "top": 324},
    "face_landmarks": None,
    "face_attributes": {
        "age": 23.0,
        "gender": "female",
        "smile": 0.65,
        "facial_hair": {"moustache": 0.0, "beard": 0.0, "sideburns": 0.0},
        "glasses": "noGlasses",
        "head_pose": {"roll": -0.1, "yaw": 11.2, "pitch": -5.6},
        "emotion": {
            "anger": 0.0,
            "contempt": 0.0,
            "disgust": 0.0,
            "fear": 0.0,
            "happiness": 0.65,
            "neutral": 0.35,
            "sadness": 0.0,
            "surprise": 0.0,
        },
        "hair": {
            "bald": 0.02,
            "invisible": False,
            "hair_color": [
                {"color": "brown", "confidence": 0.99},
                {"color": "blond", "confidence": 0.95},
                {"color": "red", "confidence": 0.57},
                {"color": "gray", "confidence": 0.14},
                {"color": "other", "confidence": 0.05},
                {"color": "black", "confidence": 0.03},
                {"color": "white", "confidence": 0.0},
            ],
        },
        "makeup": {"eye_makeup": True, "lip_makeup": True},
        "occlusion": {"forehead_occluded": False, "eye_occluded": False, "mouth_occluded": False},
        "accessories": [],
        "blur": {"blur_level": "Low", "value": 0.0},
        "exposure": {"exposure_level": "GoodExposure", "value": 0.59},
        "noise": {"noise_level": "Low", "value": 0.0},
        "mask": None,
        "quality_for_recognition": "High",
    },
}


def test_the_published_record_is_read_and_written_byte_for_byte(example: Path) -> None:
    published = (example / "dataset_project/attributes_ms_api/01223.pkl").read_bytes()
    assert decode_ms_api(published, "01223.pkl") == PUBLISHED_01223
    assert encode_ms_api(PUBLISHED_01223) == published


def test_the_written_pickle_names_exactly_the_published_classes() -> None:
    package = "azure.cognitiveservices.vision.face.models."
    models = "DetectedFace FaceRectangle FaceAttributes FacialHair HeadPose Emotion Hair HairColor Makeup"
    models += " Occlusion Blur Exposure Noise"
    enums = "Gender GlassesType HairColorType BlurLevel ExposureLevel NoiseLevel QualityForRecognition"
    named = {arg for opcode, arg, _ in pickletools.genops(encode_ms_api(PUBLISHED_01223)) if opcode.name == "GLOBAL"}
    assert named == {f"{package}_models_py3 {name}" for name in models.split()} | {
        f"{package}_face_client_enums {name}" for name in enums.split()
    }


def values_of(kind: str) -> st.SearchStrategy[Any]:
    if kind in MODELS:
        return st.fixed_dictionaries({field: st.none() | values_of(held) for field, held in MODELS[kind].items()})
    if kind in ENUMS:
        return st.sampled_from(ENUMS[kind])
    if kind.startswith("list of "):
        return st.lists(values_of(kind.removeprefix("list of ")), max_size=3)
    numbers = st.floats(allow_nan=False) | st.integers(-(2**31), 2**31 - 1)
    return {"text": st.text(), "flag": st.booleans(), "number": numbers}[kind]


@pytest.mark.slow
@given(values_of("DetectedFace"))
def test_any_record_comes_back(record: dict[str, Any]) -> None:
    assert decode_ms_api(encode_ms_api(record), "x.pkl") == record


def damaged(old: bytes, new: bytes) -> bytes:
    content = encode_ms_api(PUBLISHED_01223)
    assert old in content
    return content.replace(old, new)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            damaged(b"cazure.cognitiveservices.vision.face.models._models_py3\nNoise", b"cos\nsystem"),
            r"os\.system",
        ),
        (
            damaged(b"\x09\x00\x00\x00noGlasses", b"\x07\x00\x00\x00monocle"),
            "GlassesType is one of .*monocle",
        ),
        (damaged(b"\x04\x00\x00\x00bald", b"\x04\x00\x00\x00bold"), "Hair has no field 'bold'"),
        (
            damaged(b"\x0a\x00\x00\x00eye_makeup\x71\x7c\x88", b"\x0a\x00\x00\x00eye_makeup\x71\x7cK\x05"),
            "a flag",
        ),
        (encode_ms_api(PUBLISHED_01223)[:2000], "too early"),
        (pickle.dumps({"face_id": "x"}), "expected a DetectedFace"),
        (pickle.dumps(None), "expected a DetectedFace"),
    ],
)
def test_what_is_no_record_is_refused_by_name(content: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=rf"01223\.pkl: .*{message}"):
        decode_ms_api(content, "01223.pkl")


def test_the_writer_refuses_what_the_reader_would() -> None:
    for record in (
        {"age": 3.0},
        {"face_rectangle": {"width": "wide"}},
        {"face_attributes": {"gender": "other"}},
    ):
        with pytest.raises(ValueError, match="MS API record"):
            encode_ms_api(record)
