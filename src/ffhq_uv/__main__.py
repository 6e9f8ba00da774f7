"""``python -m ffhq_uv COMMAND [KEY=VALUE ...]``: run a stage of the pipeline, or one of the tools beside it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from omegaconf import OmegaConf

from ffhq_uv.command import tools
from ffhq_uv.config import ConfigError, composed, read
from ffhq_uv.shards.work import remove_finished

# Every process computes with one thread, so that the machine's number of cores changes no byte; the engine makes use of
# the cores. The libraries read this when they are first imported.
for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

STAGES = {
    "config": "compose conf/ into params.yaml",
    "pull": "bring the published archives to data/archives",
    "index": "read them: attributes and latent codes of every sample",
    "chain": "take the checksums of the code that makes and measures faces",
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

tools (`python -m ffhq_uv TOOL --help` explains their words):
{tools}

overrides (Hydra's syntax): seed=3  filter=strict  filter.bs_error.max=5.5  experiment=ffhq_uv
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 for a failed run, 2 for a wrong call."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments) and (called := set(arguments) & set(tools.names())):
        print(tools.help(called.pop()))
        return 0
    options = _parser().parse_intermixed_args(arguments)
    try:
        if options.show:
            print(OmegaConf.to_yaml(composed(options.words, options.params)), end="")
        elif options.command in tools.names():
            tools.run(options.command, options.words, options.params)
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
    beside = "\n".join(f"  {name:20}{tools.text(name)}" for name in tools.names())
    parser = argparse.ArgumentParser(
        prog="python -m ffhq_uv",
        description="FFHQ-UV-Interpolate, as a program. `dvc repro` runs its stages in order.",
        epilog=EPILOG.format(stages=stages, tools=beside),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", choices=[*STAGES, *tools.names()], metavar="COMMAND", help="a stage or a tool, see below"
    )
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="change the configuration")
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="start from a recorded params.yaml instead of conf/ (what DVC does)"
    )
    parser.add_argument("--show", action="store_true", help="print the configuration and stop")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return parser


if __name__ == "__main__":
    sys.exit(main())
