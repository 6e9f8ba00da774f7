"""index: archives -> data/index.parquet, data/reference-index.parquet, data/latents/."""

from __future__ import annotations
