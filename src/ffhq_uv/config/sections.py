"""Every section of the configuration, typed: what a stage receives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ffhq_uv.config.values import Count, Degrees, LayerRange, Place, Positive, Share, UserPath
from ffhq_uv.formats.published import PARTS


class Section(BaseModel):
    """A part of the configuration: immutable, and without room for misspelt keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StudioSource(Section):
    name: Literal["studio"]
    people: Count
    reference: Count
    map_size: Count
    flow: bool
    reference_images: UserPath | None


class PublishedSource(Section):
    """Published archives: one place that holds the whole tree, or one for a part, which goes before."""

    name: Literal["ffhq_uv", "folder"]
    url: Place | None
    dataset: Place | None
    dataset_project: Place | None
    topo_assets: Place | None
    checkpoints: Place | None
    revision: str | None
    parts: Annotated[tuple[str, ...], Field(min_length=1)]
    samples: int | tuple[str, ...] | None
    exclude: tuple[str, ...]
    hosts: tuple[str, ...]
    lock: UserPath | None
    reference_images: UserPath | None

    @field_validator("parts")
    @classmethod
    def _published(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        for part in parts:
            if part.split("/")[0] not in PARTS:
                raise ValueError(f"{part} is no published part; there are {', '.join(PARTS)}, and folders in them")
        return parts

    @field_validator("samples", mode="before")
    @classmethod
    def _ids(cls, samples: Any) -> int | tuple[str, ...] | None:
        if samples is None or (isinstance(samples, int) and samples > 0):
            return samples
        if not isinstance(samples, list | tuple) or not samples:
            raise ValueError("expected a number of samples, a list of ids, or null")
        for id in map(str, samples):
            if not (id.isdecimal() and len(id) in (5, 6)):
                raise ValueError(f"{id} is no id: six digits, or five for the people of dataset_project")
        return tuple(map(str, samples))


Source = Annotated[StudioSource | PublishedSource, Field(discriminator="name")]


class Pull(Section):
    """How files get from the source to data/archives."""

    mode: Literal["copy", "link"]
    parallel: Annotated[int, Field(ge=1, le=64)]
    tries: Count
    downloads: UserPath


class Limits(Section):
    """The largest files that are read from archives, bytes, and the largest zips."""

    meta_info: Count
    json_: Annotated[int, Field(ge=1, alias="json")]
    npy: Count
    pkl: Count
    png: Count
    pt: Count
    ratio: Annotated[float, Field(ge=1)]
    members: Count


class StudioGenerator(Section):
    name: Literal["studio"]
    size: Count
    samples: Count


class RecordedGenerator(Section):
    name: Literal["recorded"]
    size: Count


class StyleGAN2Generator(Section):
    name: Literal["stylegan2"]
    checkpoint: UserPath
    noise: Literal["published", "checkpoint", "none", "seed"]
    precision: Literal["float32", "float16", "bfloat16"]
    compile: bool
    device: str
    batch: Count


Generator = Annotated[StudioGenerator | RecordedGenerator | StyleGAN2Generator, Field(discriminator="name")]


Refine = Literal["none", "landmarks"]


class StudioAnalysis(Section):
    name: Literal["studio"]
    refine: Refine
    noise: Annotated[float, Field(ge=0)]
    landmark_noise: Annotated[float, Field(ge=0)]


class RecordedAnalysis(Section):
    name: Literal["recorded"]
    refine: Refine


class Landmarks(Section):
    fallback: Literal["none", "mean"]
    correction: Literal["upstream", "none"]


class Deep3DAnalysis(Section):
    name: Literal["deep3d"]
    refine: Refine
    precision: Literal["float32", "bfloat16"]
    device: str
    landmarks: Landmarks


Analysis = Annotated[StudioAnalysis | RecordedAnalysis | Deep3DAnalysis, Field(discriminator="name")]


class PublishedTexture(Section):
    name: Literal["published"]
    size: Count


class FaithfulTexture(Section):
    name: Literal["faithful"]
    size: Count
    iterations: Annotated[int, Field(ge=0)]
    eyes: Literal["picture", "template"]


class Expression(Section):
    name: Literal["coefficients", "recorded", "emotions"]
    checkpoint: None
    neutral_max: float


class Recogniser(Section):
    name: Literal["recogniser"]
    checkpoint: UserPath
    precision: Literal["float32", "bfloat16"]
    device: str
    neutral_max: float


class NoNormalise(Section):
    """Codes of three views are published, and used as they are."""

    name: Literal["off"]


class Layers(Section):
    """First and last layer of the code that each edit takes from the flow, 0..17."""

    light: LayerRange
    glasses: LayerRange
    yaw: LayerRange
    pitch: LayerRange
    baldness: LayerRange


class Smile(Section):
    """How a smile is taken away."""

    per_smile: float
    step: Share
    rounds: Annotated[int, Field(ge=0, le=100)]
    ask: bool


class SideView(Section):
    """Where a side view looks, in degrees; None: as the front."""

    yaw: Degrees | None
    pitch: Degrees | None


class Reach(Section):
    """How far codes may be from the middle of the data set's own."""

    quantile: Share
    slack: Positive


class Normalise(Section):
    """Codes of photographed people are edited; an edit whose target is None is left out."""

    name: Literal["published"]
    device: str
    solver: Literal["exact", "published"]
    steps: Annotated[int, Field(ge=1, le=1000)]
    light: Annotated[tuple[float, ...], Field(min_length=9, max_length=9)] | None
    glasses: Share | None
    yaw: Degrees | None
    pitch: Degrees | None
    baldness: Share | None
    smile: Smile | None
    left: SideView
    right: SideView
    layers: Layers
    reach: Reach | None


class Identity(Section):
    name: Literal["dct", "coefficients"]


class ArcFace(Section):
    name: Literal["arcface"]
    checkpoint: UserPath
    precision: Literal["float32", "bfloat16"]
    device: str


class OnnxIdentity(Section):
    name: Literal["onnx"]
    checkpoint: UserPath | None


class DlibIdentity(Section):
    name: Literal["dlib"]


class NoLight(Section):
    name: Literal["none"]


class DprLight(Section):
    name: Literal["dpr"]
    checkpoint: UserPath
    device: str


class Maximum(Section):
    """An upper bound: a value or, without one, the value at a quantile of the samples."""

    max: float | None
    quantile: Share | None


class Minimum(Section):
    """A lower bound: a value or, without one, the value at a quantile of the samples."""

    min: float | None
    quantile: Share | None


class Evenness(Maximum):
    """The bound on BS error: in grey levels, or in per cent of the map's mean luma."""

    normalise: Literal["none", "mean_luma"]


class Expressionless(Section):
    neutral: bool


class Filter(Section):
    bs_error: Evenness
    valid_area_ratio: Minimum
    expression: Expressionless
    light: Maximum


class Axis(Section):
    """A recorded number and where to cut it into bins."""

    column: str
    edges: Annotated[tuple[float, ...], Field(min_length=1)]


class Classify(Section):
    age_edges: tuple[float, ...]
    beard_edges: tuple[float, ...]
    skin_tone: bool
    also: tuple[Axis, ...]
    unknown: Literal["drop", "own", "error"]
    min_size: Count
    small: Literal["merge", "drop"]


class Attributes(Section):
    """What is told of the new faces beside the means of their parents' attributes."""

    redetect: bool
    by: Literal["networks", "studio"]


class Gate(Section):
    """Whether new maps are held to the filter's bounds, and the spare recipes for those that break them."""

    enabled: bool
    spare: Annotated[float, Field(ge=0)]


Method = Literal["linear", "variance_preserving"]
"""How codes are mixed (`selection.mix`)."""


class Interpolate(Section):
    count: Count
    method: Method
    allocation: Literal["proportional", "uniform", "sqrt"]
    parents: Annotated[int, Field(ge=2)]
    weights: Literal["uniform", "beta", "half", "dirichlet"]
    beta: tuple[Positive, Positive]
    concentration: Positive
    record_parents: bool
    gate: Gate


Patience = Annotated[float, Field(ge=2)] | None


class LocalEngine(Section):
    name: Literal["local", "serial"]
    workers: Count | None
    shard: Count
    gpus: Annotated[float, Field(ge=0)]
    patience: Patience


class ClusterEngine(Section):
    name: Literal["dask", "ray"]
    address: str | None
    workers: Count | None
    shard: Count
    gpus: Annotated[float, Field(ge=0)]
    patience: Patience


Engine = LocalEngine | ClusterEngine


class Failures(Section):
    max_share: Share
    died: Literal["again", "leave_out"]


class Config(Section):
    """Every section; one attribute a Hydra group, plus what belongs to no group."""

    seed: Annotated[int, Field(ge=0)]
    checkpoints: UserPath
    failures: Failures
    source: Source
    pull: Pull
    limits: Limits
    normalise: Annotated[NoNormalise | Normalise, Field(discriminator="name")]
    generator: Generator
    analysis: Analysis
    texture: Annotated[PublishedTexture | FaithfulTexture, Field(discriminator="name")]
    expression: Annotated[Expression | Recogniser, Field(discriminator="name")]
    identity: Annotated[Identity | ArcFace | OnnxIdentity | DlibIdentity, Field(discriminator="name")]
    light: Annotated[NoLight | DprLight, Field(discriminator="name")]
    filter: Filter
    classify: Classify
    interpolate: Interpolate
    attributes: Attributes
    engine: Annotated[Engine, Field(discriminator="name")]
    shard: Annotated[str, Field(pattern=r"^\d+/\d+$")] | None
