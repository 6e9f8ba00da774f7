"""The typed configuration: what conf/ composes to, what params.yaml records, what a stage receives.

conf/ holds the truth and Hydra composes it. params.yaml is the composition that DVC watches: ``dvc exp run -S`` writes
it, the stage ``config`` refreshes it when conf/ changed, and under DVC every stage reads it (``--params params.yaml``),
so that what DVC recorded is what ran. By hand, a stage composes conf/ with the overrides that it is given.
"""

from ffhq_uv.config.composition import CONF, ConfigError, composed, flat, groups, read
from ffhq_uv.config.recorded import PARAMS, differences, recorded_text, refresh
from ffhq_uv.config.sections import (
    Config,
    Deep3DAnalysis,
    Normalise,
    PublishedSource,
    Section,
    StudioSource,
    StyleGAN2Generator,
)

__all__ = [
    "CONF",
    "PARAMS",
    "Config",
    "ConfigError",
    "Deep3DAnalysis",
    "Normalise",
    "PublishedSource",
    "Section",
    "StudioSource",
    "StyleGAN2Generator",
    "composed",
    "differences",
    "flat",
    "groups",
    "read",
    "recorded_text",
    "refresh",
]
