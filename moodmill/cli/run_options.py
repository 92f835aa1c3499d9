"""Options of a run: which of a source's comments are labelled, and how."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moodmill.cli.options import Command, stacked, subreddit_option, time_options
from moodmill.cli.reading import reading_options
from moodmill.producers.runs.deadshare import MAX_DEAD

if TYPE_CHECKING:
    from moodmill.producers.sources import ReadOptions


def max_dead_option(default: float | None) -> Callable[[Command], Command]:
    """Return the option that says when a source is given up."""
    return click.option(
        "--max-dead",
        type=click.FloatRange(0, 1),
        default=default,
        show_default=default is not None,
        metavar="SHARE",
        help="Stop reading a source once a larger share of its records is unreadable, from the 1,000th on.",
    )


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SOURCE_OPTIONS = stacked(
    subreddit_option,
    click.option("--subreddits-from", type=_FILE, help="Only the subreddits named in this file, one a line."),
    click.option("--author", "authors", multiple=True, metavar="NAME", help="Only these; may be repeated."),
    click.option("--authors-from", type=_FILE, help="Only the authors named in this file."),
    click.option("--not-author", "not_authors", multiple=True, metavar="NAME", help="Leave these out: bots, say."),
    click.option("--not-authors-from", type=_FILE, help="Leave out the authors named in this file."),
    time_options,
    click.option("--min-length", type=click.IntRange(0), default=0, metavar="N", help="Characters at least."),
    click.option("--honour-deletions", is_flag=True, help="Skip what was deleted or removed after it was archived."),
    max_dead_option(MAX_DEAD),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="Label no more than N comments.  [default: all]"),
    click.option(
        "--keep-text",
        is_flag=True,
        help="Keep each comment's text in the store; fills in those of comments labelled without it.",
    ),
    click.option("--chunk-comments", type=click.IntRange(1, 10_000), help="Comments of a chunk."),
)


def run_options(command: Command) -> Command:
    """Add the options that say how sources are read; the command gets them as one RunOptions, `options`."""

    @wraps(command)
    def collected(
        *,
        subreddits: tuple[str, ...],
        subreddits_from: Path | None,
        authors: tuple[str, ...],
        authors_from: Path | None,
        not_authors: tuple[str, ...],
        not_authors_from: Path | None,
        since: datetime | None,
        until: datetime | None,
        min_length: int,
        honour_deletions: bool,
        reading: "ReadOptions",
        chunk_comments: int | None,
        keep_text: bool,
        limit: int | None,
        max_dead: float,
        **others: Any,
    ) -> Any:
        from msgspec.structs import replace

        from moodmill.db.core.filters import Filters, check_period, names_asked
        from moodmill.db.core.names import author_key, subreddit_key
        from moodmill.db.core.settings import read_settings
        from moodmill.producers.runs.options import run_defaults
        from moodmill.producers.runs.settings import ProducerSettings
        from moodmill.worker.core.settings import WorkerSettings

        check_period(since, until)
        filters = Filters(
            subreddits=names_asked(subreddit_key, subreddits, subreddits_from) or None,
            authors=names_asked(author_key, authors, authors_from) or None,
            not_authors=names_asked(author_key, not_authors, not_authors_from),
            since=since,
            until=until,
            min_length=min_length,
            honour_deletions=honour_deletions,
        )
        defaults = run_defaults(read_settings(WorkerSettings), read_settings(ProducerSettings))
        options = replace(
            defaults,
            reading=reading,
            filters=filters,
            chunk_comments=chunk_comments or defaults.chunk_comments,
            keep_text=keep_text,
            limit=limit,
            max_dead=max_dead,
        )
        return command(options=options, **others)

    return _SOURCE_OPTIONS(reading_options(collected))
