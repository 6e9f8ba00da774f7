"""A published folder, opened by the libraries that others open it with."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.publish.data_set import SIZE, rows, write_run
from tests.small_run import digests, inside

pq = pytest.importorskip("pyarrow.parquet", reason="the extra publish is not installed")

from ffhq_uv.__main__ import main  # noqa: E402
from ffhq_uv.archive.writing import encode_png  # noqa: E402
from ffhq_uv.publish import shards  # noqa: E402
from ffhq_uv.publish.croissant import RESPONSIBLE  # noqa: E402
from ffhq_uv.publish.validation import NotPublished, validate  # noqa: E402
from ffhq_uv.tools.publish import PLAIN  # noqa: E402

COLUMNS = shards.Columns({name: type for name, (type, _) in PLAIN.items()})
Samples = dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Samples]:
    """A run's folder, and its samples."""
    folder = tmp_path_factory.mktemp("run")
    return folder, write_run(folder)


def published(folder: Path, out: Path, *words: str) -> Path:
    with inside(folder):
        assert main(["publish", f"out={out}", "engine=serial", *words]) == 0
    return out


@pytest.fixture(scope="module")
def out(run: tuple[Path, Samples], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published in three shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ffhq_uv.publish.shards.SHARD_BYTES", 1_000_000)
        patch.setattr("ffhq_uv.publish.shards.shard_sizes.__defaults__", (1_000_000,))
        return published(run[0], tmp_path_factory.mktemp("published"))


def test_shards_hold_every_sample_with_the_pictures_own_bytes(run: tuple[Path, Samples], out: Path) -> None:
    folder, samples = run
    paths = sorted((out / "data").iterdir())
    assert [path.name for path in paths] == [f"train-{shard:05d}-of-00003.parquet" for shard in range(3)]
    found = [row for path in paths for row in pq.read_table(path).to_pylist()]
    assert [row["id"] for row in found] == sorted(samples)
    for row, expected in zip(found, rows(len(samples)), strict=True):
        assert {name: row[name] for name in PLAIN} == {name: expected[name] for name in PLAIN}
        source = folder / f"data/ffhq-uv-interpolate/uv-maps/000/{row['id']}.png"
        assert row["image"] == {"bytes": source.read_bytes(), "path": f"{row['id']}.png"}
        np.testing.assert_array_equal(np.array(row["codes"], np.float32), samples[row["id"]][1])
    for path in paths:
        groups = pq.ParquetFile(path).metadata
        assert all(groups.row_group(group).num_rows <= 8 for group in range(groups.num_row_groups))


def test_the_same_run_gives_the_same_bytes_and_only_missing_shards_are_made(
    run: tuple[Path, Samples], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ffhq_uv.publish.shards.shard_sizes.__defaults__", (1_000_000,))
    before = digests(published(run[0], tmp_path))
    shard = tmp_path / "data/train-00001-of-00003.parquet"
    shard.unlink()
    (tmp_path / "data/train-00000-of-00009.parquet").write_bytes(b"of another run")
    (tmp_path / "README.md").unlink()
    capsys.readouterr()
    published(run[0], tmp_path)
    assert "3 shards (2 were there)" in capsys.readouterr().out
    assert digests(tmp_path) == before


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_the_folder_by_its_path(
    run: tuple[Path, Samples], out: Path, streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="the extra dev is not installed")
    loaded = datasets.load_dataset(str(out), split="train", streaming=streaming, cache_dir=str(tmp_path))
    assert isinstance(loaded.features["image"], datasets.Image)
    assert loaded.features["codes"] == datasets.Array3D((3, 18, 512), "float32")
    found = list(loaded.with_format("torch"))
    assert len(found) == len(run[1])
    for row in found:
        uv_map, codes = run[1][row["id"]]
        np.testing.assert_array_equal(row["image"].numpy().transpose(1, 2, 0), uv_map)
        np.testing.assert_array_equal(np.asarray(row["codes"], np.float32), codes)


def test_the_pipelines_own_folder_is_an_imagefolder(
    run: tuple[Path, Samples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="the extra dev is not installed")
    folder = run[0] / "data/ffhq-uv-interpolate"
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train", cache_dir=str(tmp_path))
    assert len(loaded) == len(run[1])
    for row in loaded:
        np.testing.assert_array_equal(np.array(row["image"]), run[1][row["id"]][0])
        assert row["category"] == "male/18-60/beard"


def test_croissant_is_valid_and_yields_the_parquets_records(out: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="the extra dev is not installed")
    described = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert not described.metadata.issues.errors
    rows = [row for path in sorted((out / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    records = list(itertools.islice(described.records("samples"), len(rows) + 1))
    assert len(records) == len(rows)
    for record, row in zip(sorted(records, key=lambda record: record["samples/id"]), rows, strict=True):
        assert record["samples/id"].decode() == row["id"]
        assert record["samples/age"] == row["age"]
        assert record["samples/category"].decode() == row["category"]
        np.testing.assert_array_equal(np.array(record["samples/codes"], np.float32), np.array(row["codes"], np.float32))
        assert np.array(record["samples/image"]).shape == (SIZE, SIZE, 3)


def test_the_responsible_ai_fields_say_what_this_run_measured(out: Path) -> None:
    found = json.loads((out / "croissant.json").read_text())
    assert len(RESPONSIBLE) == 8
    assert all(found[name] for name in RESPONSIBLE)
    assert "55.75 % (51.92 to 59.38" in found["rai:dataLimitations"]
    assert "dark 25.0 % (source 25.0 %)" in found["rai:dataBiases"]
    assert "keeps 70 % of light and 100 % of dark" in found["rai:dataBiases"]
    assert found["prov:wasDerivedFrom"] == [f"dataset/ffhq-uv/meta-info.json (sha256 {'ab' * 32})"]
    assert found["prov:wasGeneratedBy"] == ["extract: data/ffhq-uv-interpolate (md5 0123.dir)"]


def test_the_card_is_of_this_run(run: tuple[Path, Samples], out: Path, tmp_path: Path) -> None:
    text = (out / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["size_categories"] == ["n<1K"]
    assert "No real person is in it" in text
    assert "Seed 7." in text  # out of dvc.lock, not of conf/
    assert "Nvidia" not in text
    assert "| bs_error | above 4.12 | 7 |" in text
    assert "| light | 30 | 21 | 70.0 % | 15 |" in text
    other = (published(run[0], tmp_path, "source=ffhq_uv") / "README.md").read_text()
    assert "No real person" not in other
    for word in ("CC BY-NC-SA 4.0", "Nvidia", "issue 81", "Face API", "correspondences"):
        assert word in other
    assert yaml.safe_load(other.split("---\n")[1])["license"] == "cc-by-nc-sa-4.0"
    citation = yaml.safe_load((tmp_path / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "CC-BY-NC-SA-4.0"


def test_ffhq_uv_made_from_photographs_is_published_as_what_it_is(tmp_path: Path) -> None:
    samples = write_run(tmp_path, data="ffhq-uv")
    out = published(tmp_path, tmp_path / "out", "data=ffhq-uv", "source=ffhq_uv", "normalise=published")
    found = pq.read_table(out / "data/train-00000-of-00001.parquet").to_pylist()
    for row, expected in zip(found, rows(len(samples)), strict=True):  # the one that failed has no map
        category = None if row["id"] == "000002" else expected["category"]  # classify did not sort it
        assert {name: row[name] for name in PLAIN} == {name: expected[name] for name in PLAIN} | {"category": category}
        np.testing.assert_array_equal(np.array(row["codes"], np.float32), samples[row["id"]][1])
    text = (out / "README.md").read_text()
    assert yaml.safe_load(text.split("---\n")[1])["pretty_name"] == "FFHQ-UV"
    assert "| FFHQ-UV (this) | 40 |" in text
    assert "| age | years |" in text
    assert "evenly lit and made neutral (normalise=published)" in text
    assert "They are all in this data set" in text
    assert "| light | 30 | 21 | 70.0 % |\n" in text
    described = json.loads((out / "croissant.json").read_text())
    assert "71.25 %" in described["rai:dataLimitations"]
    assert described["rai:dataBiases"].startswith("By skin tone: light 75.0 %, dark 25.0 %.")
    assert "may resemble the person" in described["rai:personalSensitiveInformation"]


def test_ffhq_uv_that_was_published_already_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, data="ffhq-uv")
    (tmp_path / "data/normalised/ffhq-uv.npy").unlink()
    with inside(tmp_path):
        assert main(["publish", f"out={tmp_path / 'out'}", "data=ffhq-uv"]) == 2
    assert "normalise=published makes it from photographs" in capsys.readouterr().err


def test_webp_holds_the_same_texels(run: tuple[Path, Samples], tmp_path: Path) -> None:
    import cv2

    published(run[0], tmp_path, "maps=webp")
    for row in pq.read_table(tmp_path / "data/train-00000-of-00001.parquet").to_pylist():
        assert row["image"]["path"].endswith(".webp")
        picture = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(picture, run[1][row["id"]][0])


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("CITATION.cff", lambda data: data + b"#", "CITATION.cff: its SHA-256"),
        ("data/train-00000-of-00001.parquet", lambda data: data[:400] + b"\0\0" + data[402:], "its picture|SHA-256"),
        ("croissant.json", lambda data: data.replace(b'"rai:dataBiases": "', b'"x": "'), "SHA-256"),
        ("SHA256SUMS", lambda data: data + b"00  more.txt\n", "more.txt that is not there"),
    ],
)
def test_what_was_changed_is_no_longer_valid(
    run: tuple[Path, Samples], tmp_path: Path, name: str, damage, message: str
) -> None:
    published(run[0], tmp_path)
    assert len(validate(tmp_path, COLUMNS, sorted(run[1]), SIZE)) == 3
    with pytest.raises(NotPublished, match="20 samples, expected 19"):
        validate(tmp_path, COLUMNS, sorted(run[1])[1:], SIZE)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(NotPublished, match=message):
        validate(tmp_path, COLUMNS, sorted(run[1]), SIZE)


def test_a_mesh_that_was_cut_is_no_longer_valid(tmp_path: Path) -> None:
    columns = shards.Columns({}, meshes=True)
    whole = struct.pack("<4sII", b"glTF", 2, 16) + b"more"
    picture = encode_png(np.zeros((SIZE, SIZE, 3), np.uint8))
    codes = np.zeros((3, 18, 512), np.float32)
    for mesh, message in ((whole, None), (None, None), (whole[:-1], "its mesh is no whole GLB")):
        path = tmp_path / "data/train-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        sample = shards.Sample(picture, codes, mesh=mesh)
        shards.write_shard(path, columns, "key", [{"id": "000000"}], lambda rows, sample=sample: [sample])
        # the whole ones come as far as the checksums, which are not there
        with pytest.raises(NotPublished if message else FileNotFoundError, match=message or "SHA256SUMS"):
            validate(tmp_path, columns, ["000000"], SIZE)


def test_nothing_to_publish_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(tmp_path):
        assert main(["publish", "out=x"]) == 1
    assert "metadata.jsonl: not there yet; `dvc repro` makes it" in capsys.readouterr().err


def test_shards_are_whole_row_groups_and_nothing_is_lost() -> None:
    for samples in (1, 7, 8, 9, 100, 1000):
        for total in (1, 10**9, 3 * 10**9, 10**12):
            sizes = shards.shard_sizes(samples, total)
            assert sum(sizes) == samples
            assert all(size % shards.GROUP == 0 for size in sizes[:-1])
            assert max(sizes) - min(sizes[:-1] or sizes) <= shards.GROUP or len(sizes) == 1
