"""What the tests of the store share: comments, classified comments, runs with chunks. No test stands here."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from sqlalchemy import Table, delete, func, insert, select, text

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment, Ids
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.unsupported import Reason
from moodmill.db.database.schema import comment_emotion, dirty_period
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import lake_of
from moodmill.db.lake.manifest import files_there, remove_files
from moodmill.db.ledger.entries import Chunk, DeadLetter, Note, Owner, RecordRange, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.known import KnownComment
from moodmill.db.results.partitions import make_months
from moodmill.db.results.row_reader import row_reader
from moodmill.db.results.writer import store_chunk, write_rows

ENGINE = Engine("openvino", "fp32")
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)

Result = TypeVar("Result")


def comments(ids: Sequence[int]) -> list[Comment]:
    """Return comments c0, c1, … with these numbers, in this order."""
    return [
        Comment(
            id=f"c{n}",
            text=f"text {n}",
            position=n,
            subreddit="test",
            author=f"a{n}",
            created_at=NOON + timedelta(seconds=n),
        )
        for n in ids
    ]


def scattered(count: int, seed: int, days: int = 70) -> list[Comment]:
    """Return comments of some subreddits over some days, at any moment of them; of some neither is known."""
    dice = np.random.default_rng(seed)
    found = []
    for one in comments(range(seed * 10_000, seed * 10_000 + count)):
        moment = datetime(2023, 12, 20, tzinfo=UTC) + timedelta(microseconds=int(dice.integers(days * 86_400_000_000)))
        subreddit = ("cats", "dogs", "", None)[dice.integers(4)]
        found.append(replace(one, created_at=None if dice.random() < 0.1 else moment, subreddit=subreddit))
    return found


def matrix(rows: int, seed: int = 0) -> NDArray[np.float32]:
    """Return probabilities whose every bit is drawn by chance."""
    return np.random.default_rng(seed).random((rows, len(EMOTIONS)), dtype=np.float32)


def classified(
    of: Sequence[Comment],
    probabilities: NDArray[np.float32] | None = None,
    model: str = "m",
    source: str = "dump",
    keep_text: bool = False,
    ids: Ids = "reddit",
    unsupported: Sequence[Reason | None] | None = None,
    engine: Engine = ENGINE,
    replaces: bool = False,
) -> Classified:
    """Return what a model says of these comments; comment i has 3 + i tokens in 1 + i segments; every second is cut."""
    rows = len(of)
    return Classified(
        comments=of,
        probabilities=matrix(rows) if probabilities is None else probabilities,
        tokens=np.arange(3, 3 + rows, dtype=np.int32),
        truncated=np.arange(rows) % 2 == 1,
        segments=np.arange(1, 1 + rows, dtype=np.int32),
        unsupported=unsupported or [None] * rows,
        model=model,
        engine=engine,
        source=source,
        keep_text=keep_text,
        ids=ids,
        replaces=replaces,
    )


def letter(position: int, error: str = "broken", stage: str = "read") -> DeadLetter:
    return DeadLetter(
        position=position, stage="read" if stage == "read" else "classify", error=error, payload=f"payload {position}"
    )


def source_file(number: int = 0, name: str = "dump", ended: bool = False) -> SourceFile:
    return SourceFile(
        number=number, path=f"/dumps/{name}", name=name, size=5_000_000_000, fingerprint=f"f-{name}", ended=ended
    )


def _numbered(n: int) -> list[Comment]:
    return comments(range(n))


class Made:
    """A run in the making over one or more sources: chunks are numbered and placed one after another."""

    def __init__(
        self, store: Store, sources: Sequence[str] = ("dump",), owner: Owner | None = None, **options: Any
    ) -> None:
        self.store = store
        self.ledger = Ledger(store)
        self.id = self.ledger.create_run(options, [source_file(n, name) for n, name in enumerate(sources)], owner)

    def add(
        self,
        comments: int,
        skipped: Mapping[str, int] | None = None,
        dead: Sequence[DeadLetter] = (),
        source_number: int = 0,
        notes: Mapping[str, Note] | None = None,
    ) -> Chunk:
        """Add a chunk of so many comments, with these skips and dead letters besides."""
        first = self.ledger.next_chunk(self.id, source_number)[1]
        records = comments + sum((skipped or {}).values()) + len(dead)
        found = RecordRange(
            first=first,
            stop=first + records,
            records=records,
            comments=_numbered(comments),
            skipped=Counter(skipped or {}),
            dead=list(dead),
            notes=dict(notes or {}),
        )
        number = self.ledger.next_number(self.id)
        self.ledger.add_chunk(self.id, number, source_number, found)
        return found.as_chunk(number, source_number)

    def replay(self, replayed: Sequence[int], passed: Sequence[int] = ()) -> Chunk:
        """Add a chunk that classifies the dead letters `replayed`, and skips those `passed`."""
        number = self.ledger.next_number(self.id)
        added = Chunk(number=number, source_number=0, first=0, stop=0, records=0, comments=len(replayed), replay=True)
        self.ledger.add_replay(self.id, added, {"deleted": len(passed)} if passed else {}, replayed, passed)
        return added

    def store_chunk(
        self, number: int, of: Classified, dead: Sequence[DeadLetter] = (), known: Sequence[KnownComment] = ()
    ) -> bool:
        return store_chunk(self.store, self.id, number, 0, of, dead, known) is not None


def add_rows(store: Store, of: Classified) -> int:
    """Add rows that are of no chunk; return how many were new; to a lake, how many there are."""
    if lake_of(store) is not None:
        made = Made(store)
        with store.reading() as connection, row_reader(connection) as reader:
            before = reader.scalar(select(func.count()).select_from(comment_emotion))
        made.store_chunk(made.add(len(of.comments)).number, of)
        with store.writing() as connection:
            connection.execute(delete(dirty_period))
        with store.reading() as connection, row_reader(connection) as reader:
            return int(reader.scalar(select(func.count()).select_from(comment_emotion)) - before)
    with store.writing() as connection:
        if not store.is_sqlite:
            make_months(connection, [comment.created_at for comment in of.comments])
        return write_rows(connection, of).new_rows


def add_older_rows(store: Store, of: Classified) -> None:
    """Add rows as they were before texts had hashes, also into a schema of that time."""
    kinds = ("comment_id", "model", "source", "subreddit", "author", "created_at", *EMOTIONS, "tokens", "truncated")
    rows = [
        (comment.id, of.model, of.source, comment.subreddit, comment.author, comment.created_at, *values, tokens, cut)
        for comment, values, tokens, cut in zip(
            of.comments, of.probabilities.tolist(), of.tokens.tolist(), of.truncated.tolist(), strict=True
        )
    ]
    with store.writing() as connection:
        if not store.is_sqlite and connection.scalar(text("select to_regclass('comment_emotion_undated')")):
            make_months(connection, [comment.created_at for comment in of.comments])
        connection.execute(insert(comment_emotion), [dict(zip(kinds, row, strict=True)) for row in rows])


def stored(store: Store, of: Classified, owner: Owner | None = None) -> Made:
    """Return a sealed run of one chunk whose comments are in the store."""
    made = Made(store, [of.source], owner)
    made.store_chunk(made.add(len(of.comments)).number, of)
    made.ledger.close_input(made.id)
    return made


def rows(store: Store, table: Table = comment_emotion) -> list[dict[str, Any]]:
    """Return a table's rows, in the order of its first columns, which tell them apart."""
    with store.reading() as connection:
        query = select(table).order_by(*list(table.c)[:3])
        if table is comment_emotion and lake_of(store) is not None:
            with row_reader(connection) as reader:
                return [row._asdict() for row in reader.execute(query)]
        return [dict(row._mapping) for row in connection.execute(query)]


def delete_rows(store: Store) -> None:
    """Delete all result rows, and tell nobody."""
    with store.writing() as connection:
        connection.execute(delete(comment_emotion))
        remove_files(connection, files_there(connection))


def probabilities(found: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return the probabilities in result rows, as the database gave them."""
    return np.array([[row[name] for name in EMOTIONS] for row in found], dtype=np.float64)


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    """Call all of them in threads that start together; return what each returned."""
    barrier = Barrier(len(calls))

    def start(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(start, calls))


def one_line(error: BaseException) -> str:
    """Return what an error says, which must be one line that does not give the password away."""
    said = str(error)
    assert said
    assert "\n" not in said
    assert "secret" not in said
    return said
