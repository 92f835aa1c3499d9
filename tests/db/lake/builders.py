"""What the tests of lakes share: stores with a lake, and chunks of comments that come again and again."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace as replaced
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import numpy as np

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import Lake, prepare_lake
from moodmill.db.lake.manifest import LakeFile, files_there
from tests.db.builders import classified

#: Opens the store of a URL, and dies by SIGKILL at the nth step: of the folder's, or statements of the store.
DYING = """
import os, signal, sys
from sqlalchemy import event
from moodmill.db.database.store import Store
from moodmill.db.lake import folder
store, left = Store(sys.argv[1]), [int(sys.argv[2])]
def step(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(store.engine, "before_cursor_execute", step)
event.listen(store.engine, "commit", step)
written = folder.os.fsync
folder.os.fsync = lambda number: (step(), written(number), step())
"""
ENGINES = (Engine("openvino", "fp32"), Engine("openvino", "int8"), Engine("torch", "fp32"))


@contextmanager
def lake_store(folder: Path, lake: str | None = None) -> Iterator[tuple[Store, Lake]]:
    """Yield a store in a folder, with a lake beside it or elsewhere."""
    with closing(Store(f"sqlite:///{folder}/lake.db")) as store:
        store.prepare()
        found = prepare_lake(store, lake or str(folder / "lake"))
        assert found is not None
        yield store, found


def files_of(lake: Lake) -> list[LakeFile]:
    with lake.store.reading() as connection:
        return files_there(connection)


def any_chunk(dice: np.random.Generator, ids: int = 12) -> Classified:
    """Return a chunk of comments of a few ids, texts and times, so that most come again or are edited.

    What a model says is always the same of a text and a precision.
    """
    engine = ENGINES[dice.integers(len(ENGINES))]
    comments = [_any_comment(dice, ids, position) for position in range(int(dice.integers(1, 9)))]
    of = classified(
        comments,
        np.array([_said(comment, engine) for comment in comments], dtype=np.float32),
        model=("m", "n")[dice.integers(2)],
        keep_text=bool(dice.integers(2)),
        ids=("reddit", "table")[dice.integers(2)],
        engine=engine,
        replaces=bool(dice.random() < 0.3),
    )
    same = np.array([len(comment.text) for comment in comments], dtype=np.int32)
    return replaced(of, tokens=same, segments=same, truncated=same % 2 == 0)


def _any_comment(dice: np.random.Generator, ids: int, position: int) -> Comment:
    number = int(dice.integers(ids))
    month = (None, 1, 2, 2)[number % 4]
    return Comment(
        id=f"c{number}",
        text="text " + "abc"[dice.integers(3)] * int(dice.integers(1, 3)),
        position=position,
        subreddit=("cats", "dogs", None)[number % 3],
        author=f"a{number % 5}",
        created_at=None if month is None else datetime(2024, month, 1, tzinfo=UTC) + timedelta(days=number),
    )


def _said(comment: Comment, engine: Engine) -> Sequence[float]:
    seed = crc32(f"{comment.text} {engine.precision}".encode())
    return list(np.random.default_rng(seed).random(len(EMOTIONS), dtype=np.float32))
