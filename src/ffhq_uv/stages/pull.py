"""pull: the published archives -> data/archives, data/manifest.json."""

from __future__ import annotations

import shutil
from pathlib import Path

from tqdm import tqdm

from ffhq_uv.archive.manifest import manifest
from ffhq_uv.config import Config, ConfigError, FfhqUvSource, FolderSource, StudioSource
from ffhq_uv.stages import files
from ffhq_uv.studio.publish import publish

PARTS = ("dataset", "dataset_project", "topo_assets")

WHERE = """source.path is not set. FFHQ-UV is published on Baidu Netdisk (linked from https://github.com/csbhr/FFHQ-UV); \
the OneDrive copy is no longer active. Download its folders dataset/, dataset_project/ and topo_assets/ into one folder \
and name it: source.path=/path/to/FFHQ-UV"""


def run(config: Config) -> None:
    """Publish or copy the source's archives and list what came."""
    with files.replacing_directory(files.ARCHIVES) as archives:
        match config.source:
            case StudioSource(people=people, reference=reference, map_size=map_size):
                with tqdm(total=people + reference, desc="publish", unit="person") as bar:
                    publish(
                        archives,
                        people=people,
                        reference=reference,
                        map_size=map_size,
                        seed=config.seed,
                        progress=bar.update,
                    )
            case FolderSource(dataset=dataset, dataset_project=project, topo_assets=topo_assets):
                _copy({"dataset": dataset, "dataset_project": project, "topo_assets": topo_assets}, archives)
            case FfhqUvSource(path=None):
                raise ConfigError(WHERE)
            case FfhqUvSource(path=Path() as path):
                _copy({part: path / part for part in PARTS}, archives)
        files.write_json(files.MANIFEST, manifest(archives))


def _copy(parts: dict[str, Path | None], archives: Path) -> None:
    for part, source in parts.items():
        if source is None:
            continue
        if not source.is_dir():
            raise FileNotFoundError(f"{source}: no such folder; expected the published {part}/ there")
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        for path in tqdm(paths, desc=f"copy {part}", unit="file"):
            target = archives / part / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
