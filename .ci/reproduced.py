"""After ``dvc repro`` in a clean clone: were the committed results reproduced?

Byte for byte on the same kind of machine (git then sees no change). Another CPU may round differently, so other bytes
only fail the run where a metric leaves its tolerance: 2 % of its value, or 0.02 where that is more.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RELATIVE, ABSOLUTE = 0.02, 0.02


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}")
    else:
        yield name, value


def differs(committed: Any, found: Any) -> bool:
    if isinstance(committed, int | float) and isinstance(found, int | float):
        return abs(committed - found) > max(RELATIVE * abs(committed), ABSOLUTE)
    return bool(committed != found)


def main() -> int:
    changed = git("status", "--short").strip()
    if not changed:
        print("every committed result was reproduced byte for byte")
        return 0
    print(f"other bytes than the committed ones (another kind of CPU?):\n{changed}")
    outside = 0
    for path in sorted(Path("metrics").glob("*.json")):
        committed = dict(leaves(json.loads(git("show", f"HEAD:{path}"))))
        found = dict(leaves(json.loads(path.read_text())))
        for name in sorted(committed.keys() | found.keys()):
            if differs(committed.get(name), found.get(name)):
                outside += 1
                print(f"outside the tolerance: {path}{name}: {committed.get(name)} committed, {found.get(name)} found")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
