"""croissant.json: the files, their checksums and columns for machines, and the Responsible-AI fields.

Croissant 1.0 (mlcommons.org/croissant). The eight fields in `RESPONSIBLE` are those that NeurIPS 2026 asks for; all are
computed from the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ffhq_uv.publish import statements
from ffhq_uv.publish.facts import Facts
from ffhq_uv.publish.terms import licence, terms

RESPONSIBLE = (
    "rai:dataLimitations",
    "rai:dataBiases",
    "rai:personalSensitiveInformation",
    "rai:dataUseCases",
    "rai:dataSocialImpact",
    "rai:hasSyntheticData",
    "prov:wasDerivedFrom",
    "prov:wasGeneratedBy",
)
"""The Responsible-AI fields, and those of the W3C's provenance vocabulary."""

_TERMS = ("citeAs", "column", "containedIn", "extract", "field", "fileObject", "fileProperty", "fileSet", "format")
_MORE = ("includes", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated")
_LAST = (
    "equivalentProperty",
    "isLiveDataset",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: f"cr:{name}" for name in (*_TERMS, *_MORE, *_LAST)},
}

TYPES = {
    "string": "sc:Text",
    "int64": "sc:Integer",
    "double": "sc:Float",
    "image": "sc:ImageObject",
    "list": "sc:Float",
}
"""Croissant's types of columns; lists of numbers are floats. It has none for meshes, which are left out."""


@dataclass(frozen=True)
class File:
    """A published file: its path below the folder, bytes, SHA-256 in hexadecimal digits."""

    path: str
    size: int
    sha256: str


def croissant(facts: Facts, shards: Sequence[File], columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """The description of Parquet shards with columns (name -> type of `TYPES` or ``list``, meaning)."""
    _, address = licence(facts)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts.title,
        "description": f"{facts.samples:,} facial texture UV maps with their codes. {statements.how_made(facts)}",
        "license": address,
        "url": "https://github.com/csbhr/FFHQ-UV",
        "version": "1.0.0",
        "keywords": ["face", "UV map", "texture", "synthetic"],
        "creator": {"@type": "sc:Organization", "name": "FFHQ-UV-Interpolate, as a program"},
        "usageInfo": " ".join(terms(facts)),
        "citeAs": CITATION,
        "rai:dataLimitations": " ".join(statements.limitations(facts)),
        "rai:dataBiases": " ".join(statements.biases(facts)),
        "rai:personalSensitiveInformation": statements.sensitive(facts),
        "rai:dataUseCases": f"For {'; '.join(statements.USES)}. Not for {'; '.join(statements.OUT_OF_SCOPE)}.",
        "rai:dataSocialImpact": statements.social_impact(facts),
        "rai:hasSyntheticData": True,
        "prov:wasDerivedFrom": statements.derived_from(facts),
        "prov:wasGeneratedBy": statements.generated_by(facts),
        "distribution": [*map(_file, shards), _file_set(shards)],
        "recordSet": [_records(columns)],
    }


CITATION = (
    "@inproceedings{bai2023ffhq, title={FFHQ-UV: Normalized Facial UV-Texture Dataset for 3D Face Reconstruction}, "
    "author={Bai, Haoran and Kang, Di and Zhang, Haoxian and Pan, Jinshan and Bao, Linchao}, "
    "booktitle={IEEE/CVF Conference on Computer Vision and Pattern Recognition}, year={2023}}"
)


def _file(file: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file.sha256,
    }


def _file_set(shards: Sequence[File]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "shards",
        "name": "shards",
        "containedIn": [{"@id": shard.path} for shard in shards],
        "encodingFormat": "application/x-parquet",
        "includes": "data/*.parquet",
    }


def _records(columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "key": {"@id": "samples/id"},
        "field": [_field(name, type, meaning) for name, (type, meaning) in columns.items() if type in TYPES],
    }


def _field(name: str, type: str, meaning: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": "shards"}, "extract": {"column": name}}
    if type == "image":
        source["transform"] = {"jsonPath": "bytes"}
    found = {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": name,
        "description": meaning,
        "dataType": TYPES[type],
        "source": source,
    }
    return found | ({"repeated": True} if type == "list" else {})
