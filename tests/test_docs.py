"""The documents say what is: their files exist, their examples run."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import polars as pl
import pytest
import torch

import ffhq_uv
import ffhq_uv.tools
from ffhq_uv.__main__ import main
from ffhq_uv.chain import measurements
from ffhq_uv.command import tools
from ffhq_uv.selection.filter import judge, resolve
from ffhq_uv.stages import photographed
from ffhq_uv.store import files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/ffhq_uv"
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
TOOL, CRITERION, GENERATOR = re.findall(r"```python\n(.*?)```", ARCHITECTURE, re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!http|#)([^)#]+)[^)]*\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_of_the_code_that_is_named_exists(document: Path) -> None:
    for name in re.findall(
        r"`((?:src/ffhq_uv/|tests/|benchmarks/|conf/)?[a-z0-9_]+(?:/[a-z0-9_]+)*\.(?:py|cpp))`", document.read_text()
    ):
        assert (ROOT / name).exists() or (PACKAGE / name).exists() or name == "brightest.py", name


def test_the_rooms_shown_are_those_that_there_are() -> None:
    shown = set(re.findall(r"^  ([a-z]+)/ ", ARCHITECTURE, re.MULTILINE))
    assert shown | {"command"} == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_tool_of_the_architecture_is_a_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "brightest.py").write_text(TOOL)
    monkeypatch.setattr(tools, "FOLDER", tmp_path)
    monkeypatch.setattr(ffhq_uv.tools, "__path__", [*ffhq_uv.tools.__path__, str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    files.write_table(files.MEASUREMENTS, pl.DataFrame({"id": ["000000", "000001"], "skin_tone": [10.0, 50.0]}))
    assert main(["brightest"]) == 0
    assert capsys.readouterr().out == "000001\n"
    assert main(["brightest", "count=none"]) == 2


def test_the_criterion_of_the_architecture_drops_a_tenth() -> None:
    found: dict[str, object] = {}
    exec(CRITERION, found)
    table = pl.DataFrame({"id": [str(row) for row in range(11)], "sharpness": [float(row) for row in range(11)]})
    table = table.with_columns(reason=pl.lit(None, pl.String))
    verdicts = judge(table, resolve(table, [found["criterion"]]))  # type: ignore[list-item]
    assert verdicts.filter(pl.col("status") != "kept")["id"].to_list() == ["0"]


def test_the_generator_of_the_architecture_draws_faces() -> None:
    found: dict[str, object] = {}
    exec(GENERATOR, found)
    faces, reasons = found["GreyGenerator"]()(torch.ones(2, 3, 18, 512), ["a", "b"])  # type: ignore[operator]
    assert faces.shape == (2, 3, 256, 256, 3)
    assert (faces == 160).all()
    assert reasons == (None, None)


DATA = (ROOT / "docs/data.md").read_text()
SOMETIMES = {*measurements.SCHEMA, *photographed.OWN}
"""Columns that a table has in other configurations."""


def test_every_column_of_every_table_is_described(small_run: Path) -> None:
    described: dict[str, set[str]] = {}
    for heading, section in re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", DATA, re.DOTALL | re.MULTILINE):
        cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
        columns = {column for cell in cells for column in re.findall(r"`(\w+)`", cell)}
        found = {path: real_columns(small_run / path) for path in heading.split(", ")}
        assert columns - SOMETIMES <= set().union(*found.values()), heading
        described |= dict.fromkeys(found, columns)
    tables = [path for pattern in ("data/*.parquet", "plots/*.csv") for path in small_run.glob(pattern)]
    assert {str(path.relative_to(small_run)) for path in tables} == described.keys()
    for path, columns in described.items():
        assert real_columns(small_run / path) <= columns, path


def real_columns(path: Path) -> set[str]:
    return set((pl.read_parquet if path.suffix == ".parquet" else pl.read_csv)(path).columns)


@pytest.mark.slow
def test_the_examples_of_the_library_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(ROOT / "docs/library.md"), module_relative=False)
    assert failed == 0
    assert tried > 8


def test_what_the_library_offers_is_documented() -> None:
    text = (ROOT / "docs/library.md").read_text()
    for name in ffhq_uv.__all__:
        assert f"ffhq_uv.{name}(" in text
        assert getattr(ffhq_uv, name).__doc__
    with pytest.raises(AttributeError, match="it offers FaceTextures"):
        ffhq_uv.nothing  # noqa: B018
