"""No password and no signature is written or printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tests.download.conftest import serving
from tests.small_run import inside

from ffhq_uv.__main__ import main
from ffhq_uv.config import composed
from ffhq_uv.secrecy import holds_secret, without_secrets

SECRET = "pl4nted"
REFUSED = [
    f"https://someone:{SECRET}@server/FFHQ-UV",
    f"webdav+https://someone:{SECRET}@server/FFHQ-UV",
    f"https://bucket.server/list.csv?X-Amz-Signature={SECRET}&X-Amz-Date=1",
    f"https://account.blob.server/x?sv=2022&sig={SECRET}",
    f"https://server/list.csv?token={SECRET}",
]


def planted(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("url", REFUSED)
@pytest.mark.parametrize("key", ["source.url", "source.topo_assets", "source.lock", "pull.downloads"])
def test_credentials_in_the_configuration_are_refused_and_not_repeated(
    url: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("source=ffhq_uv", f"{key}='{url}'")
    with inside(tmp_path):
        assert main(["pull", *given]) == 2
        told = capsys.readouterr()
        assert "WEBDAV_PASSWORD" in told.err
        assert SECRET not in told.err + told.out
        # as `dvc exp run -S` does it: the value is in params.yaml before the first stage starts
        monkeypatch.setenv("DVC_EXP_NAME", "secret")
        Path("params.yaml").write_text(OmegaConf.to_yaml(composed(list(given))))
        assert main(["config"]) == 2
        told = capsys.readouterr()
    assert SECRET not in told.err + told.out
    assert planted(tmp_path) == []


def test_signed_addresses_in_a_list_are_not_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as web, inside(tmp_path):
        Path("dvc.yaml").touch()
        name = "topo_assets/hair_mask.png"
        Path("list.csv").write_text(f"path,url\n{name},{web.url}/none.png?sig={SECRET}\n")
        assert main(["pull", "source=ffhq_uv", "source.url=list.csv"]) == 1
        assert SECRET not in capsys.readouterr().err
        Path("list.csv").unlink()
        assert planted(tmp_path) == []


def test_what_is_no_secret_stays() -> None:
    for url in (
        "https://server/FFHQ-UV",
        "s3://someone@server/x",
        "/a/b@c:d",
        "hf://datasets/a/b@main",
        "x?a=1",
    ):
        assert not holds_secret(url)
    assert without_secrets("https://a/b c?d") == "https://a/b c?d"
    assert without_secrets("(https://u:p@a/b?sig=1) and s3://x/y") == "(https://…@a/b?…) and s3://x/y"


def test_a_list_in_a_bucket_may_not_name_files_of_this_machine(tmp_path: Path) -> None:
    import fsspec

    from ffhq_uv.download.listing import _listed
    from ffhq_uv.download.streams import DownloadError

    with fsspec.open("memory://bucket/list.csv", "w") as listed:
        listed.write(f"path,url\ntopo_assets/hair_mask.png,file://{tmp_path}/private.png\n")
    with pytest.raises(DownloadError, match="may not name files of this machine"):
        list(_listed("memory://bucket/list.csv", "list.csv", 1))


def test_aliases_that_multiply_a_configuration_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bomb = "a0: &a0 [1, 1]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9))
    (tmp_path / "params.yaml").write_text(bomb)
    with inside(tmp_path):
        assert main(["filter", "--params", "params.yaml"]) == 2
    assert "refuses YAML aliases" in capsys.readouterr().err
