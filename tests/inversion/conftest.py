"""Makes what the generator's tests write importable here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "generator"))
