"""A few hundred comments written for this project, as the dump of a month that never was."""

from pathlib import Path
from typing import Final

SAMPLE: Final = Path(__file__).parent / "RC_sample.zst"
