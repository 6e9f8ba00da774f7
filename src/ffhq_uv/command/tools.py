"""The tools beside the pipeline: a file a tool in `ffhq_uv.tools`, imported when it is called.

A tool's file says in its first line what it does (``bs-error: the BS error of ...``), declares its words as the class
``Words``, and does it in ``run(words)``, or ``run(words, config)`` if it reads the configuration.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from ffhq_uv.command.words import explained, parse, usage
from ffhq_uv.config import ConfigError, read

FOLDER = Path(__file__).parents[1] / "tools"


def names() -> list[str]:
    """Every tool, as it is called."""
    return sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.py") if path.stem != "__init__")


def text(tool: str) -> str:
    """What a tool does, out of the first line of its file; the tool is not imported."""
    source = (FOLDER / f"{_module(tool)}.py").read_text()
    described = ast.get_docstring(ast.parse(source)) or ""
    return described.partition("\n")[0].partition(": ")[2]


def words(tool: str) -> list[str]:
    """The names of a tool's words, out of its file; the tool is not imported."""
    tree = ast.parse((FOLDER / f"{_module(tool)}.py").read_text())
    declared = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Words"), None)
    fields = declared.body if declared else []
    return [
        field.target.id
        for field in fields
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and "ClassVar" not in ast.unparse(field.annotation)
    ]


def run(tool: str, words: Sequence[str], params: Path | None) -> None:
    """Run a tool with its words, and overrides of the configuration (from ``params``, or conf/) where it reads one.

    Raises ConfigError for a word that it does not take.
    """
    module = _imported(tool)
    given, rest = parse(tool, module.Words, words)
    if _configured(module):
        module.run(given, read(rest, params))
    elif rest:
        raise ConfigError(f"{rest[0]}: no word of this tool's; expected: {usage(tool, module.Words)}")
    else:
        module.run(given)


def help(tool: str) -> str:
    """The tool's help: its usage, what it does, its words."""
    module = _imported(tool)
    overrides = "\nwith any override of the configuration: seed=3  generator=stylegan2" if _configured(module) else ""
    described = inspect.getdoc(module) or ""
    lines = "\n".join(explained(module.Words))
    return f"usage: python -m ffhq_uv {usage(tool, module.Words)}\n\n{described}\n\n{lines}{overrides}".rstrip()


def _module(tool: str) -> str:
    return tool.replace("-", "_")


def _imported(tool: str) -> ModuleType:
    return importlib.import_module(f"ffhq_uv.tools.{_module(tool)}")


def _configured(module: ModuleType) -> bool:
    return "config" in inspect.signature(module.run).parameters
