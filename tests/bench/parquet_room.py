"""Bytes a row of Parquet, of a store's rows as they are and with made-up authors and times. See --help."""

import io
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moodmill.db.analytics.selection import Selection, read_rows
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.lake.columnar import grouped, rounded, row_writer
from moodmill.db.lake.rounding import BITS, Rounding

#: Seconds of the month that comments are spread over, and comments of an author on average.
MONTH_S: Final = 30 * 86_400
OF_AN_AUTHOR: Final = 2
_ORDER: Final = [(name, "ascending") for name in ("model", "subreddit", "created_at", "comment_id")]
_SYLLABLES: Final = ("ka", "to", "mi", "ra", "lo", "ne", "shi", "du", "be", "xa", "th", "er", "on", "an", "st", "vi")


def made_up(table: pa.Table, dice: np.random.Generator) -> pa.Table:
    """Give rows authors, some of whom write much, and times of one month."""
    rows = table.num_rows
    names = pa.array(["".join(dice.choice(_SYLLABLES, dice.integers(2, 6))) + str(n) for n in range(rows)])
    ranks = np.minimum(dice.pareto(0.9, rows) * rows / (2.5 * OF_AN_AUTHOR), rows - 1).astype(int)
    times = 1_700_000_000 + np.sort(dice.integers(0, MONTH_S, rows))
    columns: dict[str, Any] = dict(zip(table.schema.names, table.columns, strict=True))
    columns["author"] = names.take(pa.array(ranks))
    columns["created_at"] = pa.array(times * 1_000_000, pa.timestamp("us", tz="UTC"))
    return pa.table(columns, schema=table.schema)


def bytes_of(table: pa.Table, rounding: Rounding | None) -> int:
    """Return how many bytes an export of these rows takes."""
    out = io.BytesIO()
    with row_writer(out, table.schema, rounding) as writer:
        batches = table.sort_by(_ORDER).combine_chunks().to_batches()
        for group in grouped(iter(batches if rounding is None else [rounded(one, rounding) for one in batches])):
            writer.write_table(group)
    return len(out.getvalue())


@click.command(help=__doc__)
@click.argument("store", type=click.Path(exists=True, path_type=Path))
def main(store: Path) -> None:
    """Print a line for each way to keep the rows of an SQLite STORE."""
    with read_rows(Store(f"sqlite:///{store}"), Selection()) as rows:
        table = rows.read_all()
    for name, one in (("as they are", table), ("with authors and times", made_up(table, np.random.default_rng(0)))):
        authors = len(pc.unique(one["author"]))
        click.echo(f"{one.num_rows:,} rows {name}, {authors:,} authors")
        click.echo(f"  32 bits: {bytes_of(one, None) / one.num_rows:6.1f} bytes a row")
        for bits in BITS:
            rounding = Rounding(bits)
            size = bytes_of(one, rounding) / one.num_rows
            click.echo(
                f"  {bits:2} bits: {size:6.1f} bytes a row, off by {rounding.largest:.2g} at most, the mean of one of "
                f"{len(EMOTIONS)} emotions by {100 * rounding.shift:.2g} % at most"
            )


if __name__ == "__main__":
    main()
