"""pull: the published archives -> data/archives, data/manifest.json."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from ffhq_uv.archive.manifest import manifest
from ffhq_uv.config import Config, ConfigError, FfhqUvSource, FolderSource, StudioSource
from ffhq_uv.stages import files
from ffhq_uv.stages.progress import progress
from ffhq_uv.studio.publish import publish

PARTS = ("dataset", "dataset_project", "topo_assets")

WHERE = """source.path is not set. FFHQ-UV is published on Baidu Netdisk (see https://github.com/csbhr/FFHQ-UV); its
copy on OneDrive is no longer active. Download dataset/, dataset_project/, topo_assets/ into one folder and name that:
source.path=/path/to/FFHQ-UV"""


def run(config: Config) -> None:
    """Publish or copy the source's archives and list what came."""
    with files.replacing_directory(files.ARCHIVES) as archives:
        match config.source:
            case StudioSource(people=people, reference=reference, map_size=map_size):
                with progress(people, "publish", "person") as bar:
                    publish(
                        archives,
                        people=people,
                        reference=reference,
                        map_size=map_size,
                        seed=config.seed,
                        progress=lambda done: bar.update(done - bar.n),
                    )
            case FolderSource(dataset=dataset, dataset_project=project, topo_assets=topo_assets):
                _copy({"dataset": dataset, "dataset_project": project, "topo_assets": topo_assets}, archives)
            case FfhqUvSource(path=None):
                raise ConfigError(WHERE)
            case FfhqUvSource(path=Path() as path):
                _copy({part: path / part for part in PARTS}, archives)
        files.write_json(files.MANIFEST, [asdict(entry) for entry in manifest(archives)])


def _copy(parts: dict[str, Path | None], archives: Path) -> None:
    for part, source in parts.items():
        if source is None:
            continue
        if not source.is_dir():
            raise FileNotFoundError(f"{source}: no such folder; expected the published {part}/ there")
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        with progress(len(paths), f"copy {part}", "file") as bar:
            for path in paths:
                target = archives / part / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                bar.update()
