"""The typed configuration: what conf/ composes to, what params.yaml records, what a stage receives.

conf/ holds the truth and Hydra composes it. params.yaml is the composition that DVC watches: ``dvc exp run -S`` writes
it, the stage ``config`` refreshes it when conf/ changed, and under DVC every stage reads it (``--params params.yaml``),
so that what DVC recorded is what ran. By hand, a stage composes conf/ with the overrides that it is given.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from yaml import YAMLError

from ffhq_uv.contradictions import contradictions
from ffhq_uv.formats.published import PARTS
from ffhq_uv.formats.yaml_text import YamlTextError, check_yaml, read_yaml
from ffhq_uv.interrupts import put_off
from ffhq_uv.once import once_a_run
from ffhq_uv.overrides import as_typed, home
from ffhq_uv.repository import project, repository
from ffhq_uv.secrecy import WHERE, holds_secret, without_secrets

CONF = project() / "conf"
PARAMS = Path("params.yaml")
STAMP = "# composed from conf/ "
"""Begins the first line of params.yaml."""


class ConfigError(ValueError):
    """A key, group or value that the configuration does not have; the message lists what it has."""


class Section(BaseModel):
    """A part of the configuration: immutable, and without room for misspelt keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _in_repository(place: Any) -> Any:
    """A relative path as it is, or where the user's repository has it: a copy that DVC makes has tracked files only.

    ``~`` is the home folder.
    """
    if not str(place).strip():
        raise ValueError("is empty; null stands for no place")
    place = type(place)(home(str(place)))
    local = "://" not in str(place)
    if not local or repository() == Path.cwd() or Path(place).exists():
        return place
    return type(place)(repository() / place)


def _without_credentials(place: str) -> str:
    if holds_secret(place):
        raise ValueError(WHERE)
    return place


UserPath = Annotated[Path, AfterValidator(_in_repository)]
Place = Annotated[str, AfterValidator(_without_credentials), AfterValidator(_in_repository)]
"""A path on this machine, or a URL."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Degrees = Annotated[float, Field(ge=-90, le=90)]
LayerRange = tuple[Annotated[int, Field(ge=0, le=17)], Annotated[int, Field(ge=0, le=17)]]
Positive = Annotated[float, Field(gt=0)]


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


class Interpolate(Section):
    count: Count
    method: Literal["linear", "variance_preserving"]
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


def composed(overrides: Sequence[str] = (), params: Path | None = None) -> DictConfig:
    """conf/ (or a recorded params.yaml) with overrides in Hydra's syntax, interpolations resolved.

    Raises ConfigError with the options that exist for a misspelt key, group or member, and for a missing params.yaml.
    """
    if params is not None and not params.is_file():
        raise ConfigError(f"{params}: no such file; `python -m ffhq_uv config` writes params.yaml")
    try:
        for path in sorted(CONF.rglob("*.yaml")) if params is None else [params]:
            check_yaml(path)
    except YamlTextError as error:
        raise ConfigError(str(error)) from None
    folder, name = (CONF, "config") if params is None else (params.resolve().parent, params.stem)
    for word in overrides:
        if "=" not in word and not word.startswith("~"):
            raise ConfigError(f"{word}: no KEY=VALUE; `--show` prints the keys that there are")
    try:
        # Interrupted, Hydra takes KeyboardInterrupt for a fault of a key.
        with put_off(), initialize_config_dir(str(folder), version_base="1.3"):
            try:
                config = compose(name, overrides=[as_typed(word) for word in overrides])
            except ConfigCompositionException as error:
                raise ConfigError(_with_options(error, overrides, compose(name))) from None
    except HydraException as error:
        raise ConfigError(f"{' '.join(overrides)}: {str(error).partition(chr(10))[0]}") from None
    except YAMLError as error:
        raise ConfigError(f"{folder / name}.yaml: no YAML: {' '.join(str(error).split())[:300]}") from None
    OmegaConf.resolve(config)
    return config


def _with_options(error: ConfigCompositionException, overrides: Sequence[str], config: DictConfig) -> str:
    """Hydra's message in a line; for a key that does not exist, the keys that do, for a member the members."""
    said = f"{error}\n{error.__cause__}"
    if "multirun" in said:
        sweep = " ".join(f"-S {word}" for word in overrides)
        return f"one value at a time; a sweep is `dvc exp run --queue {sweep}`, then `dvc queue start`"
    key = next((line.split("full_key:")[1].strip() for line in said.splitlines() if "full_key:" in line), None)
    if key is not None:
        return f"no configuration key {key!r}; there are: {_siblings(config, key.split('.'))}"
    problem, _, options = said.partition("Config search path")[0].partition("Available options in")
    members = ", ".join(line.strip() for line in options.splitlines()[1:] if line.strip())
    return " ".join(problem.split()) + (f"; there are: {members}" if members else "")


