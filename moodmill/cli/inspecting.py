"""`moodmill label --inspect` and `--dry-run`: how sources are understood, before anything is labelled."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.signals import stoppable
from moodmill.db.core.errors import SourceError
from moodmill.db.core.text import shortened

if TYPE_CHECKING:
    from moodmill.producers.runs.opening import Opened
    from moodmill.producers.runs.options import RunOptions
    from moodmill.producers.runs.outcome import Outcome

#: Records shown of each source.
RECORDS: Final = 5


def inspect_sources(sources: Sequence[Path], options: "RunOptions", as_json: bool) -> None:
    """Show how each source is read and its first records as they are understood. Nothing is labelled or written.

    Exits with 1 where a source cannot be read.
    """
    from moodmill.producers.runs.labelling import STDIN
    from moodmill.producers.runs.opening import look_into, refuse_idle_options
    from moodmill.producers.sources import Discovery

    if STDIN in sources:
        raise SourceError("standard input is read once: write it into a file to inspect it")
    found = Discovery()
    opened = list(look_into(sources, options.reading, found))
    refuse_idle_options(options, opened)
    looks = [_look(one, options) for one in opened]
    if as_json:
        print_json({"sources": looks, "passed_over": found.passed_over})
    else:
        for look in looks:
            _print(look)
        for reason, names in found.passed_over.items():
            OUTPUT.print(Text(f"passed over: {len(names)} {reason}: {', '.join(names)}"), soft_wrap=True)
    if not looks:
        raise SourceError("no dump and no table found")
    if any(look["error"] for look in looks):
        sys.exit(1)


def count_sources(sources: Sequence[Path], options: "RunOptions", as_json: bool) -> None:
    """Read sources whole and show what would become of their records. Nothing is labelled or written.

    Exits with 1 where a source cannot be read to its end.
    """
    from moodmill.producers.runs.labelling import STDIN
    from moodmill.producers.runs.opening import look_into, refuse_idle_options
    from moodmill.producers.runs.outcome import count_outcome
    from moodmill.producers.sources import Discovery

    if STDIN in sources:
        raise SourceError("standard input is read once: write it into a file to try it")
    found = Discovery()
    opened = list(look_into(sources, options.reading, found))
    if not opened:
        raise SourceError("no dump and no table found")
    refuse_idle_options(options, opened)
    counted, left = [], options.limit
    with stoppable(), REMARKS.status("reading") as shown:
        for source in opened:
            shown.update(Text(f"reading {source.place.name}"))
            counted.append(count_outcome(source, options, left))
            left = None if left is None else left - counted[-1].comments
    if as_json:
        print_json({"sources": [asdict(outcome) for outcome in counted], "passed_over": found.passed_over})
    else:
        _print_counts(counted)
    if any(outcome.error for outcome in counted):
        sys.exit(1)


def _print_counts(counted: "Sequence[Outcome]") -> None:
    table = Table("source", box=None)
    for title in ("read", "to be labelled", "skipped", "dead"):
        table.add_column(title, justify="right")
    table.add_column("why")
    for outcome in counted:
        counts = (outcome.records, outcome.comments, sum(outcome.skipped.values()), outcome.dead)
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(outcome.skipped.items()))
        table.add_row(Text(outcome.source), *(f"{n:,}" for n in counts), Text(outcome.error or reasons))
    OUTPUT.print(table)


def _look(opened: "Opened", options: "RunOptions") -> dict[str, Any]:
    look: dict[str, Any] = {"name": opened.place.name, "read_as": None, "records": [], "error": opened.error}
    if opened.source is None or opened.layout is None:
        return look
    look["read_as"] = opened.layout.describe()
    look["layout"] = opened.layout.to_json()
    try:
        look["records"] += _records(opened, options)
    except SourceError as error:
        look["error"] = str(error)
    return look


def _records(opened: "Opened", options: "RunOptions") -> Iterator[dict[str, Any]]:
    from moodmill.producers.sources.record import Bad

    if opened.source is None:
        return
    for record in islice(opened.source.records(), RECORDS):
        if isinstance(record, Bad):
            yield {"record": record.position + 1, "becomes": "dead letter", "error": record.error}
            continue
        comment = record.comment
        reason = options.filters.reason_to_skip(record)
        yield {
            "record": record.position + 1,
            "becomes": "comment" if reason is None else f"skipped: {reason}",
            "id": comment.id,
            "created_at": comment.created_at,
            "subreddit": comment.subreddit,
            "author": comment.author,
            "text": comment.text,
        }


def _print(look: dict[str, Any]) -> None:
    said = look["error"] if look["read_as"] is None else look["read_as"]
    OUTPUT.print(Text(said if look["name"] in said else f"{look['name']}: {said}"), soft_wrap=True)
    if look["records"]:
        titles = ("created at", "subreddit", "author", "text")
        table = Table(Column("record", justify="right"), "becomes", "id", *titles, box=None, padding=(0, 2, 0, 0))
        for record in look["records"]:
            created = record.get("created_at")
            when = f"{created:%Y-%m-%d %H:%M:%S}" if created else "-"
            said = (
                (record["id"], when, record["subreddit"] or "-", record["author"] or "-")
                if "id" in record
                else ("",) * 4
            )
            text = shortened(record["text"] if "id" in record else record["error"])
            table.add_row(str(record["record"]), *map(Text, (record["becomes"], *said, text)))
        OUTPUT.print(table)
    if look["error"] and look["read_as"] is not None:
        OUTPUT.print(Text(f"  then: {look['error']}"), soft_wrap=True)
