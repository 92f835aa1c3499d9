"""`moodmill report`: one page that shows what was found."""

from datetime import UTC, date, datetime
from pathlib import Path

import click
from rich.text import Text

from moodmill.cli.options import day_options, json_option, store_options, subreddit_option
from moodmill.cli.output import output_file, translated_errors
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.session import opened_store
from moodmill.cli.signals import stoppable
from moodmill.db.core.errors import SettingError, StoreError


@click.command(short_help="Write one HTML page with the results.")
@click.argument("out", required=False, metavar="[OUT.html]", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--model", metavar="NAME", help="Of this model's rows; by default of the model that views show.")
@subreddit_option
@day_options
@click.option(
    "--top-subreddits",
    "subreddits_shown",
    type=click.IntRange(1, 200),
    default=20,
    show_default=True,
    metavar="N",
    help="Show the N with most comments one by one.",
)
@click.option(
    "--examples",
    type=click.IntRange(0, 20),
    default=3,
    show_default=True,
    metavar="N",
    help="Comments shown for each emotion; 0 for a page without any.",
)
@store_options
@json_option
def report(
    out: Path | None,
    model: str | None,
    subreddits: tuple[str, ...],
    since: date | None,
    until: date | None,
    subreddits_shown: int,
    examples: int,
    as_json: bool,
) -> None:
    """Make a page of the emotions in the store: how often, over time, by subreddit, together, and clear examples.

    The page is one file that loads nothing from elsewhere. Counts are by whole days in UTC: --since and --until take
    days. An older page of the same name is replaced. --json prints the numbers, with or without a page.
    """
    from moodmill.db.analytics.results import comments_of
    from moodmill.db.analytics.rollups import refresh, stale
    from moodmill.db.analytics.scope import Scope
    from moodmill.db.analytics.summary import summarize
    from moodmill.db.core.filters import check_period, names_asked
    from moodmill.db.core.names import subreddit_key
    from moodmill.db.results.models import choose_model

    if out is None and not as_json:
        raise click.UsageError("expected a file to write, OUT.html, or --json for the numbers alone")
    if out is not None:
        _check(out)
    names = names_asked(subreddit_key, subreddits)
    check_period(since, until)
    with opened_store() as store, stoppable(), REMARKS.status("adding up") as shown:
        if store.is_read_only and stale(store):
            raise StoreError(
                f"the roll-ups of {store.shown} are behind its rows, and it may only be read: run `moodmill db rollup` "
                "where it can be written"
            )
        refresh(store, lambda period: shown.update(f"added up {period}"))
        summary = summarize(
            store,
            Scope(model=choose_model(store, model), subreddits=names, since=since, until=until),
            subreddits=subreddits_shown,
            examples=examples if out else 0,
        )
        if out is not None:
            from moodmill.report.page import render

            page = render(summary, datetime.now(UTC)).encode()
            with output_file(out) as file:
                file.write(page)
    if as_json:
        print_json(summary.as_json())
    else:
        OUTPUT.print(Text(f"{out}: {comments_of(summary.facts.comments)}"), soft_wrap=True)


def _check(out: Path) -> None:
    """Refuse what cannot be written before minutes are spent on its content."""
    from moodmill.report.page import is_page

    if out.suffix.lower() not in (".html", ".htm"):
        raise SettingError(f"expected a name that ends in .html, got {out}")
    with translated_errors(out):
        if not out.parent.is_dir():
            raise SettingError(f"cannot write {out}: the folder {out.parent} does not exist")
        if out.exists() and not (out.is_file() and is_page(out)):
            raise SettingError(f"{out} is there already, and no report: name another one, or delete it")
