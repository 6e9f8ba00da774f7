"""Whose terms a data set is under: those of what it was made from."""

from __future__ import annotations

from ffhq_uv.publish.facts import Facts

STUDIO = (
    "Everybody in it was drawn by the studio, a synthetic world with known ground truth. No real person is in it, and "
    "nothing of FFHQ, of StyleGAN2 or of HiFi3D++: it is free of their terms.",
)

PUBLISHED = (
    "FFHQ, from which it derives, is CC BY-NC-SA 4.0, and each of its photographs has an author with a licence of its "
    "own: what derives from it is for non-commercial use, under the same licence.",
    "StyleGAN2 and its networks, which drew the faces, are under Nvidia's non-commercial source code licence.",
    "HiFi3D++, the head model whose UV layout the maps have, is for research only.",
    "The authors of FFHQ-UV call their data set MIT (csbhr/FFHQ-UV, issue 81). Where that and the terms above differ, "
    "the stricter ones are recommended.",
    "Age, gender, beard and smile were detected by the Microsoft Face API on synthetic faces: for research only, not "
    "for commercial use; they may be wrong and say nothing about any person.",
    "Do not look for correspondences between these samples and photographs or people: none is published here, and "
    "recognition of real people is out of scope.",
)


def terms(facts: Facts) -> tuple[str, ...]:
    """The terms of a data set, a sentence or two each."""
    return STUDIO if facts.studio else PUBLISHED


def licence(facts: Facts) -> tuple[str, str]:
    """The licence's name on the Hugging Face Hub, and its address."""
    if facts.studio:
        return "cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"
    return "cc-by-nc-sa-4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"
