"""From photographs to what FFHQ-UV's first two steps make of them: code, inversion, light, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.attributes.appearance import NOTE, Appearance
from ffhq_uv.attributes.pose import pose
from ffhq_uv.chain.describers import Choice, build_describer
from ffhq_uv.formats import packaged
from ffhq_uv.formats.photographs import PhotographError, read_photograph
from ffhq_uv.generator.stylegan2 import StyleGAN2Generator, to_uint8_truncated
from ffhq_uv.inversion.alignment import align
from ffhq_uv.inversion.e4e import E4EEncoder
from ffhq_uv.inversion.faces import Face, FaceFinder, Which
from ffhq_uv.quality.dpr_light import DprLight

Of = Literal["inversion", "photograph"]
"""Whose attributes are told: the inversion's, as upstream does, for they go with its code; or the photograph's."""


@dataclass(frozen=True)
class Settings:
    """What an inverter is built of.

    encoder, light   checkpoints of e4e and DPR
    landmarks        a model of dlib's of one's own; None: the packaged one, its checksum compared
    checkpoints      folder of the others
    bounds           of the recorded files
    """

    encoder: Path
    light: Path
    checkpoints: Path
    landmarks: Path | None = None
    faces: Which = "largest"
    attributes: Choice = "networks"
    recorded: Path | None = None
    of: Of = "inversion"
    device: str = "cpu"
    bounds: Limits = PUBLISHED


@dataclass(frozen=True)
class Inverted:
    """What became of a photograph: why nothing, or everything.

    code        float32 [18, 512], the average added
    inversion   uint8 [R, R, 3], drawn from it
    light       float32 [9], of the inversion
    attributes  the published JSON's content, with sources
    """

    reason: str | None
    about: dict[str, Any]
    code: NDArray[np.float32] | None = None
    inversion: NDArray[np.uint8] | None = None
    light: NDArray[np.float32] | None = None
    attributes: dict[str, Any] | None = None


class Inverter:
    """The networks of steps 1 and 2, ready. Raises what they do for files that are not there or not usable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._draw = StyleGAN2Generator(
            settings.encoder, noise="checkpoint", device=settings.device, to_bytes=to_uint8_truncated
        )  # before the encoder: the file has a gigabyte, of which this keeps a tenth
        self._encode = E4EEncoder(settings.encoder, settings.device)
        self._light = DprLight(settings.light, settings.device)
        own = settings.landmarks
        self._find = FaceFinder(
            packaged.LANDMARKS_68.checked() if own is None else own,
            None if packaged.FACE_DETECTOR.located() is None else packaged.FACE_DETECTOR.checked(),
            settings.faces,
        )
        self._describe = build_describer(
            settings.attributes, settings.checkpoints, settings.recorded, settings.device, settings.bounds
        )

    def __call__(self, pictures: Sequence[tuple[str, str, bytes]]) -> list[Inverted]:
        """What becomes of pictures: of each its id, its name, and its file's bytes."""
        found: dict[int, Inverted] = {}
        crops: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8], Face]] = {}
        for row, (_, name, data) in enumerate(pictures):
            try:
                picture = read_photograph(data, name)
                face = self._find(picture)
                if face is None:
                    found[row] = Inverted("no_face: by either detector", {})
                else:
                    crops[row] = align(picture, face.landmarks), picture, face
            except PhotographError as error:
                found[row] = Inverted(f"unreadable: {str(error).removeprefix(f'{name}: ')}", {})
            except ValueError as error:
                found[row] = Inverted(f"not_aligned: {error}", {})
        if crops:
            codes = self._encode(torch.from_numpy(np.stack([crop for crop, _, _ in crops.values()])))
            for (row, (_, picture, face)), code in zip(crops.items(), codes, strict=True):
                found[row] = self._finished(pictures[row][0], picture, face, code)
        return [found[row] for row in range(len(pictures))]

    def _finished(self, id: str, picture: NDArray[np.uint8], face: Face, code: torch.Tensor) -> Inverted:
        """Step 2 of one face."""
        about = {"faces": face.faces, "detector": face.detector}
        if not code.isfinite().all():
            return Inverted("latent_nonfinite", about)
        inversion = self._draw.draw(code[None])
        seen, shown = (face, picture) if self._settings.of == "photograph" else (self._find(inversion[0].numpy()), None)
        if seen is None:
            return Inverted("no_face_in_inversion", about)
        shown = inversion[0].numpy() if shown is None else shown
        appearance = self._describe(shown, seen.landmarks, id)
        attributes = published(appearance, *pose(seen.landmarks, *shown.shape[:2]), self._settings.of)
        light = self._light(inversion)[0].numpy()
        return Inverted(None, about, code.numpy(), inversion[0].numpy(), light, attributes)


def published(appearance: Appearance, yaw: float, pitch: float, of: Of) -> dict[str, Any]:
    """The content of ``attributes/<id>.json``: the published keys, null where nobody told, and who told each."""
    told, by = appearance.values(), appearance.sources()
    named = {"Age": "age", "Beard": "beard", "Expression": "smile", "Gender": "gender", "Glasses": "glasses"}
    whole = {"Gender", "Glasses"}
    values = {
        key: None if (value := told[name]) is None else int(value) if key in whole else value
        for key, name in named.items()
    }
    sources = {key: by[name] for key, name in named.items() if by[name] is not None}
    turned = "six landmarks, roughly"
    return {
        **values,
        "Baldness": None,
        "Pitch": pitch,
        "Yaw": yaw,
        "Note": NOTE,
        "Source": {**sources, "Pitch": turned, "Yaw": turned, "Picture": of},
    }
