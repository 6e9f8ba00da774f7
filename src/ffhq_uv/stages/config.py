"""config: compose conf/ into params.yaml, so that ``dvc repro`` sees a change of conf/."""

from __future__ import annotations

from ffhq_uv.config import PARAMS, Config, read, refresh


def run(config: Config) -> None:
    """Refresh params.yaml and check every value in it, before any stage spends time."""
    if refresh():
        print("params.yaml differs from conf/ (an experiment or a hand edit): kept")
    read(params=PARAMS)
