from __future__ import annotations

import sys
from pathlib import Path

import pytest
from dome import dome_geometry, dome_topology

from ffhq_uv.geometry import Geometry
from ffhq_uv.texture.topology import Topology

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def topology() -> Topology:
    return dome_topology(128)


@pytest.fixture(scope="session")
def geometry() -> Geometry:
    return dome_geometry(160)
