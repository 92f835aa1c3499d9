"""`moodmill tune`: what is fastest on this processor, measured anew."""

import click
import msgspec
from rich.table import Table

from moodmill.cli.options import device_options, json_option, model_options
from moodmill.cli.printing import OUTPUT, print_json
from moodmill.db.core.errors import SettingError


@click.command(short_help="Measure anew what is fastest on this processor.")
@model_options
@device_options
@json_option
def tune(as_json: bool) -> None:
    """Measure which engine, precision, threads and micro-batches run the model fastest here, and remember it.

    It takes some seconds. The first start of a model does it by itself; what was measured on a busy machine is only
    used for an hour. `moodmill doctor` shows what was found, and how sure it is.
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.engines import runs_on_processor
    from moodmill.worker.inference.repository import find_model
    from moodmill.worker.inference.tuning import measured

    settings = read_settings(WorkerSettings)
    if not runs_on_processor(settings):
        raise SettingError("nothing is measured on a GPU: --device cpu tunes the processor")
    found = measured(find_model(settings), settings, anew=True)
    if as_json:
        print_json({**msgspec.to_builtins(found), "sure": found.sure})
        return
    table = Table("", "tokens/s", "", box=None)
    for engine, rate in found.rates.items():
        table.add_row(engine, f"{rate:,.0f}", "chosen" if engine == str(found.tuning.engine) else "")
    for engine, why in found.refused.items():
        table.add_row(engine, "", why)
    OUTPUT.print(table)
    tuning = found.tuning
    OUTPUT.print(
        f"{tuning.threads} threads, {tuning.lanes} micro-batches of {tuning.batch_tokens:,} tokens at once; "
        f"load {found.load:.1f} a core, times {found.spread:.0%} apart: {'sure' if found.sure else 'not sure'}",
        soft_wrap=True,
    )
