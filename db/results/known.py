"""Finds the comments of a chunk that are known: those with a row of the same model, id and text. No model is needed.

And adds what they bring to their rows: texts, where those were not kept.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, update

from moodmill.db.core.comment import Comment, Ids, text_hash, under_other_id
from moodmill.db.core.engine import Precision
from moodmill.db.core.unsupported import Reason
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import lake_of
from moodmill.db.ledger.twins import find_twin
from moodmill.db.results.identity import find_rows

_rows: Final = comment_emotion.c
_FILL: Final = (
    update(comment_emotion)
    .where(_rows.comment_id == bindparam("id"), _rows.model == bindparam("of_model"))
    .where(_rows.text.is_(None), _rows.text_hash == bindparam("hash"))
    .values(text=bindparam("said"))
)
_FILL_DATED: Final = _FILL.where(_rows.created_at == bindparam("at"))
_FILL_UNDATED: Final = _FILL.where(_rows.created_at.is_(None))


class KnownComment(NamedTuple):
    """A comment that has a row."""

    #: Under the id of its row.
    comment: Comment
    #: Whether that is not its own, which has another text.
    is_under_other_id: bool
    #: Why the model is not to be trusted on the text, as its row says.
    unsupported: Reason | None
    #: Whether its text is in the row.
    has_text: bool


def find_known(
    store: Store,
    model: str,
    comments: Sequence[Comment],
    ids: Ids,
    precision: Precision = "auto",
    of_chunk: tuple[str, int] | None = None,
) -> dict[int, KnownComment]:
    """Return the comments that have a row of a model, with the same text and in a precision, by their places.

    Where ids are a table's, a comment whose id has another text in the store is looked up under the id that
    `moodmill.db.results.writer.write_rows` would keep it under.

    A lake is asked for no ids: there all comments of a chunk are known where another run has done a chunk of the same
    records, or none of them is. `of_chunk` is the run and the number of the chunk that they are.
    """
    if lake_of(store) is not None:
        return _find_in_lake(store, model, comments, of_chunk)
    known: dict[int, KnownComment] = {}
    asked = dict(enumerate(comments))
    with store.reading() as connection:
        while asked:
            rows, places, others = find_rows(connection, model, [*asked.values()]), [*asked], {}
            for at, row in rows.items():
                place, comment = places[at], asked[places[at]]
                if row.is_of(comment.text):
                    if row.has_precision(precision):
                        is_other = comment.id != comments[place].id
                        known[place] = KnownComment(comment, is_other, row.unsupported, row.has_text)
                elif ids == "table":
                    others[place] = under_other_id(comment)
            asked = others
    return known


def _find_in_lake(
    store: Store, model: str, comments: Sequence[Comment], of_chunk: tuple[str, int] | None
) -> dict[int, KnownComment]:
    if of_chunk is None:
        return {}
    with store.reading() as connection:
        twin = find_twin(connection, *of_chunk, model)
    if twin is None:
        return {}
    # What the model is not to be trusted on is noted of the other chunk, not of single comments.
    return {place: KnownComment(comment, False, None, True) for place, comment in enumerate(comments)}


def fill_texts(connection: Connection, model: str, known: Sequence[KnownComment]) -> None:
    """Write the texts of known comments into those of their rows that have none.

    Not into one that is older than the hashes of texts: whether it is of this text, nobody knows.
    """
    # By id, so that two transactions lock the same rows in the same order.
    filled = sorted((one.comment for one in known if not one.has_text), key=lambda comment: comment.id)
    for statement, comments in (
        (_FILL_DATED, [comment for comment in filled if comment.created_at is not None]),
        (_FILL_UNDATED, [comment for comment in filled if comment.created_at is None]),
    ):
        if comments:
            connection.execute(statement, [_filling(model, comment) for comment in comments])


def _filling(model: str, comment: Comment) -> dict[str, object]:
    said = comment.text
    key = {"id": comment.id, "of_model": model, "hash": text_hash(said), "said": said}
    return key if comment.created_at is None else {**key, "at": comment.created_at}