def _siblings(config: Any, path: Sequence[str]) -> str:
    for part in path[:-1]:
        if not isinstance(config[part], DictConfig):
            break
        config = config[part]
    return ", ".join(sorted(map(str, config)))


def read(overrides: Sequence[str] = (), params: Path | None = None) -> Config:
    """The typed configuration. Raises ConfigError naming every wrong key or value, and what cannot be together."""
    composition = OmegaConf.to_container(composed(overrides, params))
    where = params or f"{CONF.name}/"
    if secrets := [key for key, value in flat(composition) if holds_secret(str(value))]:
        raise ConfigError(f"{where}: {', '.join(secrets)}: {WHERE}")
    try:
        config = Config.model_validate(composition)
    except ValidationError as error:
        raise ConfigError(f"{where}: {'; '.join(_wrong(item, composition) for item in error.errors())}") from None
    if wrong := list(contradictions(config)):
        raise ConfigError(f"{where}: {'; '.join(wrong)}")
    return config


def _wrong(error: ErrorDetails, composition: Any) -> str:
    """One line for a wrong value: its key, what is expected and what was found."""
    key: list[str] = []
    value, beside = composition, composition
    for part in error["loc"]:  # pydantic names the member of a union, too, which is no key
        missing = part == error["loc"][-1] and error["type"] == "missing"
        if (
            missing
            or (isinstance(value, dict) and part in value)
            or (isinstance(value, list) and isinstance(part, int))
        ):
            key.append(str(part))
            beside, value = value, None if missing else value[part]
    name = ".".join(key)
    if error["type"] == "missing":
        return f"{name}: is missing; it was taken away, and a stage needs it"
    if error["type"] == "extra_forbidden":
        return f"{name}: no such key; there are: {', '.join(sorted(set(beside) - {key[-1]}))}"
    found = "" if isinstance(value, dict) else f" (it is {without_secrets(repr(value))})"
    return f"{name}: {error['msg'].removeprefix('Value error, ').partition(', unable to')[0]}{found}"


def groups() -> dict[str, list[str]]:
    """The groups of conf/, and the members of each."""
    found: dict[str, list[str]] = {}
    for path in sorted(CONF.glob("*/*.yaml")):
        found.setdefault(path.parent.name, []).append(path.stem)
    return found


@once_a_run
def recorded_text() -> str:
    """The text that ``dvc exp run`` would write to params.yaml; composed once, since conf/ stays as it is meanwhile."""
    return OmegaConf.to_yaml(composed())


def refresh(how: Literal["keep", "reset", "adopt"] = "keep", path: Path = PARAMS) -> bool:
    """Write params.yaml anew if conf/ changed; keep what ``-S`` or a hand edit put there.

    how    reset: take conf/, whatever there is; adopt: stay with params.yaml, although conf/ changed

    The first line of the file remembers which conf/ it was composed from, so that an edit is told from what conf/ said
    then. Returns False where both changed, and params.yaml is as it was.
    """
    base = recorded_text()
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    composed_from = lines[0] if lines and lines[0].startswith(STAMP) else None
    body = "".join(line for line in lines if not line.startswith(STAMP))
    untouched = composed_from is not None and composed_from == _stamp(body)
    current = composed_from == _stamp(base) or "DVC_EXP_NAME" in os.environ
    if how == "reset" or not lines or (untouched and not current):
        body = base
    elif how == "keep" and not current:
        return False
    partial = path.with_suffix(".partial")
    partial.write_text(_stamp(base) + body)
    os.replace(partial, path)
    return True


def differences(path: Path = PARAMS) -> dict[str, Any]:
    """The values of a params.yaml that are not what conf/ says, by key; None for a key that it does not have."""
    theirs, ours = dict(flat(read_yaml(path))), dict(flat(yaml.safe_load(recorded_text())))
    return {key: theirs.get(key) for key in sorted(theirs | ours) if theirs.get(key) != ours.get(key)}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested sections, with its whole key: ``filter.bs_error.max``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _stamp(text: str) -> str:
    return f"{STAMP}{hashlib.md5(text.encode()).hexdigest()}\n"
