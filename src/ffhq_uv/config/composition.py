"""conf/ (or a recorded params.yaml) and overrides, composed by Hydra and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml import YAMLError

from ffhq_uv.config.contradictions import contradictions
from ffhq_uv.config.overrides import as_typed
from ffhq_uv.config.sections import Config
from ffhq_uv.formats.yaml_text import YamlTextError, check_yaml
from ffhq_uv.interrupts import put_off
from ffhq_uv.repository import project
from ffhq_uv.secrecy import WHERE, holds_secret, without_secrets

CONF = project() / "conf"


class ConfigError(ValueError):
    """A key, group or value that the configuration does not have; the message lists what it has."""


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


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested sections, with its whole key: ``filter.bs_error.max``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
