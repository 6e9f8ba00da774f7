import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def example() -> Path:
    """The folder that holds the published sample 01223."""
    folder = os.environ.get("FFHQ_UV_EXAMPLE")
    if not folder:
        pytest.skip("FFHQ_UV_EXAMPLE is unset: no published sample to read")
    return Path(folder)
