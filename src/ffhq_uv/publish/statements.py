"""What a card says of limits, biases and use, computed from what the run measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ffhq_uv.publish.facts import Facts

GENERATORS = {"studio": "the studio's renderer", "stylegan2": "StyleGAN2 (FFHQ, config F)"}

OUT_OF_SCOPE = (
    "recognising, identifying or verifying people",
    "inferring gender, age, origin, health or character of a real person",
    "measuring how well a method works on real people without real, consented data beside it",
)

USES = (
    "training and evaluating 3D face reconstruction, texture completion and relighting",
    "texture priors and generators of avatars",
    "studies of what filtering and interpolation do to the diversity of a data set",
)


def how_made(facts: Facts) -> str:
    """In a paragraph: which rooms, which seed, how many samples of what."""
    method, parents = (facts.parameters["interpolate"].get(name) for name in ("method", "parents"))
    drawn = GENERATORS.get(facts.chosen("generator"), facts.chosen("generator"))
    if not facts.interpolated:
        return (
            f"The latent codes of photographed people were turned to three views, evenly lit and made neutral "
            f"(normalise={facts.chosen('normalise')}), {drawn} drew three faces of each, and the texture was extracted "
            f"from them (analysis={facts.chosen('analysis')}, texture={facts.chosen('texture')}). Seed {facts.seed}."
        )
    return (
        f"Unevenly lit, hidden and smiling faces were filtered out of a source data set, the rest was sorted into "
        f"categories by gender, age and beard, the latent codes of {parents} people of a category were mixed "
        f"({method}), {drawn} drew three faces of each new code, and the texture was extracted from them "
        f"(analysis={facts.chosen('analysis')}, texture={facts.chosen('texture')}). Seed {facts.seed}."
    )


def limitations(facts: Facts) -> list[str]:
    """What the data set cannot do, with this run's figures."""
    found = []
    quality = facts.report("quality")
    ours, source = quality.get("ffhq_uv_interpolate"), quality.get("ffhq_uv")
    if not facts.interpolated and source:
        found.append(
            f"Less diverse than the photographs: ID std {_interval(source, 'id_std_percent', ' %')} of theirs "
            f"(encoder: {quality.get('encoder')})."
        )
        found.append(f"Light is not even everywhere: BS error {_interval(source, 'bs_error', '')} grey levels.")
    elif ours and source:
        found.append(
            f"Less diverse than its source: ID std {_interval(ours, 'id_std_percent', ' %')} of the reference's, the "
            f"source has {_interval(source, 'id_std_percent', ' %')} (encoder: {quality.get('encoder')})."
        )
        found.append(
            f"Light is not even everywhere: BS error {_interval(ours, 'bs_error', '')} grey levels, the source has "
            f"{_interval(source, 'bs_error', '')}."
        )
        if "valid_area_ratio" in ours:
            found.append(
                f"On average {100 * ours['valid_area_ratio']:.1f} % of the face's texels were seen in the faces; the "
                "rest, and what is outside of the face, is completed."
            )
    found.append(f"Maps have {facts.map_size} x {facts.map_size} texels; enlarging adds no detail.")
    found.append("Albedo is not separated from light: these are textures under even light, not material parameters.")
    return found


def biases(facts: Facts) -> list[str]:
    """Shares of every category and skin tone in source and result, and what the filter did to them."""
    found = []
    for by, table in facts.report("categories").items():
        made = sum(row["made"] for row in table.values()) or 1
        source = sum(row["source"] for row in table.values()) or 1
        if not facts.interpolated:
            shares = ", ".join(
                f"{name} {100 * row['source'] / source:.1f} %" for name, row in table.items() if row["source"]
            )
            found.append(f"By {by.replace('_', ' ')}: {shares}.")
            continue
        shares = ", ".join(
            f"{name} {100 * row['made'] / made:.1f} % (source {100 * row['source'] / source:.1f} %)"
            for name, row in table.items()
            if row["made"] or row["source"]
        )
        found.append(f"By {by.replace('_', ' ')}: {shares}.")
        kept = {name: row["kept_share"] for name, row in table.items() if row["source"]}
        if kept:
            least, most = min(kept, key=kept.__getitem__), max(kept, key=kept.__getitem__)
            found.append(
                f"The filter keeps {100 * kept[least]:.0f} % of {least} and {100 * kept[most]:.0f} % of {most}."
            )
    if not found:
        found.append("Shares by category and skin tone were not measured in this run.")
    if not facts.studio:
        found.append("FFHQ's own bias in age, origin and pose is inherited; categories come from detected attributes.")
    return found


def dropped(facts: Facts) -> list[tuple[str, str, int]]:
    """What the filter dropped: criterion, its bound, number of samples."""
    return [
        (name, _bound(found), int(found["dropped"]))
        for name, found in facts.report("filter").get("criteria", {}).items()
    ]


def sensitive(facts: Facts) -> str:
    """On personal and sensitive information."""
    if facts.studio:
        return "None: no real person is in it. Gender, age and skin tone are parameters of drawn people."
    origin = (
        "Faces are synthetic mixtures of inverted FFHQ photographs; parents and FFHQ indices are not published. "
        if facts.interpolated
        else "Faces are synthetic, but each was made from the inversion of one FFHQ photograph and may resemble the "
        "person in it; FFHQ indices are not published. "
    )
    return (
        f"{origin}Gender, age and beard were detected on synthetic faces and are not those of a person. "
        "Skin tone is measured on the map."
    )


def social_impact(facts: Facts) -> str:
    """On what the data set may do to people."""
    tones = facts.report("categories").get("skin_tone", {})
    counted = "made" if facts.interpolated else "source"
    made = sum(row[counted] for row in tones.values()) or 1
    dark = sum(row[counted] for name, row in tones.items() if name in ("brown", "dark"))
    measured = f" Here {100 * dark / made:.1f} % of the samples are brown or dark." if tones else ""
    return (
        "Methods trained on it may work less well for those whom it shows less often; look at the shares by skin tone "
        f"and category.{measured} Realistic heads can be misused for impersonation; none of these is a person."
    )


def derived_from(facts: Facts) -> list[str]:
    """What it was made from, with checksums."""
    listed = [f"{file['path']} (sha256 {file['sha256']})" for file in facts.sources]
    return listed or [f"source={facts.chosen('source')}; this run has no list of its archives"]


def generated_by(facts: Facts) -> list[str]:
    """The stages that made it, with the checksums of what they wrote."""
    return [
        f"{stage}: " + ", ".join(f"{path} (md5 {md5})" for path, md5 in outputs.items())
        for stage, outputs in facts.made_by.items()
    ] or [how_made(facts)]


def parameters(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The configuration as ``a.b.c`` and value."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from parameters(value, f"{path}{name}.")
        else:
            yield path + name, value


def _interval(row: Mapping[str, Any], key: str, unit: str) -> str:
    if row.get(key) is None:
        return "not measured"
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    found = f"{row[key]:.2f}{unit}"
    return found if low is None or high is None else f"{found} ({low:.2f} to {high:.2f} with 95 % confidence)"


def _bound(found: Mapping[str, Any]) -> str:
    if "max" in found:
        return f"above {found['max']:g}"
    return f"below {found['min']:g}" if "min" in found else "–"
