"""A member of an archive: its entry in the archive's directory, and its bytes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.place import Place

#: Members that an archive may have: each costs memory as long as the archive is in use.
MOST_MEMBERS = 100_000
#: Bytes that anything may unpack to, and how many times its packed bytes whatever unpacks to more.
_LARGEST = 1 << 30
_RATIO = 1000

What = Literal["file", "folder", "link", "device", "sparse"]


class Piece(NamedTuple):
    """Some bytes of a member, as they are in the archive's keeping."""

    data: bytes
    #: Share of the member's bytes that has come with it, from 0 to 1.
    share: float
    #: Bytes of the archive that were read for the member with it.
    taken: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry(ABC):
    """An archive's entry for one member."""

    #: As the archive has it, which may be anything.
    name: str
    what: What
    #: Bytes, as the archive gives them out.
    size: int

    @abstractmethod
    def pieces(self, place: Place) -> Iterator[Piece]:
        """Yield the member's bytes in pieces of bounded size. Raises SourceError where they cannot be had."""


class Listing(NamedTuple):
    """The members of an archive in its order, and what kept the rest from being listed."""

    entries: list[Entry]
    error: SourceError | None = None


def refuse_bomb(place: Place, unpacked: int, packed: int) -> None:
    """Raise SourceError where bytes unpack to what no dump and no table unpacks to."""
    if unpacked > max(_LARGEST, _RATIO * packed):
        raise SourceError(
            f"{place} is refused: {packed} bytes unpack to {unpacked} or more, over {_RATIO} times as many, "
            "as those made to fill disks do; if it is sound, unpack it"
        )


def too_many(archive: Place) -> SourceError:
    """Return the error of an archive with more than MOST_MEMBERS members."""
    return SourceError(
        f"{archive} has more than {MOST_MEMBERS} members, which is the most that is read: unpack it, label the folder"
    )
