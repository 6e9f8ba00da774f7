"""The seventeen attributes that the flow is told of a face, and where each stands.

In this order: the nine spherical harmonics of the light as ``lights/<id>.npy`` holds them, then eight numbers of
``attributes/<id>.json``. They are used raw: degrees, years, shares 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LIGHT = slice(0, 9)
GENDER, GLASSES, YAW, PITCH, BALDNESS, BEARD, AGE, EXPRESSION = range(9, 17)
SLOTS = 17

NAMED = {
    "Gender": GENDER,
    "Glasses": GLASSES,
    "Yaw": YAW,
    "Pitch": PITCH,
    "Baldness": BALDNESS,
    "Beard": BEARD,
    "Age": AGE,
    "Expression": EXPRESSION,
}
"""Where each number of ``attributes/<id>.json`` stands."""


def attributes(light: Sequence[float], numbers: Mapping[str, float]) -> list[float]:
    """The attributes [17] of a face, of the nine coefficients of its light and its numbers by their names."""
    return [*light, *(numbers[name] for name in NAMED)]
