"""What a person can type wrong: one line with the remedy and the right exit status, before any work starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ffhq_uv.__main__ import main

ANYWHERE = [
    # commands and words
    ("filtr", "did you mean filter?"),
    ("frobnicate", "--help` lists them"),
    ("filter filter", "filter: no KEY=VALUE"),
    ("filter strict", "strict: no KEY=VALUE"),
    ("filter -m filter=off,strict", "dvc exp run --queue -S filter=off,strict"),
    ("filter filter=off,strict", "dvc exp run --queue -S filter=off,strict"),
    ("filter seed=1,2", "dvc exp run --queue -S seed=1,2"),
    ("table foo", "expected: table"),
    ("doctor extra", "extra: no KEY=VALUE"),
    ("plan x", "x: no KEY=VALUE"),
    ("pack", "out: is missing"),
    ("pack out=", "out=: no value"),
    ("pack out=a out=b", "given twice"),
    ("table seed=2", "expected: table"),
    ("pack out=a smaple=3", "no configuration key 'smaple'"),
    ("faces out=a", "latents: is missing"),
    ("codes", "out: is missing"),
    ("bs-error", "maps: is missing"),
    ("convert-checkpoint a", "target: is missing"),
    ("convert-checkpoint a b c", "c: no word of this tool's"),
    ("export out=x", "sample=ID"),
    ("look details=3", "out: is missing"),
    ("invert out=x", "images: is missing"),
    ("invert images=x", "out: is missing"),
    ("invert images=x out=y faces=first", "'largest' or 'last'"),
    ("invert images=x out=y attributes=service", "'networks', 'recorded' or 'none'"),
    ("invert images=x out=y of=me", "'inversion' or 'photograph'"),
    ("invert images=x out=y size=3", "no configuration key 'size'"),
    ("describe out=x.csv", "images: is missing"),
    ("describe images=x", "out: is missing"),
    ("describe images=x out=table.txt", "ends in .csv or .parquet"),
    ("describe images=x out=x.csv neighbours=-1", "greater than or equal to 0"),
    ("describe images=x out=x.csv", "x: no such folder, zip, list or picture"),
    # keys, groups and members
    ("filter filter.bs_eror.max=3", "bs_error, expression, light"),
    ("filter sed=3", "seed, shard, source"),
    ("filter filtr=strict", "filter"),
    ("filter filter=strct", "there are: off, published, strict"),
    ("measure texture=best", "there are: faithful, published"),
    ("measure generator=stylegan3", "recorded, studio, stylegan2"),
    ("pull source=here", "folder, studio"),
    ("filter +foo=1", "foo: no such key"),
    ("filter +filter.skin=1", "filter.skin: no such key"),
    ("filter ~filter.light", "filter.light: is missing"),
    ("filter seed=[1", "seed=[1"),
    ("filter experiment=mine", "mini"),
    # values
    ("filter seed=-1", "seed: "),
    ("filter seed=abc", "integer (it is 'abc')"),
    ("filter filter.bs_error.max=abc", "number (it is 'abc')"),
    ("filter filter.bs_error.quantile=2", "less than or equal to 1 (it is 2"),
    ("filter failures.max_share=1.5", "failures.max_share"),
    ("pull source.people=0", "source.people: "),
    ("pull pull.mode=move", "'copy' or 'link' (it is 'move')"),
    ("pull pull.parallel=0", "pull.parallel"),
    ("measure generator.size=0", "generator.size"),
    ("measure analysis.noise=-1", "analysis.noise"),
    ("measure texture.size=big", "texture.size"),
    ("measure engine.workers=0", "engine.workers"),
    ("measure engine.shard=0", "engine.shard"),
    ("measure engine.gpus=-1", "engine.gpus"),
    ("interpolate interpolate.parents=1", "interpolate.parents"),
    ("interpolate interpolate.count=0", "interpolate.count"),
    ("interpolate interpolate.weights=even", "interpolate.weights"),
    ("classify classify.min_size=0", "classify.min_size"),
    ("classify classify.unknown=keep", "classify.unknown"),
    ("measure shard=0", "shard"),
    # what cannot be together
    ("filter filter.light.max=2", "choose light=dpr"),
    ("filter filter.light.quantile=0.9", "choose light=dpr"),
    ("classify classify.age_edges=[40,20]", "ascending numbers expected"),
    ("classify classify.beard_edges=[0.3,0.3]", "ascending numbers expected"),
    ("classify classify.also=[{column:hair,edges:[1]}]", "age, beard, smile, neutral"),
    ("interpolate interpolate.weights=beta interpolate.parents=3", "uniform or dirichlet"),
    ("interpolate interpolate.weights=half interpolate.parents=3", "uniform or dirichlet"),
    ("extract interpolate.gate.enabled=true expression=recorded", "expression=coefficients"),
    ("measure shard=4/4", "i from 0 to n - 1"),
    # files that are not there
    ("filter --params none.yaml", "none.yaml: no such file"),
    ("pull source=ffhq_uv source.url=/no/such/folder", "/no/such/folder"),
]
"""Words of the command line, and what the answer says: none of them may begin to work."""

TOO_EARLY = ["index", "measure", "filter", "classify", "interpolate", "extract", "evaluate", "codes out=x.npy", "table",
             "report", "pack out=x", "export sample=000000 out=x", "bs-error maps=none", "export map=none.png out=x",
             "convert-checkpoint none.pkl x.safetensors", "invert images=none out=x"]  # fmt: skip
"""Commands that need what an earlier one makes, or a file that is not there."""


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("words", "said"), ANYWHERE, ids=[words for words, _ in ANYWHERE])
def test_a_wrong_call_is_one_line_with_the_remedy(
    words: str, said: str, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(words.split(" "))
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert "Traceback" not in shown
    assert status == (1 if "/no/such" in words else 2)
    assert [path.name for path in empty.iterdir() if path.name != "data"] == []


@pytest.mark.parametrize("words", TOO_EARLY)
def test_what_is_not_there_yet_is_named(words: str, empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "Traceback" not in shown
    assert "(--traceback" not in shown
    assert any(word in shown for word in ("not there", "no such", "no PNG", "none is there", "no archives")), shown


def test_a_folder_that_is_no_project_is_not_filled(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty / "letter.txt").write_text("dear")
    for command in ("config", "pull"):
        assert main([command]) == 2
        assert "holds no dvc.yaml" in capsys.readouterr().err
    assert [path.name for path in empty.iterdir()] == ["letter.txt"]


def test_an_interrupted_command_says_that_it_goes_on(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ffhq_uv.stages.index.run", interrupt)
    assert main(["index"]) == 130
    assert capsys.readouterr().err == "ffhq_uv index: interrupted; run it again, it goes on where it was\n"


@pytest.mark.parametrize("place", ["with space", "é", "a,b", "v=2"])
def test_any_folder_name_will_do(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / place
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["config"]) == 0
    assert main(["filter", "--params", "params.yaml", "--show"]) == 0
