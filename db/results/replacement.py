"""Replaces what rows say that another precision made, where a run asks for one: the text is the same, the model too."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, or_, update

from moodmill.db.core.classified import Classified
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion

#: What the model and its engine say; all else of a row stays.
_SAID: Final = (*EMOTIONS, "tokens", "truncated", "segments", "unsupported", "engine")
_rows: Final = comment_emotion.c
_REPLACE: Final = (
    update(comment_emotion)
    .where(_rows.comment_id == bindparam("of_id"), _rows.model == bindparam("of_model"))
    .where(_rows.text_hash == bindparam("of_hash"))
    .where(or_(_rows.engine.is_(None), _rows.engine.not_like(bindparam("of_precision"))))
    .values({name: bindparam(f"new_{name}") for name in _SAID})
    .values(text=func.coalesce(_rows.text, bindparam("new_text", type_=_rows.text.type)))
)
_REPLACE_DATED: Final = _REPLACE.where(_rows.created_at == bindparam("of_time"))
_REPLACE_UNDATED: Final = _REPLACE.where(_rows.created_at.is_(None))


def replace_rows(connection: Connection, classified: Classified) -> int:
    """Replace the rows of comments, by id, model, time and text, that another precision made; return how many.

    One that is older than engines or hashes counts as made by another precision, and as one of another text.
    """
    engine = classified.engine
    dated, undated = [], []
    for comment, text_hash, values, *facts in zip(
        classified.comments,
        classified.text_hashes,
        classified.probabilities.tolist(),
        classified.tokens.tolist(),
        classified.truncated.tolist(),
        classified.segments.tolist(),
        classified.unsupported,
        strict=True,
    ):
        said = zip(_SAID, [*values, *facts, str(engine)], strict=True)
        row = {
            "of_id": comment.id,
            "of_model": classified.model,
            "of_hash": text_hash,
            "of_precision": f"% {engine.precision}",
            "new_text": comment.text if classified.keep_text else None,
            **{f"new_{name}": value for name, value in said},
        }
        if comment.created_at is None:
            undated.append(row)
        else:
            dated.append({**row, "of_time": comment.created_at})
    return sum(
        connection.execute(statement, rows).rowcount
        for statement, rows in ((_REPLACE_DATED, dated), (_REPLACE_UNDATED, undated))
        if rows
    )
