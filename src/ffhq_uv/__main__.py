"""``python -m ffhq_uv COMMAND [KEY=VALUE ...]``: run a stage of the pipeline, or one of the tools beside it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from omegaconf import OmegaConf

from ffhq_uv.config import ConfigError, StyleGAN2Generator, composed, read
from ffhq_uv.stages.work import remove_finished

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

TOOLS = {
    "table": "print the quality table again",
    "doctor": "say which published files are here, who needs them, whether they open",
    "bs-error": "the BS error of UV maps as they are: bs-error maps=PATH [out=FILE.csv]",
    "codes": "mix the codes of all recipes, without drawing a face: codes out=FILE.npy",
    "faces": "draw published face latents: faces latents=PATH out=PATH [generator=...]",
    "export": "a head with its texture as OBJ, MTL, PNG and GLB: export sample=ID out=FOLDER (of the data set made,\n"
    + 22 * " "
    + "on the fitted head), export map=PNG out=FOLDER (any UV map, on the mean head)",
    "pack": "pack the new data set into tars of 1,000 samples (WebDataset): pack OUT",
    "plan": "measure this machine for a minute, say how long the configured run takes and how much disk",
    "convert-checkpoint": "write any StyleGAN2 checkpoint as .safetensors: convert-checkpoint IN OUT.safetensors",
}

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
        if options.command == "convert-checkpoint":
            _convert(options.words)
        elif options.command == "bs-error":
            _bs_error(options.words)
        elif options.command == "codes":
            _codes(options.words, options.params)
        elif options.command == "pack":
            _pack(options.words)
        elif options.command == "faces":
            _faces(options.words, options.params)
        elif options.command == "export":
            _export(options.words, options.params)
        elif options.show:
            print(OmegaConf.to_yaml(composed(options.words, options.params)), end="")
        else:
            config = read(options.words, options.params)
            if options.command in STAGES:
                remove_finished(but=options.command)
            importlib.import_module(f"ffhq_uv.stages.{options.command}").run(config)
    except (ValueError, OSError, RuntimeError) as error:
        if options.traceback:
            raise
        print(f"ffhq_uv {options.command}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    listed = ("\n".join(f"  {name:20}{text}" for name, text in part.items()) for part in (STAGES, TOOLS))
    parser = argparse.ArgumentParser(
        prog="python -m ffhq_uv",
        description="FFHQ-UV-Interpolate, as a program. `dvc repro` runs its stages in order.",
        epilog=EPILOG.format(**dict(zip(("stages", "tools"), listed, strict=True))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=STAGES | TOOLS, metavar="COMMAND", help="a stage or a tool, see below")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="change the configuration")
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="start from a recorded params.yaml instead of conf/ (what DVC does)"
    )
    parser.add_argument("--show", action="store_true", help="print the configuration and stop")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return parser


def _convert(words: list[str]) -> None:
    if len(words) != 2:
        raise ConfigError("two paths expected: convert-checkpoint IN OUT.safetensors")
    from ffhq_uv.stages.convert_checkpoint import convert

    print(convert(Path(words[0]), Path(words[1])))


def _bs_error(words: list[str]) -> None:
    paths = dict(word.split("=", 1) for word in words if "=" in word)
    if "maps" not in paths or len(words) != len(paths) or not paths.keys() <= {"maps", "out"}:
        raise ConfigError("a path expected: bs-error maps=PATH [out=FILE.csv]")
    from ffhq_uv.quality.interval import mean_interval
    from ffhq_uv.stages.bs_error import measure_maps
    from ffhq_uv.stages.files import write_csv

    table = measure_maps(Path(paths["maps"]))
    if "out" in paths:
        write_csv(Path(paths["out"]), table)
    failed = table.drop_nulls("reason")
    for location, reason in failed.select("map", "reason").head(10).iter_rows():
        print(f"{location}: {reason}", file=sys.stderr)
    errors = table["bs_error"].drop_nulls()
    if len(errors) == 0:
        raise ValueError(f"{paths['maps']}: none of {len(table):,} maps could be measured")
    low, high = mean_interval(errors, seed=0)
    found = f"BS error {errors.to_numpy().mean():.3f} ({low:.3f} to {high:.3f} with 95 % confidence)"
    print(f"{found}, {len(errors):,} maps, {len(failed):,} could not be measured")


def _codes(words: list[str], params: Path | None) -> None:
    paths = [word.removeprefix("out=") for word in words if word.startswith("out=")]
    if len(paths) != 1:
        raise ConfigError("a path expected: codes out=FILE.npy")
    from ffhq_uv.stages.new_codes import write_new_codes

    shape = write_new_codes(read([word for word in words if not word.startswith("out=")], params), Path(paths[0]))
    print(f"{paths[0]}: float32 {list(shape)}")


def _pack(words: list[str]) -> None:
    if len(words) != 1:
        raise ConfigError("one path expected: pack OUT")
    from ffhq_uv.stages.pack import pack

    print(pack(Path(words[0])))


def _faces(words: list[str], params: Path | None) -> None:
    paths = dict(word.split("=", 1) for word in words if word.startswith(("latents=", "out=")))
    if paths.keys() != {"latents", "out"}:
        raise ConfigError("two paths expected: faces latents=PATH out=PATH")
    from ffhq_uv.stages.faces import FAILURES, make_faces
    from ffhq_uv.stages.rooms import build_generator

    config = read([word for word in words if word.split("=")[0] not in paths], params)
    batch = config.generator.batch if isinstance(config.generator, StyleGAN2Generator) else config.engine.shard
    latents, out = Path(paths["latents"]), Path(paths["out"])
    summary = make_faces(latents, out, build_generator(config), batch)
    drawn = f"{summary.drawn:,} faces drawn by generator={config.generator.name}, {summary.found:,} were there"
    failed = f", {len(summary.failures):,} could not be drawn: {out / FAILURES}" if summary.failures else ""
    print(drawn + failed)


def _export(words: list[str], params: Path | None) -> None:
    given = dict(word.split("=", 1) for word in words if word.startswith(("sample=", "map=", "out=")))
    if given.keys() not in ({"sample", "out"}, {"map", "out"}):
        raise ConfigError("expected: export sample=ID out=FOLDER, or export map=PNG out=FOLDER")
    from ffhq_uv.stages.export import export_map, export_sample

    if "map" in given:
        print(export_map(Path(given["map"]), Path(given["out"])))
    else:
        config = read([word for word in words if word.split("=")[0] not in given], params)
        print(export_sample(config, given["sample"], Path(given["out"])))


if __name__ == "__main__":
    sys.exit(main())
