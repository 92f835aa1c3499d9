"""Options that several commands share."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


def _overriding(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    """A parameter's callback that overrides a setting: here, and in the worker that this process may start."""

    def override(_context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None:
            os.environ[name] = str(value)

    return override


def setting(name: str, option: str, help_: str) -> Callable[[Command], Command]:
    return click.option(option, callback=_overriding(name), expose_value=False, help=f"{help_}  [overrides {name}]")


def stacked(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


store_options = stacked(
    setting("DATABASE_URL", "--database-url", "The store: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."),
)
broker_options = stacked(
    setting("REDIS_URL", "--redis-url", "The broker: redis://HOST:PORT/DB, or `embedded`."),
)
#: For a command whose argument is a model.
model_setting = _overriding("HF_MODEL_REPO")
revision_options = stacked(
    setting("HF_MODEL_REVISION", "--revision", "Commit, tag or branch of the Hub repository."),
    setting("MOODMILL_LABELS", "--labels", "Order of the outputs of a model that does not name them: `goemotions`, …"),
)
model_options = stacked(
    setting("HF_MODEL_REPO", "--model", "A Hub repository, a local folder, or `bundled`."),
    revision_options,
)
device_option = stacked(
    setting("MOODMILL_DEVICE", "--device", "auto, cpu, cuda, cuda:1, …"),
    setting("MOODMILL_PRECISION", "--precision", "auto, fp32 or bf16."),
)
device_options = stacked(
    device_option,
    setting("MOODMILL_BATCH_TOKENS", "--batch-tokens", "Tokens of a micro-batch, padding included."),
    setting("MOODMILL_THREADS", "--threads", "Chunks in work at once."),
)
jobs_option = setting("MOODMILL_JOBS", "--jobs", "The TOML file that describes the jobs; jobs.toml without it.")
with_worker_option = click.option(
    "--with-worker", is_flag=True, help="Start a worker for this run although a broker is named."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"expected a day or time as 2024-03-31 or 2024-03-31T12:00, got {value!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def small_names(values: tuple[str, ...], file: Path | None = None) -> frozenset[str]:
    """Return names in small letters, without the r/ or u/ that people write before them."""
    given = [name.strip() for one in values for name in one.split(",")]
    given += file.read_text(encoding="utf-8").split() if file else []
    if (values or file) and not any(given):
        raise click.UsageError("expected a name to filter by, got an empty list")
    return frozenset(name.removeprefix("/").removeprefix("r/").removeprefix("u/").lower() for name in given if name)


subreddit_option = click.option(
    "--subreddit", "subreddits", multiple=True, metavar="NAME", help="Only these; may be repeated."
)
time_options = stacked(
    click.option("--since", callback=_moment, metavar="DATE", help="Only comments of this moment (UTC) or later."),
    click.option("--until", callback=_moment, metavar="DATE", help="Only comments before this moment (UTC)."),
)

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SOURCE_OPTIONS = stacked(
    subreddit_option,
    click.option("--subreddits-from", type=_FILE, help="Only the subreddits named in this file."),
    click.option("--author", "authors", multiple=True, metavar="NAME", help="Only these; may be repeated."),
    click.option("--not-author", "not_authors", multiple=True, metavar="NAME", help="Without these: bots, say."),
    time_options,
    click.option("--min-length", type=click.IntRange(0), default=0, metavar="N", help="Characters at least."),
    click.option("--honour-deletions", is_flag=True, help="Skip what was deleted or removed after it was archived."),
    click.option("--format", "kind", metavar="KIND", help="reddit, csv, tsv, parquet or arrow; by file name."),
    click.option("--text-column", metavar="NAME", help="Of CSV, TSV and Parquet; text, body, … without it."),
    click.option("--id-column", metavar="NAME", help="id or comment_id without it."),
    click.option("--subreddit-column", metavar="NAME", help="subreddit without it."),
    click.option("--author-column", metavar="NAME", help="author, user or username without it."),
    click.option("--created-at-column", metavar="NAME", help="created_utc, created_at, … without it."),
    click.option("--title-column", metavar="NAME", help="Of posts: stands before the text; title without it."),
    click.option("--link-column", metavar="NAME", help="Reddit's address of each; permalink or link without it."),
    click.option("--keep-text", is_flag=True, help="Keep each comment's text in the store."),
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
        not_authors: tuple[str, ...],
        since: datetime | None,
        until: datetime | None,
        min_length: int,
        honour_deletions: bool,
        kind: str | None,
        chunk_comments: int | None,
        keep_text: bool,
        **others: Any,
    ) -> Any:
        from msgspec.structs import replace

        from producers.filters import Filters
        from producers.options import run_defaults
        from producers.sources import Columns, ReadOptions

        filters = Filters(
            subreddits=small_names(subreddits, subreddits_from) or None,
            authors=small_names(authors) or None,
            not_authors=small_names(not_authors),
            since=since,
            until=until,
            min_length=min_length,
            honour_deletions=honour_deletions,
        )
        defaults = run_defaults()
        options = replace(
            defaults,
            reading=ReadOptions(
                kind=kind, columns=Columns(**{field: others.pop(f"{field}_column") for field in Columns.__slots__})
            ),
            filters=filters,
            chunk_comments=chunk_comments or defaults.chunk_comments,
            keep_text=keep_text,
        )
        return command(options=options, **others)

    return _SOURCE_OPTIONS(collected)
