"""``python -m ffhq_uv COMMAND [--params FILE] [override ...]``: run a stage of the pipeline, or look at its results."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from omegaconf import OmegaConf

from ffhq_uv.config import ConfigError, composed, read
from ffhq_uv.engine import one_thread

COMMANDS = {
    "config": "compose conf/ into params.yaml",
    "pull": "bring the published archives to data/archives",
    "index": "read them: attributes and latent codes of every sample",
    "measure": "generate faces, extract textures, measure them",
    "filter": "keep the samples that are evenly lit, unhidden and neutral",
    "classify": "sort the kept samples into categories",
    "interpolate": "draw parents and weights of the new samples",
    "extract": "mix codes, generate faces, extract and write the new UV maps",
    "evaluate": "compare the data sets: the quality table",
    "table": "print the quality table",
}

EPILOG = """commands:
{commands}

overrides (Hydra's syntax): seed=3  filter=strict  filter.bs_error.max=5.5  experiment=ffhq_uv
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 for a failed run, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m ffhq_uv",
        description="FFHQ-UV-Interpolate, as a program. `dvc repro` runs its stages in order.",
        epilog=EPILOG.format(commands="\n".join(f"  {name:12} {text}" for name, text in COMMANDS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="change the configuration")
    parser.add_argument(
        "--params",
        type=Path,
        metavar="FILE",
        help="start from a recorded params.yaml instead of conf/ (what DVC does)",
    )
    parser.add_argument("--show", action="store_true", help="print the configuration and stop")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    options = parser.parse_intermixed_args(arguments)
    try:
        config = read(options.overrides, options.params)
        if options.show:
            print(OmegaConf.to_yaml(composed(options.overrides, options.params)), end="")
            return 0
        one_thread()
        importlib.import_module(f"ffhq_uv.stages.{options.command}").run(config)
    except (ValueError, OSError, RuntimeError) as error:
        if options.traceback:
            raise
        print(f"ffhq_uv {options.command}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
