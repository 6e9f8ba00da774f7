"""``python -m ffhq_uv COMMAND [KEY=VALUE ...]``: run a stage of the pipeline, or one of the tools beside it."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command (`command.line.main`). Ctrl-C is answered in a line also while the program is read."""
    try:
        from ffhq_uv.command import line
    except KeyboardInterrupt:
        print("ffhq_uv: interrupted", file=sys.stderr)
        return 130
    return line.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
