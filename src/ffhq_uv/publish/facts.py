"""What a run recorded about the data set that it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """What the card, the Croissant file and the citation are made of.

    name          of the data set
    interpolated  whether its people are mixtures; else they are photographed people, normalised
    studio        whether everybody in it was drawn by the studio: no FFHQ, no StyleGAN2, no real person
    samples       that are published
    map_size      side of the maps, texels
    heads         vertices of the fitted heads, where they are among the columns
    parameters    the configuration that was recorded, nested as in params.yaml
    made_by       of every stage that ran under DVC: file -> md5 of what it wrote
    sources       the archives that came in: path, bytes, sha256, samples
    reports       reports/<name>.json by name, as far as they are there
    """

    name: str
    interpolated: bool
    studio: bool
    samples: int
    map_size: int
    heads: int | None
    parameters: Mapping[str, Any]
    made_by: Mapping[str, Mapping[str, str]]
    sources: Sequence[Mapping[str, Any]]
    reports: Mapping[str, Mapping[str, Any]]

    @property
    def title(self) -> str:
        """The name, and that of the studio where it is the studio's."""
        return f"{self.name} (studio)" if self.studio else self.name

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.parameters["seed"])

    def chosen(self, section: str) -> str:
        """The choice of a section of the configuration: ``chosen("generator")`` is ``stylegan2``."""
        return str(self.parameters[section]["name"])

    def report(self, name: str) -> Mapping[str, Any]:
        """A report of the run; empty where it wrote none."""
        return self.reports.get(name, {})
