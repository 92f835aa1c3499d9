"""Chunks that were done before in another run: of the same records of the same file, by the same model and options.

A store with a table looks for rows by the ids of comments; a lake, which has no index of ids, for such a chunk.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, exists, insert, literal, select, update

from moodmill.db.database.schema import chunk, dead_letter, note, run, source

_other_chunk: Final = chunk.alias("other_chunk")
_other_run: Final = run.alias("other_run")
_other_source: Final = source.alias("other_source")
#: Comments that the other run could not classify have no rows.
_DEAD: Final = exists().where(
    dead_letter.c.run_id == _other_chunk.c.run_id,
    dead_letter.c.source_number == _other_chunk.c.source_number,
    dead_letter.c.position >= _other_chunk.c.first,
    dead_letter.c.position < _other_chunk.c.stop,
    dead_letter.c.stage == "classify",
)
_later_run: Final = run.alias("later_run")
_later_source: Final = source.alias("later_source")
#: A run of another engine that has done the file since may have replaced its rows.
_REPLACED: Final = exists().where(
    _later_source.c.fingerprint == _other_source.c.fingerprint,
    _later_run.c.id == _later_source.c.run_id,
    _later_run.c.id != run.c.id,
    _later_run.c.created_at > _other_run.c.created_at,
    _later_run.c.engine != _other_run.c.engine,
)
_TWIN: Final = (
    select(_other_chunk.c.run_id, _other_chunk.c.number)
    .select_from(chunk)
    .join(run, run.c.id == chunk.c.run_id)
    .join(source, (source.c.run_id == chunk.c.run_id) & (source.c.number == chunk.c.source_number))
    .join(
        _other_source,
        (_other_source.c.number == source.c.number)
        & (_other_source.c.fingerprint == source.c.fingerprint)
        & (_other_source.c.size == source.c.size)
        & (_other_source.c.name == source.c.name)
        & (_other_source.c.run_id != source.c.run_id),
    )
    .join(_other_run, (_other_run.c.id == _other_source.c.run_id) & (_other_run.c.options == run.c.options))
    .join(
        _other_chunk,
        (_other_chunk.c.run_id == _other_run.c.id)
        & (_other_chunk.c.number == chunk.c.number)
        & (_other_chunk.c.source_number == chunk.c.source_number)
        & (_other_chunk.c.first == chunk.c.first)
        & (_other_chunk.c.stop == chunk.c.stop)
        & (_other_chunk.c.comments == chunk.c.comments),
    )
    .where(chunk.c.run_id == bindparam("run"), chunk.c.number == bindparam("chunk"), ~chunk.c.replay)
    .where(_other_run.c.model == bindparam("by_model"), _other_chunk.c.state == "done", ~_other_chunk.c.replay)
    .where(_other_chunk.c.classified == chunk.c.comments, ~_DEAD, ~_REPLACED)
    .limit(1)
)


class Twin(NamedTuple):
    """The chunk that was done before."""

    run_id: str
    number: int


def find_twin(connection: Connection, run_id: str, number: int, model: str) -> Twin | None:
    """Return the chunk of another run whose rows a chunk would have again; None where there is none."""
    named: dict[str, Any] = {"run": run_id, "chunk": number, "by_model": model}
    found = connection.execute(_TWIN, named).one_or_none()
    return None if found is None else Twin(*found)


def copy_notes(connection: Connection, twin: Twin, run_id: str, number: int, kinds: list[str]) -> None:
    """Note of a chunk what was noted of its twin when that was classified."""
    of_twin = (note.c.run_id == twin.run_id) & (note.c.chunk_number == twin.number) & note.c.kind.in_(kinds)
    copied = select(literal(run_id), literal(number), note.c.kind, note.c.n, note.c.example).where(of_twin)
    connection.execute(insert(note).from_select(["run_id", "chunk_number", "kind", "n", "example"], copied))


def forget_twins(connection: Connection) -> None:
    """Have no chunk that is done by now be a twin of one to come: some of their rows go."""
    connection.execute(update(run).values(model=""))
