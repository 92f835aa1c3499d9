"""The options that say which comments of a source are wanted, as the command line takes them."""

from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from moodmill.cli.run_options import run_options
from moodmill.db.core.errors import SettingError
from moodmill.db.core.filters import Filters
from moodmill.producers.runs.options import RunOptions


def filters(*arguments: str | Path) -> Filters:
    """Return what a command that takes the options gets."""
    got: list[RunOptions] = []
    command = click.command()(run_options(lambda *, options: got.append(options)))
    command.main([*map(str, arguments)], standalone_mode=False)
    return got[0].filters


def test_names_are_taken_as_people_spell_them() -> None:
    taken = filters("--subreddit", "r/AskReddit, /r/News/", "--subreddit", "https://old.reddit.com/r/cats")
    assert taken == Filters(subreddits=frozenset({"askreddit", "news", "cats"}))
    taken = filters("--author", "u/Ann,@Bob", "--not-author", "AutoModerator")
    assert taken == Filters(authors=frozenset({"ann", "bob"}), not_authors=frozenset({"automoderator"}))


def test_names_stand_in_files(tmp_path: Path) -> None:
    for name in ("subreddit", "author", "bot"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + f"{name}0,120\r\n{name.upper()}1,7\r\n".encode())
    files = ["--subreddits-from", "subreddit", "--authors-from", "author", "--not-authors-from", "bot"]
    taken = filters("--subreddit", "cats", *(one if one.startswith("-") else tmp_path / one for one in files))
    assert taken == Filters(
        subreddits=frozenset({"cats", "subreddit0", "subreddit1"}),
        authors=frozenset({"author0", "author1"}),
        not_authors=frozenset({"bot0", "bot1"}),
    )


def test_a_time_is_in_utc() -> None:
    taken = filters("--since", "2024-03-01", "--until", "2024-03-01T12:00+02:00")
    assert taken == Filters(since=datetime(2024, 3, 1, tzinfo=UTC), until=datetime(2024, 3, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--subreddit", ""], "expected a name"),
        (["--not-author", "u/"], "expected a name"),
        (["--since", "2024-03-01", "--until", "2024-03-01"], "since before until"),
        (["--since", "monday"], "expected a month, day or time"),
    ],
)
def test_what_can_pass_nothing_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises((SettingError, click.UsageError)) as caught:
        filters(*arguments)
    assert said in str(caught.value)
    assert getattr(caught.value, "status", 2) == 2
