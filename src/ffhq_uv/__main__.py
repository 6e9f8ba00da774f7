"""``python -m ffhq_uv COMMAND [KEY=VALUE ...]``: run a stage of the pipeline, or one of the tools beside it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from omegaconf import OmegaConf

from ffhq_uv.config import ConfigError, composed, read
from ffhq_uv.stages.work import remove_finished
from ffhq_uv.tools import TOOLS

# Every process computes with one thread, so that the machine's number of cores changes no byte; the engine makes use of
# the cores. The libraries read this when they are first imported.
for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

STAGES = {
    "config": "compose conf/ into params.yaml",
    "pull": "bring the published archives to data/archives",
    "index": "read them: attributes and latent codes of every sample",
    "measure": "generate faces, extract textures, measure them",
    "truth": "compare both ways of extracting textures with the studio's true maps",
    "filter": "keep the samples that are evenly lit, unhidden and neutral",
    "classify": "sort the kept samples into categories",
    "interpolate": "draw parents and weights of the new samples",
    "extract": "mix codes, generate faces, extract and write the new UV maps",
    "evaluate": "compare the data sets: the quality table",
}
"""The stages of dvc.yaml, in their order."""

EPILOG = """stages, in the order in which `dvc repro` runs them:
{stages}

tools:
{tools}

overrides (Hydra's syntax): seed=3  filter=strict  filter.bs_error.max=5.5  experiment=ffhq_uv
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 for a failed run, 2 for a wrong call."""
    options = _parser().parse_intermixed_args(arguments)
    try:
        if options.show:
            print(OmegaConf.to_yaml(composed(options.words, options.params)), end="")
        elif options.command in TOOLS:
            TOOLS[options.command].run(options.words, options.params)
        else:
            config = read(options.words, options.params)
            remove_finished(but=options.command)
            importlib.import_module(f"ffhq_uv.stages.{options.command}").run(config)
    except (ValueError, OSError, RuntimeError) as error:
        if options.traceback:
            raise
        print(f"ffhq_uv {options.command}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    stages = "\n".join(f"  {name:14}{text}" for name, text in STAGES.items())
    tools = "\n".join(f"  {name} {tool.usage}\n{'':16}{tool.text}" for name, tool in TOOLS.items())
    parser = argparse.ArgumentParser(
        prog="python -m ffhq_uv",
        description="FFHQ-UV-Interpolate, as a program. `dvc repro` runs its stages in order.",
        epilog=EPILOG.format(stages=stages, tools=tools),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=[*STAGES, *TOOLS], metavar="COMMAND", help="a stage or a tool, see below")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="change the configuration")
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="start from a recorded params.yaml instead of conf/ (what DVC does)"
    )
    parser.add_argument("--show", action="store_true", help="print the configuration and stop")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return parser


if __name__ == "__main__":
    sys.exit(main())
