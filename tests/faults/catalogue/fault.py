"""A fault: what strikes in the middle of a run, and is over after a while."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from moodmill.db.core.engine import EngineName
from tests.faults.scene import Database, Scene

Strike = Callable[[Scene], None]

QUEUE: Final = "moodmill:chunks"
#: A run that is read while it is worked on, with few chunks in the queue.
SHORT_QUEUE: Final = {"MOODMILL_CHUNKS_IN_FLIGHT": "4"}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong in the middle of a run."""

    name: str
    strike: Strike
    databases: Sequence[Database]
    #: What else the scene is asked for: "aof", "has_sentinels", …
    scenery: Mapping[str, bool]
    poison: Mapping[int, str]
    settings: Mapping[str, str]
    #: What an operator does, where something is left to do.
    remedy: str
    #: Engines on which it is part of `make test`.
    short: Sequence[EngineName]
    #: Whether it is part of the storm, where it strikes beside others.
    storm: bool


CATALOGUE: Final[list[Fault]] = []


def fault(
    name: str,
    *databases: Database,
    poison: Mapping[int, str] | None = None,
    settings: Mapping[str, str] | None = None,
    remedy: str = "nothing",
    short: Sequence[EngineName] = (),
    storm: bool = True,
    **scenery: bool,
) -> Callable[[Strike], Strike]:
    """Put a fault into the catalogue; without `databases`, it is one that strikes at SQLite."""

    def enter(strike: Strike) -> Strike:
        CATALOGUE.append(
            Fault(
                name=name,
                strike=strike,
                databases=databases or ("sqlite",),
                scenery=scenery,
                poison=poison or {},
                settings=settings or {},
                remedy=remedy,
                short=short,
                storm=storm,
            )
        )
        return strike

    return enter
