"""Places are taken as they are typed, in every spelling that people have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.config import ConfigError, read

PLACES = [
    "/data/FFHQ-UV (1)",
    "/data/v=2",
    "/data/a,b",
    "/home/moi/Téléchargements/FFHQ-UV",
    "/数据/人脸",
    "https://server/files?a=b&c=d,e",
    "hf://datasets/csbhr/FFHQ-UV@main/part",
    "/data/it's",
    "/data/[x]{y}:z",
    "C:\\data\\",
    "relative folder/with spaces",
    "/data/100%!#$",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_what_was_typed(place: str) -> None:
    config = read(["source=ffhq_uv", f"source.url={place}", f"checkpoints={place}"])
    assert config.source.url == place  # type: ignore[union-attr]
    assert str(config.checkpoints) == str(Path(place))


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)
KEYS = ("url", "dataset", "dataset_project", "topo_assets", "checkpoints")


@pytest.mark.slow
@settings(max_examples=20)  # of five names each: composing takes a tenth of a second
@given(st.tuples(*[NAMES] * len(KEYS)))
def test_any_name_of_a_folder_is_taken(names: tuple[str, ...]) -> None:
    config = read(["source=ffhq_uv", *(f"source.{key}=/x/{name}" for key, name in zip(KEYS, names, strict=True))])
    assert [getattr(config.source, key) for key in KEYS] == [f"/x/{name}" for name in names]


def test_what_is_quoted_already_and_null_stay() -> None:
    config = read(["source=ffhq_uv", "source.url='/a b'", "source.lock=null"])
    assert (config.source.url, config.source.lock) == ("/a b", None)  # type: ignore[union-attr]


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = read(["source=ffhq_uv", "source.url=~/FFHQ-UV", "source.lock=~/lock", "checkpoints=~/nets"])
    assert config.source.url == "/home/me/FFHQ-UV"  # type: ignore[union-attr]
    assert config.source.lock == Path("/home/me/lock")  # type: ignore[union-attr]
    assert config.checkpoints == Path("/home/me/nets")


def test_an_empty_place_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"source\.url: is empty; null stands for no place"):
        read(["source=ffhq_uv", "source.url='  '"])
