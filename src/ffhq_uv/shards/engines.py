"""The engine that a configuration names."""

from __future__ import annotations

import os

from ffhq_uv.config import ConfigError, sections
from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.serial import SERIAL
from ffhq_uv.engine.watch import Patience


def build_engine(section: sections.Engine) -> Engine:
    """The engine that a configuration names; its workers start with the first job. ConfigError for a missing extra."""
    workers, patience = section.workers or cores(), Patience(section.patience)
    try:
        match section:
            case sections.ClusterEngine(name="dask", address=address):
                from ffhq_uv.engine.dask import dask

                return Engine(dask(address, workers, section.gpus), patience)
            case sections.ClusterEngine(name="ray", address=address):
                from ffhq_uv.engine.ray import ray

                return Engine(ray(address, workers, section.gpus), patience)
            case sections.LocalEngine(name="local"):
                return Engine(local(workers, section.gpus), patience)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"engine={section.name} needs the package {error.name}: pip install -e '.[{section.name}]'"
        ) from None
    return Engine(SERIAL)


def cores() -> int:
    """The cores that this process may use: of the machine, or of the job that a scheduler gave it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
