"""`moodmill export`: result rows into files."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click
from rich.text import Text

from moodmill.cli.options import json_option, store_options, subreddit_option, time_options
from moodmill.cli.output import output_file, output_folder, translated_errors
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.session import opened_store
from moodmill.cli.signals import stoppable
from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from moodmill.db.analytics.selection import Selection
    from moodmill.db.database.store import Store
    from moodmill.db.lake.rounding import Rounding

Form = Literal["parquet", "csv", "ndjson"]

_STDOUT: Final = Path("-")
#: What a file is by its suffix.
_FORMS: Final[dict[str, Form]] = {".parquet": "parquet", ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}


@click.command(short_help="Write results to Parquet, CSV or NDJSON.")
@click.argument("to", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--format", "form", type=click.Choice(["parquet", "csv", "ndjson"]), help="By default by TO's suffix.")
@click.option("--by-month", is_flag=True, help="TO is a folder; a Parquet file for each month goes into it.")
@click.option(
    "--compact",
    type=click.Choice(["16", "8"]),
    help="Of Parquet: round probabilities to so many bits, off by 0.0000076 or 0.004 at most.",
)
@click.option(
    "--safe-csv", is_flag=True, help="Of CSV for a spreadsheet: put ' before what it would run as a formula (= + - @)."
)
@click.option("--supported-only", is_flag=True, help="Leave out texts that the model was not made for (`unsupported`).")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only rows of this model; may be repeated.")
@subreddit_option
@time_options
@store_options
@json_option
def export(
    to: Path,
    form: Form | None,
    by_month: bool,
    compact: str | None,
    safe_csv: bool,
    supported_only: bool,
    models: tuple[str, ...],
    subreddits: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Write the rows of `comment_emotion` to the file TO, - for standard output.

    CSV and NDJSON are by time; Parquet is by month, model, subreddit and time, so that it takes little room, and a
    query reads only what it asks for. --compact halves that room, or takes a quarter of it, and says what it changed.

    What is there already is not overwritten, and a file has its name only once it is whole.

    Fields are as the store has them, so that other programs find the same ids, names and texts again. A spreadsheet
    runs those that begin with = + - @ as formulas when it opens a CSV: --safe-csv is for that.
    """
    from moodmill.db.analytics.export import export_folder
    from moodmill.db.analytics.selection import Selection, why_no_rows
    from moodmill.db.core.filters import check_period, names_asked
    from moodmill.db.core.names import subreddit_key
    from moodmill.db.lake.rounding import BITS, Rounding

    check_period(since, until)
    names = names_asked(subreddit_key, subreddits)
    selection = Selection(
        models=frozenset(models), subreddits=names, since=since, until=until, supported_only=supported_only
    )
    form = _form(to, form, by_month=by_month)
    if safe_csv and form != "csv":
        raise SettingError("--safe-csv is an option of CSV")
    if compact and form != "parquet":
        raise SettingError("--compact is an option of Parquet")
    rounding = next((Rounding(bits) for bits in BITS if str(bits) == compact), None)
    written = formulas = 0

    def show(rows: int) -> None:
        nonlocal written
        written = rows
        shown.update(f"exported {rows:,} rows")

    with opened_store() as store, stoppable(), REMARKS.status("exporting") as shown:
        if to == _STDOUT:
            # sys.stdout may be unbuffered: it then writes less than it is given where its reader goes, in silence.
            with translated_errors(to), open(sys.stdout.fileno(), "wb", closefd=False) as stdout:
                formulas = _export(store, selection, form, stdout, show, rounding, safe_csv=safe_csv)
        elif by_month:
            with output_folder(to) as folder:
                export_folder(store, selection, folder, show, rounding)
        else:
            with output_file(to) as out:
                formulas = _export(store, selection, form, out, show, rounding, safe_csv=safe_csv)
        remark = None if written else why_no_rows(store, selection)
    if formulas:
        REMARKS.print(f"fields that a spreadsheet would run as formulas: {formulas:,}; --safe-csv makes texts of them")
    if remark:
        REMARKS.print(Text(remark), soft_wrap=True)
    if rounding and written:
        REMARKS.print(
            f"probabilities of {rounding.bits} bits: off by {rounding.largest:.2g} at most, the mean of an emotion by "
            f"{100 * rounding.shift:.2g} % of it",
            soft_wrap=True,
        )
    if to == _STDOUT:
        return
    size = sum(file.stat().st_size for file in (to.rglob("*") if to.is_dir() else [to]) if file.is_file())
    if as_json:
        loss = {"bits": rounding.bits, "largest": rounding.largest, "shift": rounding.shift} if rounding else {}
        print_json({"to": str(to.resolve()), "rows": written, "bytes": size, **loss})
    else:
        each = f", {size / written:,.0f} bytes each" if written else ""
        OUTPUT.print(Text(f"{to}: {written:,} rows{each}"), soft_wrap=True)


def _export(
    store: "Store",
    selection: "Selection",
    form: Form,
    out: "IO[bytes]",
    on_rows: "Callable[[int], None]",
    rounding: "Rounding | None",
    *,
    safe_csv: bool,
) -> int:
    """Write rows to an open file; return how many fields of a CSV a spreadsheet would take for formulas."""
    from moodmill.db.analytics.export import export_csv, export_ndjson, export_parquet

    if form == "csv":
        return export_csv(store, selection, out, on_rows, without_formulas=safe_csv)
    if form == "ndjson":
        export_ndjson(store, selection, out, on_rows)
    else:
        export_parquet(store, selection, out, on_rows, rounding)
    return 0


def _form(to: Path, form: Form | None, *, by_month: bool) -> Form:
    """Return what is written to TO. Raises SettingError where the format is unknown or not allowed."""
    if to != _STDOUT and to.exists():
        raise SettingError(f"{to} is there already: name another one, or delete it")
    if by_month and (to == _STDOUT or form not in (None, "parquet")):
        raise SettingError("--by-month makes a folder of Parquet files")
    found = "parquet" if by_month else form or _FORMS.get(to.suffix)
    if found is None:
        raise SettingError(f"{to} says no format: expected .parquet, .csv or .ndjson, or --format or --by-month")
    return found
