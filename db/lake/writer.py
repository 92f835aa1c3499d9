"""Writes chunks into the lake: a file first, then "chunk done" and the file's entry in the manifest in one transaction.

A kill before the transaction leaves a file that nobody names, and a chunk that is not done: it comes again, and has a
file of another name. Chunks that come while others are being written share the next file and its transaction: the more
there is to do, the larger files are.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from moodmill.db.core.classified import Classified
from moodmill.db.core.errors import StoreAwayError
from moodmill.db.lake.columnar import GROUP
from moodmill.db.lake.lake import Lake
from moodmill.db.lake.lateness import Lateness
from moodmill.db.lake.manifest import LakeFile, add_files
from moodmill.db.lake.rows import as_parquet, as_table, span
from moodmill.db.ledger import ledger

#: Under which a lake keeps the one writer of this process.
_KEPT: Final = "writer"


@dataclass(eq=False, kw_only=True)
class ChunkRows:
    """What a chunk is to have in the lake, and what is to be done in the transaction that makes it done."""

    run_id: str
    number: int
    classified: Classified
    finish: Callable[[Connection], None]
    #: None until it is settled: whether it was stored, or was done already; or why neither.
    is_stored: bool | None = None
    error: BaseException | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.run_id, self.number

    @property
    def is_settled(self) -> bool:
        return self.is_stored is not None or self.error is not None


class LakeWriter:
    """The one of a process that writes rows into a lake, for all of its threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake: Final = lake
        self._lock: Final = threading.Lock()
        self._turn: Final = threading.Lock()
        self._waiting: list[ChunkRows] = []

    def write(self, chunk: ChunkRows) -> bool:
        """Store a chunk's rows and finish it; return False, and change nothing, where it was done already.

        Raises what `finish` does, and StoreError.
        """
        with self._lock:
            self._waiting.append(chunk)
        with self._turn:
            while not chunk.is_settled:  # by whoever had the turn before
                self._settle(self._next())
        if chunk.error is not None:
            raise copy.copy(chunk.error) from chunk.error
        return bool(chunk.is_stored)

    def _next(self) -> list[ChunkRows]:
        """Take the chunks that wait, as many as a row group holds; of those that are twice among them, one."""
        taken: dict[tuple[str, int], ChunkRows] = {}
        with self._lock:
            left = []
            rows = 0
            for chunk in self._waiting:
                if chunk.key in taken or (taken and rows + len(chunk.classified.comments) > GROUP):
                    left.append(chunk)
                else:
                    taken[chunk.key] = chunk
                    rows += len(chunk.classified.comments)
            self._waiting = left
        # In the same order everywhere: no two transactions wait for each other's chunks.
        return [taken[key] for key in sorted(taken)]

    def _settle(self, chunks: Sequence[ChunkRows]) -> None:
        try:
            self._commit(chunks)
        except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
            # One of them may be at fault, or the store is away for all: then each says so for itself.
            is_of_one = isinstance(error, Exception) and not isinstance(error, StoreAwayError)
            for chunk in (chunk for chunk in chunks if not chunk.is_settled):
                if is_of_one and len(chunks) > 1:
                    self._settle([chunk])
                else:
                    chunk.error = error

    def _commit(self, chunks: Sequence[ChunkRows]) -> None:
        """Store chunks together; those that are done already show only in the transaction, and are left out then."""
        left = list(chunks)
        while left:
            late = Lateness()
            files = [self._written(parts) for parts in _by_model(left)]
            with self._lake.store.writing() as connection:
                done = [chunk for chunk in left if ledger.is_done(connection, *chunk.key)]
                if not done:
                    late.refuse()
                    self._lake.refuse_moved(connection)
                    add_files(connection, files)
                    for chunk in left:
                        chunk.finish(connection)
            for chunk in done or left:
                chunk.is_stored = not done
            left = [chunk for chunk in left if not chunk.is_settled]

    def _written(self, parts: Sequence[Classified]) -> LakeFile:
        rows = as_table(parts)
        data = as_parquet(rows)
        first, last, undated = span(rows.column("created_at").chunks)
        file = LakeFile(
            name=self._lake.new_name(),
            model=parts[0].model,
            merged=False,
            rows=len(rows),
            bytes=len(data),
            first=first,
            last=last,
            undated=undated,
        )
        self._lake.folder.write(file.name, data)
        return file


def _by_model(chunks: Sequence[ChunkRows]) -> list[list[Classified]]:
    """Return what is to be stored, by model: a process has one of them, but for one that runs several at once."""
    found: dict[str, list[Classified]] = {}
    for chunk in chunks:
        if chunk.classified.comments:
            found.setdefault(chunk.classified.model, []).append(chunk.classified)
    return list(found.values())


def writer_of(lake: Lake) -> LakeWriter:
    """Return the writer of this process. Raises StoreError where the folder is not the lake."""
    if _KEPT not in lake.kept:
        lake.require()
    kept: LakeWriter = lake.kept.setdefault(_KEPT, LakeWriter(lake))
    return kept
