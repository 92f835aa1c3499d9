"""`moodmill demo`: the whole way on a bundled sample."""

import sys
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

import click
from rich.table import Table
from rich.text import Text

from moodmill.cli.options import json_option
from moodmill.cli.printing import OUTPUT, REMARKS, print_json, print_status, status_json
from moodmill.cli.signals import interruptible
from moodmill.db.core.text import shortened
from moodmill.db.core.urls import store_url
from moodmill.progress import shown_progress

if TYPE_CHECKING:
    from moodmill.db.database.store import Store

#: Where the rows go, unless something else is asked for.
DEMO_STORE: Final = "moodmill-demo.db"


@click.command(short_help="Label a bundled sample.")
@click.option("--store", "named", default=DEMO_STORE, metavar="FILE|URL", help="Where the rows go.")
@json_option
def demo(named: str, as_json: bool) -> None:
    """Label a bundled sample of comments with the bundled model, and show the emotions found.

    Uses an embedded broker and a store of its own, whatever the settings name.
    """
    from moodmill.db.analytics.reads import emotion_shares
    from moodmill.db.database.store import Store
    from moodmill.producers.runs import labelling
    from moodmill.producers.runs.cluster import Runtime
    from moodmill.producers.runs.options import RunOptions
    from moodmill.producers.sample import SAMPLE
    from moodmill.worker.core.settings import BUNDLED_MODEL

    runs: list[str] = []
    runtime = Runtime.from_settings()
    runtime = replace(runtime, worker=runtime.worker.model_copy(update={"redis_url": None}))
    with closing(Store(store_url(named))) as store:
        store.prepare()
        with interruptible(runs), shown_progress(REMARKS, own_worker=True) as show:
            options = RunOptions(keep_text=True, model_repo=BUNDLED_MODEL)
            status = labelling.label(store, [SAMPLE], options, runtime, runs.append, show)
        if as_json:
            shares = [asdict(share) for share in emotion_shares(store, status.id)]
            print_json({**status_json(status), "store": store.shown, "emotions": shares})
        else:
            _print_emotions(store, status.id)
            OUTPUT.print()
            print_status(status, store)
            _print_next_steps(named)
    if not status.succeeded:
        sys.exit(1)


def _print_next_steps(named: str) -> None:
    for line in (
        "",
        "What next:",
        "  moodmill label YOUR_DUMP.zst      label a dump of your own, into moodmill.db",
        "  moodmill classify 'What a day!'   see all 27 probabilities of a text",
        "  moodmill explore                  see in a browser what people feel, and how the model comes to it",
        f"  sqlite3 {named} 'select * from comment_top_emotion limit 10'",  # noqa: S608 - shown, not run
    ):
        OUTPUT.print(line, soft_wrap=True)


def _print_emotions(store: "Store", run_id: str) -> None:
    from moodmill.db.analytics.reads import clearest_text, emotion_shares

    table = Table("emotion", "group", box=None, expand=True)
    table.add_column("found", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("the clearest example", no_wrap=True, overflow="ellipsis", ratio=1)
    for share in emotion_shares(store, run_id):
        example = clearest_text(store, run_id, share.emotion) if share.found else None
        text = f"{example[1]:.2f}  {shortened(example[0], 160)}" if example else ""
        table.add_row(share.emotion, share.group, f"{share.found:,}", f"{share.mean:.3f}", Text(text))
    OUTPUT.print(table)
