"""How many of a source's records may be dead before it is given up: most likely it is read as what it is not."""

from dataclasses import dataclass
from typing import Final

from moodmill.db.core.errors import SourceError

#: Records of a source that are read before it is judged.
JUDGED_FROM: Final = 1_000
#: The share of dead records that a source may have where nobody says otherwise.
MAX_DEAD: Final = 0.5


@dataclass(kw_only=True)
class DeadShare:
    """The records of a source that were read so far, and those of them that could not be."""

    records: int
    dead: int
    #: From 0 to 1.
    most: float

    def add(self, records: int, dead: int) -> None:
        self.records += records
        self.dead += dead

    def check(self, source: str, run: str) -> None:
        """Raise SourceError where too many records are dead, naming the source and what reads on."""
        if self.records >= JUDGED_FROM and self.dead > self.most * self.records:
            raise SourceError(
                f"{source} is given up: of its first {self.records:,} records {self.dead:,} cannot be read, more than "
                f"--max-dead {self.most:g} allows; `moodmill dead list {run}` shows why, `moodmill run resume {run} "
                "--max-dead 1` reads on"
            )
