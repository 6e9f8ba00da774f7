"""Who may import whom: a room imports what stands below it, and a room beside it only where this table says so."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/ffhq_uv"
ROOT = (
    "camera",
    "faults",
    "geometry",
    "interrupts",
    "kernel",
    "once",
    "repository",
    "secrecy",
)
"""The few files that every room may share."""

ROOMS = {
    # what is called
    "tools": {
        "command",
        "chain",
        "page",
        "figures",
        "shards",
        "checkpoints",
        "store",
        "source",
        "engine",
        "<faces>",
        "<tables>",
        "<results>",
    },
    "stages": {"chain", "figures", "shards", "checkpoints", "store", "source", "<faces>", "<tables>", "download"},
    "command": {"shards", "engine"},
    # what stages and tools are made of
    "chain": {"shards", "store", "<faces>"},
    "page": {"chain", "figures", "shards", "store", "selection", "analysis", "texture", "quality", "archive"},
    "figures": {"store", "selection"},
    "shards": {"checkpoints", "store", "engine"},
    "checkpoints": {"store", "<faces>"},
    "source": {"store", "archive", "download"},
    "store": {"archive", "selection", "download"},
    # rooms that compute: <faces> and <tables>
    "transfer": {"texture"},
    "publish": set(),
    "reading": {"archive"},
    "generator": {"studio"},
    "analysis": {"studio"},
    "texture": set(),
    "quality": set(),
    "selection": set(),
    "inversion": set(),
    "attributes": set(),
    "editing": set(),
    "studio": {"archive", "texture"},
    "archive": set(),
    "download": set(),
    "engine": set(),
    "networks": set(),
    "config": set(),
    "formats": set(),
}
"""Of each room: the rooms that it may import, beside `formats`, `networks` and the files of the package's root."""

LOWEST = ("formats", "config", "networks")
"""Rooms that every room may import; each those before it."""

GROUPS = {
    "<faces>": {
        *("generator", "analysis", "texture", "quality", "studio"),
        *("archive", "inversion", "attributes", "editing"),
    },
    "<tables>": {"selection"},
    "<results>": {"transfer", "publish"},
}


def allowed(room: str) -> set[str]:
    """What a room may import: its row of the table, what every room may, and itself."""
    named = ROOMS[room]
    groups = {inner for group in named & GROUPS.keys() for inner in GROUPS[group]}
    below = LOWEST[: LOWEST.index(room)] if room in LOWEST else LOWEST
    return {room, *below, *ROOT, *named, *groups}


def imported(module: Path) -> set[str]:
    """The rooms and root files that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ffhq_uv":
            named = node.module.split(".")[1:]
            found |= {named[0]} if named else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ffhq_uv.")}
    return found


def offences(room: str, package: Path = PACKAGE) -> list[str]:
    """The imports of a room that the table does not allow, as ``file: room``."""
    return [
        f"{module.relative_to(package)} imports {other}"
        for module in sorted((package / room).rglob("*.py"))
        for other in sorted(imported(module) - allowed(room))
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    assert offences(room) == []


def test_the_table_names_every_room() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == ROOMS.keys()
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"} == set(ROOT)


def test_the_files_of_the_root_import_no_room_but_formats() -> None:
    for name in ROOT:
        assert imported(PACKAGE / f"{name}.py") <= {"formats", *ROOT}


def test_no_rooms_import_each_other() -> None:
    """Every arrow points down: taking away, again and again, what imports nothing that is left, leaves nothing."""
    left = {room: allowed(room) & ROOMS.keys() - {room} for room in ROOMS}
    left["tools"] = left["tools"] - {
        "command"
    }  # a tool declares its words with command.words; command.tools lists them
    while left:
        lowest = {room for room, below in left.items() if not below & left.keys()}
        assert lowest, f"a circle among {sorted(left)}"
        left = {room: below for room, below in left.items() if room not in lowest}


def test_an_import_that_is_not_allowed_is_found(tmp_path: Path) -> None:
    (tmp_path / "texture").mkdir()
    (tmp_path / "texture/published.py").write_text("from ffhq_uv.stages import measure\n")
    assert offences("texture", tmp_path) == ["texture/published.py imports stages"]
