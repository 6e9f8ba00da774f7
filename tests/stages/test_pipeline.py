"""The whole pipeline on a small studio: what goes in comes out, in the published layout, and the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.small_run import digests, run

from ffhq_uv.archive.catalogue import catalogue, read_latents, read_uv_map
from ffhq_uv.store.codes import stored, whole


def metrics(folder: Path, name: str) -> dict:
    return json.loads((folder / "reports" / f"{name}.json").read_text())


def test_no_sample_is_lost_between_the_stages(small_run: Path) -> None:
    found = metrics(small_run, "filter")
    assert found["in"] == found["kept"] + found["dropped"] + found["failed"] == 40
    kept = pl.read_parquet(small_run / "data/kept.parquet")
    dropped = pl.read_parquet(small_run / "data/dropped.parquet")
    assert len(kept) == found["kept"]
    assert sorted([*kept["id"], *dropped["id"]]) == [f"{number:06d}" for number in range(40)]
    assert all(len(reasons) > 0 for reasons in dropped["reasons"])
    categories = metrics(small_run, "classify")
    left_out = categories["left_out_unknown"] + categories["left_out_too_small"]
    assert categories["classified"] + left_out == found["kept"]
    table = pl.read_parquet(small_run / "data/categories.parquet")
    assert table["id"].to_list() == [f"{number:06d}" for number in range(40)]
    assert sorted(table.filter(pl.col("reason") == "dropped by the filter")["id"]) == sorted(dropped["id"])
    assert table["category"].drop_nulls().n_unique() == categories["categories"]
    assert pl.read_csv(small_run / "plots/categories.csv")["members"].sum() == found["kept"]


def test_parents_were_kept_and_belong_to_their_samples_category(small_run: Path) -> None:
    recipes = pl.read_parquet(small_run / "data/recipes.parquet").explode("parents", "weights")
    members = pl.read_parquet(small_run / "data/categories.parquet").select("id", home="category")
    joined = recipes.join(members, left_on="parents", right_on="id", how="left")
    assert (joined["category"] == joined["home"]).all()
    assert set(recipes["parents"]) <= set(pl.read_parquet(small_run / "data/kept.parquet")["id"])


def published(run_folder: Path, root: Path) -> tuple[pl.DataFrame, np.ndarray]:
    """The data set that a run made, read as an archive below ``root``: its samples and codes [n, 3, 18, 512]."""
    (root / "dataset").mkdir(parents=True)
    (root / "dataset/ffhq-uv-interpolate").symlink_to(run_folder / "data/ffhq-uv-interpolate")
    samples = catalogue(root, "ffhq-uv-interpolate").samples
    codes = np.empty((len(samples), 3, 18, 512), np.float32)
    assert all(reason is None for _, reason in read_latents(root, samples, codes))
    return samples, codes


def test_the_new_data_set_reads_as_a_published_one(small_run: Path, tmp_path: Path) -> None:
    samples, codes = published(small_run, tmp_path)
    assert samples["reason"].null_count() == len(samples) == 24
    assert read_uv_map(tmp_path, samples["uv_map"][0]).shape == (128, 128, 3)
    recipes = pl.read_parquet(small_run / "data/recipes.parquet")
    np.testing.assert_allclose(samples["age"], recipes["age"])

    ids = pl.read_parquet(small_run / "data/samples.parquet")["id"].to_list()
    parents = whole(stored(small_run / "data/latents/ffhq-uv.npy")[[ids.index(id) for id in recipes["parents"][0]]])
    np.testing.assert_allclose(codes[0], np.tensordot(recipes["weights"][0], parents, 1), atol=1e-6)


def test_the_quality_table_is_about_what_was_made(small_run: Path) -> None:
    quality = metrics(small_run, "quality")
    assert [quality[name]["samples"] for name in ("reference", "ffhq_uv", "ffhq_uv_interpolate")] == [12, 40, 24]
    assert quality["reference"]["id_std_percent"] == 100
    assert quality["ffhq_uv"]["id_std_percent"] < 100
    made = pl.read_parquet(small_run / "data/interpolate-measurements.parquet")
    assert quality["ffhq_uv_interpolate"]["bs_error"] == pytest.approx(made["bs_error"].mean(), abs=1e-5)
    for by in ("category", "skin tone"):  # the groups' figures add up to the whole's
        table = pl.read_csv(small_run / "plots/quality_by_category.csv").filter(
            pl.col("by") == by, pl.col("data_set") == "ffhq_uv_interpolate"
        )
        assert table["samples"].sum() == 24
        mean = (table["samples"] * table["bs_error"]).sum() / 24
        assert mean == pytest.approx(made["bs_error"].mean(), abs=1e-4)
    with Image.open(small_run / "plots/samples.png") as sheet:
        assert sheet.size == (4 * 192, 4 * 192)


@pytest.mark.parametrize("by", ["category", "skin_tone"])
def test_the_balance_counts_everybody_before_and_after(small_run: Path, by: str) -> None:
    groups = metrics(small_run, "categories")[by]
    kept = len(pl.read_parquet(small_run / "data/kept.parquet"))
    for name, total in (("source", 40), ("kept", kept), ("made", 24)):
        assert sum(group[name] for group in groups.values()) == total
    for group in groups.values():
        assert group["kept_share"] == pytest.approx(group["kept"] / group["source"], abs=1e-6)
    if by == "category":
        recipes = pl.read_parquet(small_run / "data/recipes.parquet")["category"].value_counts()
        assert {name: group["made"] for name, group in groups.items() if group["made"]} == dict(recipes.iter_rows())
    for name in ("balance", "quality"):
        with Image.open(small_run / f"plots/{name}.png") as figure:
            assert min(figure.size) > 200


def test_the_number_of_workers_changes_no_byte(small_run: Path, copied: Callable[..., Path]) -> None:
    of_index = ("index.parquet", "reference-index.parquet", "quarantine.parquet", "latents")
    folder = copied("data/archives", *(f"data/{name}" for name in of_index), "reports/index.json")
    later = ("normalise", "measure", "truth", "filter", "classify", "interpolate", "extract", "evaluate")
    assert run(folder, *later, overrides=("engine=local", "engine.workers=2", "engine.shard=5")) == [0] * len(later)
    assert digests(folder) == {name: digest for name, digest in digests(small_run).items() if "manifest" not in name}


def test_a_tighter_filter_keeps_fewer_and_one_that_keeps_nobody_stops(
    copied: Callable[..., Path], small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("data/truth.parquet", "data/samples.parquet", "data/measurements.parquet")
    kept = []
    for override in ("filter=off", "filter=published", "filter=strict"):
        assert run(folder, "filter", overrides=(override,)) == [0]
        kept.append(metrics(folder, "filter")["kept"])
    assert kept[0] == 40
    assert kept == sorted(kept, reverse=True)
    assert kept[1] > kept[2]
    assert run(folder, "filter", overrides=("filter.bs_error.max=1.0",)) == [1]
    assert "nobody of 40 samples is kept; most, 40, are dropped by bs_error" in capsys.readouterr().err


def test_variance_preserving_mixing_is_what_extract_writes(
    copied: Callable[..., Path], small_run: Path, tmp_path: Path
) -> None:
    folder = copied(
        "data/archives/topo_assets",
        *(f"data/{name}.parquet" for name in ("samples", "categories", "recipes")),
        "data/latents",
    )
    assert run(folder, "extract", overrides=("interpolate=variance_preserving", "interpolate.count=24")) == [0]
    _, linear = published(small_run, tmp_path / "linear")
    _, preserving = published(folder, tmp_path / "preserving")
    recipes = pl.read_parquet(folder / "data/recipes.parquet")
    members = pl.read_parquet(folder / "data/categories.parquet")
    ids = pl.read_parquet(folder / "data/samples.parquet")["id"].to_list()
    codes = whole(stored(folder / "data/latents/ffhq-uv.npy"))
    for number, recipe in enumerate(recipes.iter_rows(named=True)):
        home = members.filter(pl.col("category") == recipe["category"])["id"]
        mean = codes[[ids.index(id) for id in home]].mean(0)
        kept = np.linalg.norm(recipe["weights"])  # the share of the spread that linear mixing keeps
        np.testing.assert_allclose(preserving[number] - mean, (linear[number] - mean) / kept, atol=1e-5)


@pytest.mark.parametrize("method", ["linear", "variance_preserving"])
def test_the_tool_codes_mixes_what_extract_publishes(
    copied: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    folder = copied(
        "data/archives/topo_assets",
        *(f"data/{name}.parquet" for name in ("samples", "categories", "recipes")),
        "data/latents",
    )
    overrides = (f"interpolate={method}", "interpolate.count=24")
    assert run(folder, "extract", overrides=overrides) == [0]
    assert run(folder, "codes", overrides=(*overrides, "out=new.npy")) == [0]
    assert "new.npy: float32 [24, 3, 18, 512]" in capsys.readouterr().out
    _, codes = published(folder, tmp_path / "published")
    np.testing.assert_array_equal(np.load(folder / "new.npy"), codes)
    assert run(folder, "codes", overrides=overrides) == [2]
    assert "out: is missing" in capsys.readouterr().err


def test_weights_follow_the_configured_distribution(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("data/samples.parquet", "data/categories.parquet")
    three = ("interpolate.parents=3", "interpolate.weights=dirichlet", "interpolate.concentration=1e6")
    assert run(folder, "interpolate", overrides=three) == [0]
    weights = np.array(pl.read_parquet(folder / "data/recipes.parquet")["weights"].to_list())
    np.testing.assert_allclose(weights, 1 / 3, atol=0.01)
    lopsided = ("interpolate.weights=beta", "interpolate.beta=[100,900]")
    assert run(folder, "interpolate", overrides=lopsided) == [0]
    weights = np.array(pl.read_parquet(folder / "data/recipes.parquet")["weights"].to_list())
    np.testing.assert_allclose(weights[:, 0], 0.1, atol=0.06)
    assert run(folder, "interpolate", overrides=("interpolate.weights=beta", "interpolate.parents=3")) == [2]
    assert "for two parents" in capsys.readouterr().err
