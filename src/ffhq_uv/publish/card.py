"""The data card: README.md with the front matter that the Hugging Face Hub and `datasets` read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ffhq_uv.publish import statements
from ffhq_uv.publish.facts import Facts
from ffhq_uv.publish.terms import licence, terms

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""The Hub's size categories: below so many samples."""

ROWS = {
    "reference": "FFHQ",
    "ffhq_uv": "FFHQ-UV",
    "kept": "FFHQ-UV, kept by the filter",
    "ffhq_uv_interpolate": "FFHQ-UV-Interpolate",
}
"""Rows of the quality table, by their keys in reports/quality.json."""


HUB_TYPES = {"double": "float64"}
"""Types of columns that the Hub calls otherwise."""


def card(facts: Facts, columns: Mapping[str, tuple[str, str]]) -> str:
    """The card of a data set with columns: name -> type (of `croissant.TYPES` or ``list``), meaning."""
    front = yaml.safe_dump(_front_matter(facts, columns), sort_keys=False, allow_unicode=True)
    return "\n".join([f"---\n{front}---", *_body(facts, columns)]) + "\n"


def _front_matter(facts: Facts, columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    name, address = licence(facts)
    found: dict[str, Any] = {
        "pretty_name": facts.title,
        "license": name,
        "license_link": address,
        "task_categories": ["image-to-3d", "unconditional-image-generation"],
        "size_categories": [next((name for most, name in SIZES if facts.samples < most), "1M<n<10M")],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original" if facts.studio else "extended|other-ffhq"],
        "tags": ["face", "uv-map", "texture", "3dmm", "synthetic", "croissant"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
        "dataset_info": {"features": [_feature(facts, name, type) for name, (type, _) in columns.items()]},
    }
    if not facts.studio:
        found["extra_gated_prompt"] = "For non-commercial research only; see Terms."
        found["extra_gated_fields"] = {"I use it for non-commercial research only": "checkbox"}
    return found


def _feature(facts: Facts, name: str, type: str) -> dict[str, Any]:
    """A column as `datasets` types it."""
    arrays = {
        "codes": {"array3_d": {"shape": [3, 18, 512], "dtype": "float32"}},
        "head": {"array2_d": {"shape": [facts.heads, 3], "dtype": "float16"}},
    }
    return {"name": name, "dtype": arrays[name] if type == "list" else HUB_TYPES.get(type, type)}


def _body(facts: Facts, columns: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    yield f"\n# {facts.title}\n"
    yield f"{facts.samples:,} facial texture UV maps of {facts.map_size} x {facts.map_size} texels with their codes.\n"
    if facts.studio:
        yield "**No real person is in it, and no FFHQ**: everybody was drawn by the studio.\n"
    yield '```python\nfrom datasets import load_dataset\n\nsamples = load_dataset(FOLDER, split="train")\n```\n'
    yield "## Columns\n"
    yield from _table(["column", "meaning"], ((name, meaning) for name, (_, meaning) in columns.items()))
    yield "\n## How it was made\n"
    yield statements.how_made(facts) + "\n"
    if facts.made_by:
        yield from _table(
            ["stage", "wrote", "md5"],
            ((stage, path, md5) for stage, outputs in facts.made_by.items() for path, md5 in outputs.items()),
        )
        yield ""
    yield "<details><summary>Parameters</summary>\n"
    named = ((f"`{name}`", value) for name, value in statements.parameters(facts.parameters))
    yield from _table(["parameter", "value"], named)
    yield "\n</details>\n"
    if facts.sources:
        yield "<details><summary>Made from</summary>\n"
        yield from _table(
            ["file", "bytes", "sha256"], ((f["path"], f"{f['bytes']:,}", f["sha256"]) for f in facts.sources)
        )
        yield "\n</details>\n"
    yield "## Quality\n"
    yield from _quality(facts)
    yield "\n## What the filter dropped\n"
    found = facts.report("filter")
    if found:
        yield (
            f"Of {found['in']:,} samples {found['kept']:,} were kept, {found['dropped']:,} dropped, "
            f"{found['failed']:,} failed.\n"
            + (
                ""
                if facts.interpolated
                else "They are all in this data set: FFHQ-UV-Interpolate is made from the kept.\n"
            )
        )
        yield from _table(["criterion", "dropped", "samples"], statements.dropped(facts))
    made = facts.report("extract")
    if made and facts.interpolated:
        yield (
            f"\nOf {made['tried']:,} new samples that were tried, {made['rejected']:,} broke the same bounds and "
            f"{made['failed']:,} failed; {made['made']:,} of {made['asked']:,} were made."
        )
    yield "\n## Who is in it\n"
    for by, table in facts.report("categories").items():
        here = ["here"] if facts.interpolated else []
        yield from _table(
            [by.replace("_", " "), "source" if here else "here", "kept", "share kept", *here],
            (
                (name, r["source"], r["kept"], f"{100 * r['kept_share']:.1f} %", *([r["made"]] if here else []))
                for name, r in table.items()
            ),
        )
        yield ""
    yield "## Limits\n"
    yield from (f"- {sentence}" for sentence in statements.limitations(facts))
    yield "\n## Uses\n"
    yield f"Meant for {'; '.join(statements.USES)}.\n"
    yield f"Out of scope: {'; '.join(statements.OUT_OF_SCOPE)}.\n"
    yield statements.social_impact(facts)
    yield "\n## Terms\n"
    yield from (f"- {sentence}" for sentence in terms(facts))
    yield "\n## Files\n"
    yield "`data/*.parquet`; `croissant.json` (with Responsible-AI fields); `SHA256SUMS`: `sha256sum -c SHA256SUMS`; "
    yield "`CITATION.cff`."


def _quality(facts: Facts) -> Iterable[str]:
    quality = facts.report("quality")
    if not quality:
        yield "Not measured in this run."
        return
    yield (
        f"ID std is the spread of the identities, in per cent of the reference's (encoder: {quality.get('encoder')}); "
        "BS error is the brightness asymmetry of the maps, in grey levels. In parentheses: 95 % intervals.\n"
    )
    rows = []
    for key, title in ROWS.items():
        if row := quality.get(key):
            this = " (this)" if title == facts.name else ""
            rows.append(
                (title + this, f"{row['samples']:,}", _cell(row, "id_std_percent", " %"), _cell(row, "bs_error", ""))
            )
    yield from _table(["data set", "samples", "ID std", "BS error"], rows)


def _cell(row: Mapping[str, Any], key: str, unit: str) -> str:
    if row.get(key) is None:
        return "–"
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    return f"{row[key]:.2f}{unit}" + ("" if low is None or low == high else f" ({low:.2f} – {high:.2f})")


def _table(header: list[str], rows: Iterable[Iterable[Any]]) -> Iterable[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
