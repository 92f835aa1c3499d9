"""The texts that everything is measured on: the first comments of a source, as often as they are needed."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import structs

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import ALL
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.sources import open_source


def read_comments(path: Path, limit: int) -> list[Comment]:
    """Return the first comments of a source that have a text. Raises SourceError when there are none."""
    source = open_source(path)
    source.inspect()
    ranges = cut_records(source.records(0), ALL, 0, min(limit, 512))
    found = list(islice((comment for one in ranges for comment in one.comments), limit))
    if not found:
        raise SourceError(f"{path} holds no comments to measure with")
    return found


def repeated(comments: Sequence[Comment], count: int) -> Iterator[Comment]:
    """Yield `count` comments: these over and over, with new ids, and from the second time on a number in front.

    Or else texts of a chunk would be equal, and be classified once.
    """
    prefix = secrets.token_hex(4)
    for number in range(count):
        times, which = divmod(number, len(comments))
        one = comments[which]
        yield structs.replace(one, id=f"{prefix}{number}", text=f"{times} {one.text}" if times else one.text)


def write_dump(path: Path, comments: Iterable[Comment]) -> None:
    """Write comments as a Reddit dump."""
    with path.open("wb") as file:
        for comment in comments:
            record = {"id": comment.id, "body": comment.text, "subreddit": comment.subreddit or "bench"}
            file.write(msgspec.json.encode({**record, "author": comment.author, "created_utc": 1_709_251_200}) + b"\n")
