"""The tools beside the pipeline: what each is told on the command line, and what it prints.

A tool imports what it needs when it is called: most calls of the program are for something else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ffhq_uv.config import ConfigError, StyleGAN2Generator, read


@dataclass(frozen=True)
class Tool:
    """A tool.

    usage    the words that it takes beside those that change the configuration
    text     what it does
    run      takes the words, and the params.yaml to start from; None: conf/
    """

    usage: str
    text: str
    run: Callable[[list[str], Path | None], None]


def _configured(module: str, words: list[str], params: Path | None) -> None:
    """Run a module of `stages` that needs nothing but the configuration."""
    importlib.import_module(f"ffhq_uv.stages.{module}").run(read(words, params))


def _bs_error(words: list[str], params: Path | None) -> None:
    given, others = _take(words, "maps", "out")
    _expect("maps" in given and not others, "bs-error")
    from ffhq_uv.quality.interval import mean_interval
    from ffhq_uv.stages.bs_error import measure_maps
    from ffhq_uv.stages.files import write_csv

    table = measure_maps(Path(given["maps"]))
    if "out" in given:
        write_csv(Path(given["out"]), table)
    failed = table.drop_nulls("reason")
    for location, reason in failed.select("map", "reason").head(10).iter_rows():
        print(f"{location}: {reason}", file=sys.stderr)
    errors = table["bs_error"].drop_nulls()
    if len(errors) == 0:
        raise ValueError(f"{given['maps']}: none of {len(table):,} maps could be measured")
    low, high = mean_interval(errors, seed=0)
    found = f"BS error {errors.to_numpy().mean():.3f} ({low:.3f} to {high:.3f} with 95 % confidence)"
    print(f"{found}, {len(errors):,} maps, {len(failed):,} could not be measured")


def _codes(words: list[str], params: Path | None) -> None:
    given, overrides = _take(words, "out")
    _expect("out" in given, "codes")
    from ffhq_uv.stages.new_codes import write_new_codes

    shape = write_new_codes(read(overrides, params), Path(given["out"]))
    print(f"{given['out']}: float32 {list(shape)}")


def _faces(words: list[str], params: Path | None) -> None:
    given, overrides = _take(words, "latents", "out")
    _expect(given.keys() == {"latents", "out"}, "faces")
    from ffhq_uv.stages.faces import FAILURES, make_faces
    from ffhq_uv.stages.rooms import build_generator, check_studio

    config = read(overrides, params)
    check_studio(config.generator)
    batch = config.generator.batch if isinstance(config.generator, StyleGAN2Generator) else config.engine.shard
    latents, out = Path(given["latents"]), Path(given["out"])
    summary = make_faces(latents, out, build_generator(config), batch)
    drawn = f"{summary.drawn:,} faces drawn by generator={config.generator.name}, {summary.found:,} were there"
    failed = f", {len(summary.failures):,} could not be drawn: {out / FAILURES}" if summary.failures else ""
    print(drawn + failed)


def _export(words: list[str], params: Path | None) -> None:
    given, overrides = _take(words, "sample", "map", "out")
    _expect(given.keys() in ({"sample", "out"}, {"map", "out"}), "export")
    from ffhq_uv.stages.export import export_map, export_sample

    if "map" in given:
        print(export_map(Path(given["map"]), Path(given["out"])))
    else:
        print(export_sample(read(overrides, params), given["sample"], Path(given["out"])))


def _pack(words: list[str], params: Path | None) -> None:
    given, others = _take(words, "out")
    _expect("out" in given and not others, "pack")
    from ffhq_uv.stages.pack import pack

    print(pack(Path(given["out"])))


def _convert(words: list[str], params: Path | None) -> None:
    _expect(len(words) == 2, "convert-checkpoint")
    from ffhq_uv.stages.convert_checkpoint import convert

    print(convert(Path(words[0]), Path(words[1])))


TOOLS = {
    "table": Tool("", "print the quality table again", partial(_configured, "table")),
    "doctor": Tool(
        "", "say which published files are here, who needs them, whether they open", partial(_configured, "doctor")
    ),
    "plan": Tool(
        "",
        "measure this machine for a minute, say how long the configured run takes and how much disk",
        partial(_configured, "plan"),
    ),
    "bs-error": Tool("maps=PATH [out=FILE.csv]", "the BS error of UV maps as they are, in a folder or zips", _bs_error),
    "codes": Tool("out=FILE.npy", "mix the codes of all recipes, without drawing a face", _codes),
    "faces": Tool("latents=PATH out=FOLDER", "draw published face latents", _faces),
    "export": Tool(
        "sample=ID out=FOLDER | map=PNG out=FOLDER",
        "OBJ, MTL, PNG and GLB of a head: a new sample's on the fitted head, or any UV map on the mean head",
        _export,
    ),
    "pack": Tool("out=FOLDER", "pack the new data set into tars of 1,000 samples (WebDataset)", _pack),
    "convert-checkpoint": Tool("IN OUT.safetensors", "write any StyleGAN2 checkpoint as .safetensors", _convert),
}
"""Every tool by its name."""


def _take(words: list[str], *names: str) -> tuple[dict[str, str], list[str]]:
    """The words ``name=value`` of these names, by name, and the other words."""
    given = dict(word.split("=", 1) for word in words if "=" in word and word.split("=", 1)[0] in names)
    return given, [word for word in words if word.split("=", 1)[0] not in given]


def _expect(right: bool, tool: str) -> None:
    if not right:
        raise ConfigError(f"expected: {tool} {TOOLS[tool].usage}")
