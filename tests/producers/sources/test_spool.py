"""A stream that cannot be read twice is kept first."""

import io
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import open_source
from moodmill.producers.sources.spool import forget_spooled, spool
from tests.producers.sources.test_support import comment_line, dump, texts


class BrokenPipe(io.BytesIO):
    """A stream that gives something and then fails."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise self._error
        self.seek(4)
        return b"some"


def test_a_spooled_stream_is_a_source_that_can_be_read_again(tmp_path: Path) -> None:
    path = spool(io.BytesIO(dump([comment_line(1)])), tmp_path / "spool")
    source = open_source(path)
    source.inspect()
    assert texts(source) == texts(source) == ["comment 1"]
    assert source.name == "stdin"  # whatever the stream, so that the same again makes the same rows


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = spool(io.BytesIO(b"x"), tmp_path / "spool")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_two_streams_have_two_files(tmp_path: Path) -> None:
    paths = {spool(io.BytesIO(data), tmp_path, name="pipe") for data in (b"a", b"b")}
    assert {path.read_bytes() for path in paths} == {b"a", b"b"}
    assert {path.name for path in paths} == {"pipe"}


def test_a_forgotten_stream_leaves_nothing(tmp_path: Path) -> None:
    path = spool(io.BytesIO(b"a"), tmp_path)
    forget_spooled(path)
    forget_spooled(path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_stream_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="standard input is empty"):
        spool(io.BytesIO(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("error", "told"), [(OSError("gone"), SourceError), (KeyboardInterrupt(), KeyboardInterrupt)])
def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path, error: BaseException, told: type[BaseException]) -> None:
    with pytest.raises(told):
        spool(BrokenPipe(error), tmp_path)
    assert list(tmp_path.iterdir()) == []
