"""The words of a tool (``maps=PATH``), declared once: name, type and help; the rest are overrides for Hydra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ffhq_uv.config import ConfigError
from ffhq_uv.config.overrides import home


class Words(BaseModel):
    """A tool's words: a field a word, its help as the field's description; one without a default must be given.

    in_order   of the words that may be given without their name: these, in this order
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    in_order: ClassVar[tuple[str, ...]] = ()


W = TypeVar("W", bound=Words)


def parse(tool: str, declared: type[W], given: Sequence[str]) -> tuple[W, list[str]]:
    """A tool's words out of those given, and the rest, which are for Hydra.

    Raises ConfigError with the tool's usage for a word that is missing, empty, given twice or of the wrong type.
    """
    values: dict[str, str] = {}
    rest = []
    unnamed = iter(declared.in_order)
    for word in given:
        name, named, value = word.partition("=")
        if not named:
            name, value = next(unnamed, ""), word
        if name not in declared.model_fields:
            rest.append(word)
        elif name in values or not value:
            raise ConfigError(f"{word}: {'given twice' if value else 'no value'}; expected: {usage(tool, declared)}")
        else:
            values[name] = home(value) if declared.model_fields[name].annotation in (Path, Path | None) else value
    try:
        return declared.model_validate(values), rest
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(map(str, wrong["loc"])) or tool
        problem = "is missing" if wrong["type"] == "missing" else wrong["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name}: {problem}; expected: {usage(tool, declared)}") from None


def usage(tool: str, declared: type[Words]) -> str:
    """One line: the tool and its words, those in brackets that may be left out."""
    return " ".join([tool, *_usages(declared)])


def explained(declared: type[Words]) -> Iterator[str]:
    """A line a word: its name and help."""
    for name, field in declared.model_fields.items():
        yield f"  {name:10} {field.description}"


def _usages(declared: type[Words]) -> Iterator[str]:
    for name, field in declared.model_fields.items():
        word = name.upper() if name in declared.in_order else f"{name}=..."
        yield word if field.is_required() else f"[{word}]"
