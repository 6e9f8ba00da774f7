"""CITATION.cff (Citation File Format 1.2) of a published data set."""

from __future__ import annotations

import yaml

from ffhq_uv.publish.facts import Facts
from ffhq_uv.publish.terms import licence

AUTHORS = (("Haoran", "Bai"), ("Di", "Kang"), ("Haoxian", "Zhang"), ("Jinshan", "Pan"), ("Linchao", "Bao"))


def citation(facts: Facts) -> str:
    """How to cite the data set: itself, and the paper whose method it follows."""
    name, address = licence(facts)
    found = {
        "cff-version": "1.2.0",
        "message": "If you use this data set, please cite it and the paper below.",
        "type": "dataset",
        "title": facts.title,
        "authors": [{"name": "FFHQ-UV-Interpolate, as a program"}],
        "license": {"cc0-1.0": "CC0-1.0", "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0"}[name],
        "license-url": address,
        "references": [
            {
                "type": "conference-paper",
                "title": "FFHQ-UV: Normalized Facial UV-Texture Dataset for 3D Face Reconstruction",
                "authors": [{"given-names": given, "family-names": family} for given, family in AUTHORS],
                "conference": {"name": "IEEE/CVF Conference on Computer Vision and Pattern Recognition"},
                "year": 2023,
            }
        ],
    }
    return str(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))
