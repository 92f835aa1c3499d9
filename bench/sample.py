"""The texts that everything is measured on: the first comments of a source, as often as they are needed."""

import secrets
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from db.comment import Comment
from db.errors import SourceError
from producers.chunks import cut_records
from producers.filters import ALL
from producers.sources import open_source


def read_comments(path: Path, limit: int) -> list[Comment]:
    """Return the first comments of a source that have a text. Raises SourceError when there are none."""
    source = open_source(path)
    source.check()
    ranges = cut_records(source.records(0), ALL, 0, min(limit, 512))
    found = list(islice((comment for one in ranges for comment in one.comments), limit))
    if not found:
        raise SourceError(f"{path} holds no comments to measure with")
    return found


def write_dump(path: Path, comments: list[Comment], count: int) -> None:
    """Write `count` comments as a Reddit dump: these, over and over, each time with new ids."""
    prefix = secrets.token_hex(4)
    with path.open("wb") as file:
        for number, comment in enumerate(_repeated(comments, count)):
            record = {"id": f"{prefix}{number}", "body": comment.text, "subreddit": comment.subreddit or "bench"}
            file.write(msgspec.json.encode({**record, "author": comment.author, "created_utc": 1_709_251_200}) + b"\n")


def _repeated(comments: list[Comment], count: int) -> Iterator[Comment]:
    while count > 0:
        yield from comments[:count]
        count -= len(comments)
