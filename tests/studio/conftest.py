from pathlib import Path

import pytest

from ffhq_uv.studio.publish import publish


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small publication: 5 samples, 3 photographed people, maps of 64 texels, seed 3."""
    out = tmp_path_factory.mktemp("archives")
    publish(out, people=5, reference=3, map_size=64, seed=3)
    return out
